// SPDX-License-Identifier: GPL-2.0
#include "app/build_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/inspection.h"
#include "base/clock.h"
#include "base/units.h"
#include "heapwatch/unwind.h"
#include "symbol/names.h"

/* Seconds: an inspection is of now until then, and its RSS is the report's. */
#define STALE 0.05

/* Not one of the marks that stand for frames of other kinds. */
static bool is_address(uint64_t pc)
{
	return pc != HW_PC_JIT && !(pc & HW_PC_PYTHON);
}

struct report_frame *build_frames(struct names *names, const struct modules *modules,
				  const uint64_t *pc, size_t n, int leaf_is_call)
{
	struct report_frame *frames = calloc(n ? n : 1, sizeof(*frames));

	for (size_t i = 0; frames && i < n; i++) {
		struct name name;

		names__find(names, modules, pc[i], i > 0 || leaf_is_call, &name);
		frames[i] = (struct report_frame){.function = name.function,
						  .file = name.file,
						  .line = name.line,
						  .module = name.module,
						  .offset = name.offset,
						  .pc = is_address(pc[i]) ? pc[i] : 0};
	}
	return frames;
}

static int fill_arenas(struct build_memory *m, const struct explain *e, struct report_allocator *a)
{
	const struct glibc_state *s = &e->state;
	size_t n = 0;

	m->arenas = calloc(s->narenas + 1, sizeof(*m->arenas));
	if (!m->arenas)
		return -ENOMEM;
	for (size_t i = 0; i < s->narenas; i++) {
		const struct glibc_arena *from = &s->arenas[i];

		m->arenas[n++] =
		    (struct report_arena){.address = from->addr,
					  .main = from->main,
					  .threads = from->attached,
					  .system = from->system,
					  .max_system = from->max_system,
					  .in_use = from->in_use,
					  .free = from->system - from->in_use,
					  .resident_free = from->free_resident + from->tcache_bytes,
					  .trimmable = from->trimmable,
					  .confidence = account_confidence(from->confidence)};
	}
	a->narenas = n;
	a->arenas = m->arenas;
	return 0;
}

static int fill_allocator(struct build_memory *m, const struct inspection *i, const char *named,
			  const char *searched, struct report_allocator *a)
{
	const struct explain *e = &i->explain;
	const struct glibc_state *s = &e->state;

	/* "glibc 2.36" alone is a name and a version. */
	snprintf(m->name, sizeof(m->name), "%s",
		 named[0]      ? named
		 : searched[0] ? "none found"
			       : "unknown");
	*a = (struct report_allocator){.name = m->name,
				       .searched = named[0] || !searched[0] ? NULL : searched,
				       .confidence = "unknown"};
	if (sscanf(named, "glibc %15[0-9.]", m->version) == 1 && !strchr(named, '+')) {
		snprintf(m->name, sizeof(m->name), "glibc");
		a->version = m->version;
	}
	if (i->done && e->has_own) {
		a->own_name = e->own.name;
		a->own_quality = e->own.steady ? "exact" : "estimated";
		a->own_held_bytes = e->own.system;
		a->own_in_use_bytes = e->own.in_use;
	}
	if (!i->done || !e->has_glibc)
		return 0;
	a->told = true;
	a->confidence = account_confidence(s->confidence);
	a->system_bytes = s->sum.system;
	a->in_use_bytes = s->sum.in_use;
	a->free_bytes = s->sum.system - s->sum.in_use;
	a->tcache_bytes = s->sum.tcache;
	a->resident_free_bytes = e->totals.free;
	a->trimmable_bytes = s->sum.trimmable;
	a->mmapped_bytes = s->mmapped_bytes;
	a->mmapped_blocks = s->mmapped_blocks;
	return fill_arenas(m, e, a);
}

