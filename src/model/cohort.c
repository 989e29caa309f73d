// SPDX-License-Identifier: GPL-2.0
#include "model/cohort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/begins.h"
#include "model/blocks.h"
#include "model/estimator.h"
#include "model/seen.h"

#define SMALLEST 32u /* a chunk of glibc's */

struct sample {
	struct block block;
	uint32_t class;
	bool read, same;
};

struct cohort {
	struct begins *begins;

	/* Of the look under way. */
	uint64_t time_ns;
	bool by_class;
	const struct seen_span *spans; /* the caller's */
	size_t nspans;
	struct sample *samples;
	size_t n, room;
	uint64_t *live; /* by site, blocks */
	uint32_t nlive;

	struct cohort_part *parts;
	size_t nparts;
	uint32_t looks;
};

struct cohort *cohort__new(void)
{
	struct cohort *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->begins = begins__new();
	if (!c->begins) {
		free(c);
		return NULL;
	}
	return c;
}

void cohort__free(struct cohort *c)
{
	if (!c)
		return;
	begins__free(c->begins);
	free(c->samples);
	free(c->live);
	free(c->parts);
	free(c);
}

bool cohort__see(struct cohort *c, uint64_t time_ns, const struct block *b,
		 const uint64_t words[SIGNATURE_WORDS])
{
	return begins__see(c->begins, time_ns, b, words);
}

/* ---- a look ---- */

void cohort__begin(struct cohort *c, uint64_t time_ns, bool by_class, const struct seen_span *spans,
		   size_t nspans)
{
	c->time_ns = time_ns;
	c->by_class = by_class;
	c->spans = spans;
	c->nspans = nspans;
	c->n = 0;
	if (c->nlive)
		memset(c->live, 0, c->nlive * sizeof(*c->live));
}

static int count_live(struct cohort *c, uint32_t site)
{
	if (site >= c->nlive) {
		uint32_t n = site + site / 2 + 64;
		uint64_t *live = reallocarray(c->live, n, sizeof(*live));

		if (!live)
			return -ENOMEM;
		memset(live + c->nlive, 0, (n - c->nlive) * sizeof(*live));
		c->live = live;
		c->nlive = n;
	}
	c->live[site]++;
	return 0;
}

int cohort__add(struct cohort *c, const struct block *b)
{
	if (count_live(c, b->site))
		return -ENOMEM;
	if (seen_weight(c->spans, c->nspans, b->born, b->size) <= SEEN_ALL)
		return 0;
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 1024;
		struct sample *samples = reallocarray(c->samples, room, sizeof(*samples));

		if (!samples)
			return -ENOMEM;
		c->samples = samples;
		c->room = room;
	}
	c->samples[c->n++] =
	    (struct sample){.block = *b, .class = c->by_class ? estimator_class_of(b->size) : 0};
	return 0;
}

static void swap(struct sample *a, struct sample *b)
{
	struct sample x = *a;

	*a = *b;
	*b = x;
}

size_t cohort__to_read(struct cohort *c)
{
	size_t to_read = 0;
	uint32_t mask = 0;

	for (size_t n = c->n; n > COHORT_READ_MAX; n /= 2)
		mask = 2 * mask + 1;
	for (size_t i = 0; i < c->n && to_read < COHORT_READ_MAX; i++)
		if (!(begins_hash(&c->samples[i].block) & mask))
			swap(&c->samples[i], &c->samples[to_read++]);
	return to_read;
}

const struct block *cohort__block(const struct cohort *c, size_t i)
{
	return &c->samples[i].block;
}

void cohort__tell(struct cohort *c, size_t i, const uint64_t words[SIGNATURE_WORDS])
{
	c->samples[i].read = true;
	c->samples[i].same = begins__see(c->begins, c->time_ns, &c->samples[i].block, words);
}

/* ---- what a look comes to ---- */

static int by_class_and_site(uint32_t class, uint32_t site, uint32_t class2, uint32_t site2)
{
	if (class != class2)
		return class < class2 ? -1 : 1;
	return (site > site2) - (site < site2);
}

static int by_sample(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int order = by_class_and_site(x->class, x->block.site, y->class, y->block.site);

	return order ? order : (x->block.born > y->block.born) - (x->block.born < y->block.born);
}

static int by_part(const void *a, const void *b)
{
	const struct cohort_part *x = a, *y = b;

	return by_class_and_site(x->class, x->site, y->class, y->site);
}

/* What the allocator gives for so many bytes: glibc's chunks, or the classes that most others have:
 * each 16 bytes, then four to each doubling. */
static double chunk_of(const struct cohort *c, uint64_t size)
{
	uint64_t step = 16;

	if (c->by_class) {
		size = (size + 8 + 15) & ~15ull;
		return (double)(size < SMALLEST ? SMALLEST : size);
	}
	while (step * 8 < size)
		step *= 2;
	return (double)(size ? (size + step - 1) / step * step : step);
}

static struct cohort_part part_of(const struct cohort *c, size_t *i)
{
	const struct sample *first = &c->samples[*i];
	struct cohort_part p = {.site = first->block.site, .class = first->class};
	double read = 0, bytes = 0, n = 0, window = 0, squares = 0;
	uint32_t born = first->block.born;

	for (; *i < c->n; ++*i) {
		const struct sample *s = &c->samples[*i];
		double chunk = chunk_of(c, s->block.size);

		if (s->class != p.class || s->block.site != p.site)
			break;
		if (s->block.born != born) {
			squares += window * window;
			window = 0;
			born = s->block.born;
		}
		n++;
		bytes += (double)s->block.size;
		p.all += chunk;
		read += s->read ? chunk : 0;
		p.same += s->same ? chunk : 0;
		window += s->same ? chunk : 0;
	}
	squares += window * window;
	p.worth = bytes / p.all;
	/* Where none of many is the same the next one hardly is. */
	p.unit = p.same > 0 ? squares / p.same : p.all / n / n;
	/* Those that were not read are as the others are. */
	if (read > 0) {
		p.unit *= p.all / read;
		p.same *= p.all / read;
	}
	return p;
}

int cohort__finish(struct cohort *c)
{
	struct cohort_part *parts = calloc(c->n + 1, sizeof(*parts));
	size_t nparts = 0;

	if (!parts)
		return -ENOMEM;
	begins__turn(c->begins);
	if (c->n)
		qsort(c->samples, c->n, sizeof(*c->samples), by_sample);
	for (size_t i = 0; i < c->n;)
		parts[nparts++] = part_of(c, &i);
	free(c->parts);
	c->parts = parts;
	c->nparts = nparts;
	c->looks++;
	return 0;
}

uint32_t cohort__looks(const struct cohort *c)
{
	return c->looks;
}

size_t cohort__parts(const struct cohort *c, const struct cohort_part **parts)
{
	*parts = c->parts;
	return c->nparts;
}

const struct cohort_part *cohort__part(const struct cohort *c, uint32_t class, uint32_t site)
{
	const struct cohort_part key = {.site = site, .class = class};

	return c->nparts ? bsearch(&key, c->parts, c->nparts, sizeof(key), by_part) : NULL;
}

uint64_t cohort__live(const struct cohort *c, uint32_t site)
{
	return site < c->nlive ? c->live[site] : 0;
}
