// SPDX-License-Identifier: GPL-2.0
#include "inspect/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "inspect/allocator_ranges.h"
#include "inspect/memory.h"
#include "inspect/pagemap.h"
#include "inspect/procfs.h"
#include "model/modules.h"

/* Of more the kernel is not asked to count again: what its counters lack is little against it. */
#define ROLLUP_MAX (8ull << 30)

struct adding {
	struct explain *out;
	bool walked, own;
};

static int add_heap(void *arg, uint64_t start, uint64_t end, uint64_t first)
{
	const struct adding *a = arg;
	struct explain *e = a->out;
	struct census_heap *heaps = reallocarray(e->heaps, e->nheaps + 1, sizeof(*heaps));

	(void)first;
	if (!heaps)
		return -ENOMEM;
	e->heaps = heaps;
	heaps[e->nheaps++] = (struct census_heap){start, end, a->walked, a->own};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct census_heap *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* trim_threshold, top_pad, mmap_threshold are the first three words of struct malloc_par; whether
 * they are fixed, no_dyn_threshold, is the int before mmapped_mem (aligned). */
static void read_thresholds(const struct glibc *g, struct explain *out)
{
	uint64_t words[3];
	uint32_t fixed = 0;

	if (memory_read(&g->mem, g->par, words, sizeof(words)))
		return;
	out->trim_threshold = words[0];
	out->mmap_threshold = words[2];
	if (!memory_read(&g->mem, g->par + g->layout->n_mmaps + 12u, &fixed, sizeof(fixed)))
		out->thresholds_fixed = fixed;
}

/* Untouched memory may be many times the resident; more than this is no heap of a real program. */
static uint64_t limit(pid_t pid)
{
	struct procfs_memory m;

	return procfs_memory(pid, &m) ? 0 : (1ull << 30) + 64 * m.rss_bytes;
}

static int walk(const struct glibc *g, struct pagemap *pages, uint64_t budget_ns,
		const struct pins_ledger *ledger, struct explain *out)
{
	struct adding add = {.out = out};
	const struct glibc_visitor v = {.files = ledger ? ledger->files : NULL,
					.nfiles = ledger ? ledger->nfiles : 0,
					.region = pins__region,
					.chunk = pins__chunk,
					.arg = out->pins};
	int err = glibc_poll(g, &out->state);

	/* malloc was not called yet, or this is no heap of glibc's: a census tells what there is.
	 */
	if (err == -ENODATA || err == -EFAULT)
		return 0;
	if (err)
		return err;
	out->has_glibc = true;
	read_thresholds(g, out);
	err = glibc_walk(g, pages, budget_ns, &v, &out->state);
	if (err && err != -ETIMEDOUT)
		return err;
	for (size_t i = 0; i < out->state.narenas; i++) {
		add.walked = out->state.arenas[i].walked;
		err = glibc_regions(g, &out->state.arenas[i], add_heap, &add);
		if (err == -ENOMEM || err == -ESRCH)
			return err;
	}
	return 0;
}

/* By address, and each byte once: an allocator's table may be torn, or lie. */
static void sort_heaps(struct explain *e)
{
	size_t n = 0;

	if (e->nheaps)
		qsort(e->heaps, e->nheaps, sizeof(*e->heaps), by_start);
	for (size_t i = 0; i < e->nheaps; i++) {
		struct census_heap h = e->heaps[i];

		if (n && h.start < e->heaps[n - 1].end)
			h.start = e->heaps[n - 1].end;
		if (h.start < h.end)
			e->heaps[n++] = h;
	}
	e->nheaps = n;
}

static int add_own(pid_t pid, struct pagemap *pages, struct allocator_place *place,
		   struct explain *out)
{
	struct adding add = {.out = out, .own = true};
	struct allocator_ranges ranges = {0};
	int err = allocator_look(pid, out->modules, place, &out->own);

	out->has_own = !err;
	out->own_name = out->own.name;
	if (!err || err == -EAGAIN)
		err = allocator_survey(pid, out->modules, place, pages, &ranges);
	out->own_ranges = !err;
	for (size_t i = 0; !err && i < ranges.n; i++)
		err = add_heap(&add, ranges.all[i].start, ranges.all[i].end, 0);
	allocator_ranges_free(&ranges);
	/* Without its figures the rest is told all the same. */
	return err == -ENOMEM || err == -ESRCH ? err : 0;
}

/* The kernel's counter may lack what the census saw; to count costs a tenth of the census. */
static int read_rss(pid_t pid, struct explain *out)
{
	struct procfs_memory statm;
	struct procfs_rollup rollup;
	int err = procfs_memory(pid, &statm);

	if (err)
		return err;
	out->counted = out->rss = statm.rss_bytes;
	out->shared = statm.shared_bytes;
	if (statm.rss_bytes <= ROLLUP_MAX && !procfs_rollup(pid, &rollup))
		out->rss = rollup.rss_bytes;
	return 0;
}

static int take(pid_t pid, const struct glibc *g, uint64_t budget_ns, struct pagemap *pages,
		struct allocator_place *place, const struct pins_ledger *ledger,
		struct explain *out)
{
	struct modules *modules = out->modules;
	struct memory mem = memory_of(pid);
	struct census_input in = {.mem = &mem, .pages = pages, .modules = modules};
	struct glibc bounded;
	int err = 0;

	if (g) {
		bounded = *g;
		bounded.limit = limit(pid);
		err = walk(&bounded, pages, budget_ns, ledger, out);
	}

	/* Mappings after the heaps: what a heap grew by meanwhile is in both. */
	if (!err)
		err = procfs_modules(pid, modules);
	in.mmapped_blocks = out->state.mmapped_blocks;
	in.mmapped_bytes = out->state.mmapped_bytes;
	in.mmapped = pins__mmapped;
	in.arg = out->pins;
	if (err >= 0) {
		err = add_own(pid, pages, place, out);
		sort_heaps(out);
		in.heaps = out->heaps;
		in.nheaps = out->nheaps;
	}
	if (!err)
		err = census_take(&in, &out->census);
	if (!err)
		err = read_rss(pid, out);
	if (!err)
		err = pins__finish(out->pins, &out->totals, &out->sites, &out->nsites);
	return err;
}

int explain_take(pid_t pid, const struct glibc *g, unsigned int minor,
		 struct allocator_place *place, uint64_t budget_ns,
		 const struct pins_ledger *ledger, struct explain *out)
{
	struct pagemap *pages = NULL;
	uint64_t start = clock_now_ns();
	int err;

	memset(out, 0, sizeof(*out));
	out->minor = minor;
	out->pins = pins__new(ledger);
	out->modules = modules__new();
	err = out->modules && out->pins ? pagemap__new(pid, &pages) : -ENOMEM;
	if (!err)
		err = take(pid, g, budget_ns, pages, place, ledger, out);
	pagemap__free(pages);
	out->took_ns = clock_now_ns() - start;
	return err;
}

void explain_free(struct explain *e)
{
	glibc_state_free(&e->state);
	pins__free(e->pins);
	modules__free(e->modules);
	free(e->heaps);
	e->modules = NULL;
	e->pins = NULL;
	e->sites = NULL;
	e->heaps = NULL;
	e->nheaps = 0;
}

bool explain_surveyed(const struct explain *e, uint64_t addr)
{
	for (size_t i = 0; i < e->nheaps && e->heaps[i].start <= addr; i++)
		if (addr < e->heaps[i].end)
			return e->heaps[i].walked;
	return e->modules && !modules__find(e->modules, addr);
}