static int fill_pinned(struct build_memory *m, const struct inspection *i, struct names *names,
		       const struct modules *modules, struct report_process *p)
{
	const struct explain *e = &i->explain;
	size_t n = e->nsites < INSPECTION_PINNED ? e->nsites : INSPECTION_PINNED;

	for (size_t k = 0; k < n; k++) {
		const struct pins_site *s = &e->sites[k];
		struct report_pinned *to = &m->pinned[k];
		char size[SIZE_TEXT];

		*to = (struct report_pinned){.bytes = s->bytes, .pages = s->pages};
		if (s->by_size) {
			snprintf(m->blocks[k], sizeof(m->blocks[k]), "live blocks of up to %s",
				 size_format(size, pins_size_limit(s->key)));
			to->blocks = m->blocks[k];
			continue;
		}
		to->nframes = i->frames[k].n;
		to->frames = build_frames(names, modules, i->frames[k].pc, to->nframes, 1);
		if (!to->frames)
			return -ENOMEM;
	}
	p->npinned = n;
	p->pinned = m->pinned;
	p->sparse_pages = e->totals.sparse_pages;
	p->sparse_free_bytes = e->totals.sparse_free;
	return 0;
}

/* An allocator whose own figures cannot be read: what was seen of it. */
static void own_by_ledger(const char *allocator, struct report_process *p)
{
	struct report_allocator *a = &p->allocator;

	if (a->own_quality || !allocator[0] || !strncmp(allocator, "glibc", 5) ||
	    !p->mapped_allocator_bytes)
		return;
	a->own_name = a->name;
	a->own_quality = "ledger";
	a->own_held_bytes = p->mapped_allocator_bytes;
	a->own_in_use_bytes = p->outstanding_bytes;
}

int build_memory_fill(struct build_memory *m, const struct inspection *i, const char *allocator,
		      const char *searched, struct names *names, const struct modules *modules,
		      struct report_process *p)
{
	struct account_input in = {
	    .explain = &i->explain,
	    .pid = p->pid,
	    .probes = strcmp(p->mode, "passive") != 0,
	    .degraded = !strcmp(p->mode, "degraded"),
	    .partly = !strcmp(p->mode, "sampled") || !strcmp(p->mode, "large"),
	    .is_glibc = !strncmp(allocator, "glibc", 5) && !strchr(allocator, '+'),
	    .outstanding = p->outstanding_bytes};
	int err = fill_allocator(m, i, allocator, searched, &p->allocator);
	int64_t rest;

	if (!err)
		own_by_ledger(allocator, p);
	if (err || !i->done)
		return err;
	p->inspection_age = (double)(clock_now_ns() - i->when_ns) / 1e9;
	if (p->inspection_age > STALE) {
		/* By what the kernel's counter was wrong then, it still is. */
		rest = (int64_t)(p->rss_bytes + i->explain.rss - i->explain.counted);
		if (p->rss_bytes && rest > 0)
			p->rss_bytes = (uint64_t)rest;
		in.rss = p->rss_bytes;
	} else {
		p->rss_bytes = i->explain.rss;
		p->shared_bytes = i->explain.shared;
	}
	if (p->peak_rss_bytes < p->rss_bytes)
		p->peak_rss_bytes = p->rss_bytes;
	account_make(&in, &m->account);
	p->inspection_time = (double)i->explain.took_ns / 1e9;
	p->nlines = m->account.nlines;
	p->waterfall = m->account.lines;
	p->nadvice = m->account.nadvice;
	p->advice = m->account.advice;
	rest = p->nlines ? p->waterfall[p->nlines - 1].bytes : 0;
	p->unexplained_bytes = rest > 0 ? (uint64_t)rest : 0;
	return fill_pinned(m, i, names, modules, p);
}

void build_memory_free(struct build_memory *m)
{
	for (size_t i = 0; i < sizeof(m->pinned) / sizeof(*m->pinned); i++)
		free((void *)m->pinned[i].frames);
	free(m->arenas);
}
