// SPDX-License-Identifier: GPL-2.0
#include "store/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "model/report.h"
#include "store/words.h"

/* What tells one site from another without its frames. */
struct seen_key {
	uint64_t process, exe, stack;
	uint64_t shape; /* kind, truncated, frames, those of them with a name */
};

struct dictionary {
	struct intern *tables[DICTIONARY_TABLES];
	struct intern *seen; /* struct seen_key */
	uint64_t *seen_site; /* the site of each, by number */
	size_t seen_room;
	struct bytes scratch;
	int err;
};

void dictionary__free(struct dictionary *d)
{
	if (!d)
		return;
	for (int i = 0; i < DICTIONARY_TABLES; i++)
		intern__free(d->tables[i]);
	intern__free(d->seen);
	free(d->seen_site);
	bytes__free(&d->scratch);
	free(d);
}

struct dictionary *dictionary__new(void)
{
	struct dictionary *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->seen = intern__new();
	for (int i = 0; i < DICTIONARY_TABLES; i++) {
		d->tables[i] = intern__new();
		if (!d->tables[i])
			d->err = -ENOMEM;
	}
	if (d->err || !d->seen) {
		dictionary__free(d);
		return NULL;
	}
	return d;
}

static uint64_t add(struct dictionary *d, enum dictionary_table table, const void *key, size_t len)
{
	int64_t n = d->err ? d->err : intern__add(d->tables[table], key, len);

	if (n < 0)
		d->err = (int)n;
	return d->err ? 0 : (uint64_t)n + 1;
}

uint64_t dictionary__text(struct dictionary *d, const char *text)
{
	return text ? add(d, DICTIONARY_TEXTS, text, strlen(text)) : 0;
}

static uint64_t frame(struct dictionary *d, const struct report_frame *f)
{
	struct dictionary_frame key = {
	    .function = dictionary__text(d, f->function),
	    .file = dictionary__text(d, f->file),
	    .line = f->line,
	    .module = dictionary__text(d, f->module),
	    .offset = f->offset,
	    .pc = f->pc,
	};

	return add(d, DICTIONARY_FRAMES, &key, sizeof(key));
}

uint64_t dictionary__stack(struct dictionary *d, const struct report_frame *frames, size_t n,
			   int truncated, const char *reason)
{
	uint64_t why = dictionary__text(d, reason);

	d->scratch.len = 0;
	bytes__add(&d->scratch, truncated ? 1 : 0);
	bytes__add(&d->scratch, why);
	for (size_t i = 0; i < n; i++)
		bytes__add(&d->scratch, frame(d, &frames[i]));
	if (d->scratch.failed)
		d->err = -ENOMEM;
	return add(d, DICTIONARY_STACKS, d->scratch.data, d->scratch.len);
}

uint64_t dictionary__process(struct dictionary *d, const struct report_process *p)
{
	struct dictionary_process key = {p->pid, p->start_time};

	return add(d, DICTIONARY_PROCESSES, &key, sizeof(key));
}

uint64_t dictionary__site(struct dictionary *d, uint64_t process, uint64_t exe,
			  const struct report_site *s)
{
	struct seen_key key = {process, exe, s->stack,
			       (uint64_t)s->kind | (uint64_t)s->truncated << 8 |
				   (uint64_t)s->nframes << 16};
	struct dictionary_site site = {process, s->kind, s->stack, 0};
	int64_t n;

	for (size_t i = 0; i < s->nframes; i++)
		key.shape += (uint64_t) !!s->frames[i].function << 32;
	n = d->err ? d->err : intern__add(d->seen, &key, sizeof(key));
	if (n < 0) {
		d->err = (int)n;
		return 0;
	}
	if ((size_t)n >= d->seen_room) {
		size_t room = d->seen_room ? 2 * d->seen_room : 256;
		uint64_t *grown = realloc(d->seen_site, room * sizeof(*grown));

		if (!grown) {
			d->err = -ENOMEM;
			return 0;
		}
		memset(grown + d->seen_room, 0, (room - d->seen_room) * sizeof(*grown));
		d->seen_site = grown;
		d->seen_room = room;
	}
	if (!d->seen_site[n]) {
		site.stack = dictionary__stack(d, s->frames, s->nframes, s->truncated, s->reason);
		d->seen_site[n] = add(d, DICTIONARY_SITES, &site, sizeof(site));
	}
	return d->seen_site[n];
}

int dictionary__error(const struct dictionary *d)
{
	return d->err;
}

size_t dictionary__count(const struct dictionary *d, enum dictionary_table table)
{
	return intern__count(d->tables[table]);
}

const void *dictionary__get(const struct dictionary *d, enum dictionary_table table,
			    uint64_t number, size_t *len)
{
	return intern__key(d->tables[table], (size_t)number - 1, len);
}

size_t dictionary__memory(const struct dictionary *d)
{
	size_t n = intern__memory(d->seen) + d->seen_room * sizeof(*d->seen_site);

	for (int i = 0; i < DICTIONARY_TABLES; i++)
		n += intern__memory(d->tables[i]);
	return n;
}
