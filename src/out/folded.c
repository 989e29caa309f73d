// SPDX-License-Identifier: GPL-2.0
#include "out/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/label.h"

struct sums {
	uint64_t before, now;
};

/* Lines are kept in the order in which they come up, and summed: two call paths may differ only in
 * what a name does not tell. */
struct folded {
	struct intern *lines;
	struct sums *sums; /* by line */
	size_t room;
	char *line; /* being made */
	size_t len, size;
	int err;
};

/* The separators of the format must not come from a name. */
static void append(struct folded *x, const char *word)
{
	size_t n = strlen(word);

	if (x->err)
		return;
	if (x->size - x->len < n + 2) {
		size_t size = 2 * (x->size + n + 2);
		char *line = realloc(x->line, size);

		if (!line) {
			x->err = -ENOMEM;
			return;
		}
		x->line = line;
		x->size = size;
	}
	if (x->len)
		x->line[x->len++] = ';';
	for (size_t i = 0; i < n; i++)
		x->line[x->len++] = word[i] == ';' ? ':' : word[i];
}

static struct sums *sums_of(struct folded *x)
{
	int64_t n = x->err ? x->err : intern__add(x->lines, x->line, x->len);

	if (n < 0) {
		x->err = (int)n;
		return NULL;
	}
	if ((size_t)n == x->room) {
		size_t room = x->room ? 2 * x->room : 64;
		struct sums *grown = realloc(x->sums, room * sizeof(*grown));

		if (!grown) {
			x->err = -ENOMEM;
			return NULL;
		}
		memset(grown + x->room, 0, (room - x->room) * sizeof(*grown));
		x->sums = grown;
		x->room = room;
	}
	return &x->sums[n];
}

static void add(struct folded *x, const struct report_process *p, const struct report_site *s,
		int earlier)
{
	char word[LABEL_TEXT], comm[64];
	struct sums *sums;

	x->len = 0;
	utf8_clean(comm, sizeof(comm), p->comm);
	snprintf(word, sizeof(word), "%s-%" PRIu32, comm, p->pid);
	append(x, word);
	if (!s->nframes)
		append(x, LABEL_UNKNOWN);
	else if (s->truncated)
		append(x, LABEL_TRUNCATED);
	for (size_t i = s->nframes; i--;)
		append(x, label_frame(word, sizeof(word), &s->frames[i]));
	sums = sums_of(x);
	if (sums && earlier)
		sums->before += s->bytes;
	else if (sums)
		sums->now += s->bytes;
}

static void add_all(struct folded *x, const struct report *r, int earlier)
{
	for (size_t i = 0; r && i < r->nprocesses; i++)
		for (size_t k = 0; k < r->processes[i].nsites; k++)
			add(x, &r->processes[i], &r->processes[i].sites[k], earlier);
}

int folded_write(FILE *f, const struct report *r, const struct report *before)
{
	struct folded x = {.lines = intern__new()};

	if (!x.lines)
		return -ENOMEM;
	add_all(&x, r, 0);
	add_all(&x, before, 1);
	for (size_t i = 0; !x.err && i < intern__count(x.lines); i++) {
		const char *line = intern__key(x.lines, i, NULL);
		const struct sums *s = &x.sums[i];

		if (before && (s->before || s->now))
			fprintf(f, "%s %" PRIu64 " %" PRIu64 "\n", line, s->before, s->now);
		else if (!before && s->now)
			fprintf(f, "%s %" PRIu64 "\n", line, s->now);
	}
	if (!x.err && (fflush(f) || ferror(f)))
		x.err = -EIO;
	intern__free(x.lines);
	free(x.sums);
	free(x.line);
	return x.err;
}
