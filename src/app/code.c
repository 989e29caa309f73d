// SPDX-License-Identifier: GPL-2.0
#include "app/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/watched.h"
#include "model/ledger.h"
#include "model/modules.h"
#include "probe/target.h"

struct code code_of(const struct target *target)
{
	struct code c = {.ranges = calloc(target->nfns + 1, sizeof(*c.ranges))};

	for (size_t i = 0; c.ranges && i < target->nfns; i++) {
		const struct target_fn *fn = &target->fns[i];
		uint64_t start = fn->place.offset - fn->place.moved;

		c.ranges[c.n++] = (struct code_range){start, start + fn->size};
	}
	return c;
}

void code_free(struct code *c)
{
	free(c->ranges);
	*c = (struct code){0};
}

struct code code_copy(const struct code *c)
{
	struct code copy = {.ranges = calloc(c->n + 1, sizeof(*copy.ranges))};

	if (copy.ranges && c->n) {
		memcpy(copy.ranges, c->ranges, c->n * sizeof(*c->ranges));
		copy.n = c->n;
	}
	return copy;
}

/* A return address can be just behind the function, where the call is its last instruction. */
static bool has(const struct code *c, uint64_t offset)
{
	for (size_t i = 0; i < c->n; i++)
		if (offset > c->ranges[i].start && offset <= c->ranges[i].end)
			return true;
	return false;
}

/* A library that is an allocator and nothing else, as its name says. */
static bool is_all(const struct module *m, const struct watched_file *f)
{
	const char *name = strrchr(m->path, '/');
	char word[sizeof(f->allocator)];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(f->allocator, " "), f->allocator);
	return f->replaces && word[0] && name && strstr(name, word) && strstr(name, ".so");
}

static bool is_inside(const struct watched *w, uint64_t pc)
{
	const struct module *m = modules__find(w->modules, pc);

	for (size_t i = 0; m && m->inode && i < w->nfiles; i++) {
		const struct watched_file *f = &w->files[i];

		if (f->dev == modules_dev(m) && f->inode == m->inode)
			return is_all(m, f) || has(&f->code, pc - m->start + m->offset);
	}
	return false;
}

/* The outermost one, as where all calls are seen; a handler of a signal that came within an
 * allocator is no part of it. */
#define DEEP 16

uint32_t code_leave(void *watched, const uint64_t *pc, uint32_t nframes)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < nframes && i < DEEP; i++)
		if (is_inside(watched, pc[i]))
			left = i + 1;
	return left;
}

void code_apply(const struct watched *w, struct snapshot *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nsites; i++) {
		const struct snapshot_site *site = &s->sites[i];
		bool inside = false;

		/* The first frame is the system call itself. */
		for (uint32_t k = 1; site->kind == REPORT_MAP && k < site->nframes && !inside; k++)
			inside = is_inside(w, site->pc[k]);
		if (!inside) {
			s->sites[kept++] = *site;
			continue;
		}
		s->mappings.bytes[MAPPING_PROGRAM] -= site->bytes;
		s->mappings.bytes[MAPPING_ALLOCATOR] += site->bytes;
		s->mappings.extents[MAPPING_PROGRAM] -= site->blocks;
		s->mappings.extents[MAPPING_ALLOCATOR] += site->blocks;
		s->sites_total--;
	}
	s->nsites = kept;
}
