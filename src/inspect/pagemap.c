// SPDX-License-Identifier: GPL-2.0
#include "inspect/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PM_PRESENT (1ull << 63)
#define PM_SWAP	   (1ull << 62)
#define PM_FILE	   (1ull << 61)
#define PM_PFN	   ((1ull << 55) - 1)

/* Of the page directory's entries: a huge page.  What has another size has no huge zero page. */
#define HUGE (2ull << 20)

#define BATCH 4096 /* entries a read: 32 KiB, 16 MiB of address space */

/*
 * PAGEMAP_SCAN (include/uapi/linux/fs.h, 6.7, kernel commit 52526ca7fdb9): runs of pages that are
 * alike in place of 8 bytes a page, an eighth of the time.
 */
struct scan_run {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE    (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_ZERO    (1u << 5)
#define SCAN_HUGE    (1u << 6)
#define RUNS	     512
/* The mmap lock is held for one call: some 0.2 ms for this much. */
#define SCAN_BYTES (64ull << 20)

struct pagemap {
	int fd;
	bool scans;	   /* PAGEMAP_SCAN works here */
	bool misses_huge;  /* ... but does not tell the huge zero page from others */
	uint64_t zero_pfn; /* 0: not known, for page frame numbers are hidden from us */
	uint64_t huge_pfn; /* first frame of the huge zero page; 0: there is none, or as above */
	uint64_t entries[BATCH];
};

/* Of a page of whose pagemap this is. */
static uint64_t pfn_of(const struct pagemap *p, const volatile void *page)
{
	uint64_t entry;

	if (pread(p->fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / PAGEMAP_PAGE * sizeof(entry))) != sizeof(entry))
		return 0;
	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

/* Is it backed by the zero page, or by a part of the huge one?  They are no memory of the process,
 * and not in its RSS, but pagemap calls them present. */
static bool is_zero(const struct pagemap *p, uint64_t pfn)
{
	return (p->zero_pfn && pfn == p->zero_pfn) ||
	       (p->huge_pfn && pfn - p->huge_pfn < HUGE / PAGEMAP_PAGE);
}

typedef void (*run_fn)(void *arg, uint64_t from, uint64_t to, enum page_state state);

/* A run of huge pages, of which none, some or all may be the one of zeroes. */
static void tell_huge(const struct pagemap *p, const struct scan_run *run, run_fn fn, void *arg)
{
	for (uint64_t at = run->start, next; at < run->end; at = next) {
		next = (at / HUGE + 1) * HUGE;
		if (next > run->end)
			next = run->end;
		fn(arg, at, next,
		   is_zero(p, pfn_of(p, (void *)(uintptr_t)at)) ? PAGE_ABSENT : PAGE_ANON);
	}
}

/* Call fn for each run of pages in [addr, end) that are there or swapped. */
static int scan(struct pagemap *p, enum pagemap_of of, uint64_t addr, uint64_t end, run_fn fn,
		void *arg)
{
	struct scan_run runs[RUNS];

	while (addr < end) {
		struct scan_arg a = {.size = sizeof(a),
				     .start = addr,
				     .end = end - addr > SCAN_BYTES ? addr + SCAN_BYTES : end,
				     .vec = (uintptr_t)runs,
				     .vec_len = RUNS,
				     .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
				     .return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_ZERO |
						    (of == PAGEMAP_ANY ? SCAN_FILE : 0) |
						    (p->misses_huge ? SCAN_HUGE : 0)};
		int n = ioctl(p->fd, PAGEMAP_SCAN, &a);

		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++) {
			uint64_t c = runs[i].categories;
			enum page_state state = c & SCAN_SWAPPED ? PAGE_SWAPPED
						: c & SCAN_ZERO	 ? PAGE_ABSENT
						: c & SCAN_FILE	 ? PAGE_FILE
								 : PAGE_ANON;

			if (c & SCAN_HUGE && state == PAGE_ANON)
				tell_huge(p, &runs[i], fn, arg);
			else
				fn(arg, runs[i].start, runs[i].end, state);
		}
		if (a.walk_end <= addr)
			return -EIO;
		addr = a.walk_end;
	}
	return 0;
}

static void note(void *arg, uint64_t from, uint64_t to, enum page_state state)
{
	(void)from;
	(void)to;
	*(enum page_state *)arg = state;
}

static uint64_t find_zero_pfn(const struct pagemap *own)
{
	volatile char *page;
	uint64_t pfn;

	page = mmap(NULL, PAGEMAP_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 0;
	(void)*page;
	pfn = pfn_of(own, page);
	munmap((void *)page, PAGEMAP_PAGE);
	return pfn;
}

/*
 * One page for the whole machine, which stays what it is while a process lives that has read of it:
 * that we do.  Not each kernel that can scan calls it zero there.
 */
static void find_huge_zero(struct pagemap *own)
{
	enum page_state state = PAGE_ABSENT;
	volatile char *room, *page;
	uint64_t pfn = 0;

	room = mmap(NULL, 2 * HUGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return;
	page = room + (-(uintptr_t)room & (HUGE - 1));
	if (!madvise((void *)page, HUGE, MADV_HUGEPAGE)) {
		(void)*page;
		pfn = pfn_of(own, page);
	}
	/* What was not read is there only where it is huge. */
	if (pfn && pfn_of(own, page + PAGEMAP_PAGE) == pfn + 1) {
		own->huge_pfn = pfn;
		scan(own, PAGEMAP_ANY, (uintptr_t)page, (uintptr_t)page + HUGE, note, &state);
		own->misses_huge = state != PAGE_ABSENT;
	}
	munmap((void *)room, 2 * HUGE);
}

/* What zeroes look like, from a pagemap of our own. */
static void find_zeroes(struct pagemap *p)
{
	p->fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (p->fd < 0)
		return;
	p->zero_pfn = find_zero_pfn(p);
	find_huge_zero(p);
	close(p->fd);
}

int pagemap__new(pid_t pid, struct pagemap **out)
{
	struct pagemap *p = calloc(1, sizeof(*p));
	enum page_state state;
	char path[64];
	int err;

	if (!p)
		return -ENOMEM;
	find_zeroes(p);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0) {
		err = errno == ENOENT ? -ESRCH : -errno;
		free(p);
		return err;
	}
	p->scans = !scan(p, PAGEMAP_ANY, PAGEMAP_PAGE, 2 * PAGEMAP_PAGE, note, &state);
	*out = p;
	return 0;
}

void pagemap__no_scan(struct pagemap *p)
{
	p->scans = false;
}

void pagemap__free(struct pagemap *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p);
}

static enum page_state state_of(const struct pagemap *p, uint64_t entry)
{
	if (entry & PM_SWAP)
		return PAGE_SWAPPED;
	if (!(entry & PM_PRESENT))
		return PAGE_ABSENT;
	if (is_zero(p, entry & PM_PFN))
		return PAGE_ABSENT;
	return entry & PM_FILE ? PAGE_FILE : PAGE_ANON;
}

/* Up to BATCH entries from page number `page` on; 0: none is left. */
static ssize_t fill(struct pagemap *p, uint64_t page, uint64_t npages)
{
	size_t want = (npages < BATCH ? npages : BATCH) * sizeof(uint64_t);
	ssize_t n = pread(p->fd, p->entries, want, (off_t)(page * sizeof(uint64_t)));

	if (n < 0)
		return -errno;
	return n / (ssize_t)sizeof(uint64_t);
}

struct states {
	uint64_t addr;
	uint8_t *states;
};

static void fill_run(void *arg, uint64_t from, uint64_t to, enum page_state state)
{
	const struct states *s = arg;

	memset(s->states + (from - s->addr) / PAGEMAP_PAGE, state, (to - from) / PAGEMAP_PAGE);
}

int pagemap__read(struct pagemap *p, enum pagemap_of of, uint64_t addr, uint64_t npages,
		  uint8_t *states)
{
	uint64_t page = addr / PAGEMAP_PAGE, done = 0;
	struct states s = {.addr = addr, .states = states};

	if (p->scans) {
		memset(states, PAGE_ABSENT, npages);
		return scan(p, of, addr, addr + npages * PAGEMAP_PAGE, fill_run, &s);
	}
	while (done < npages) {
		ssize_t n = fill(p, page + done, npages - done);

		if (n < 0)
			return (int)n;
		if (!n) {
			memset(states + done, PAGE_ABSENT, npages - done);
			return 0;
		}
		for (ssize_t i = 0; i < n; i++)
			states[done++] = (uint8_t)state_of(p, p->entries[i]);
	}
	return 0;
}

static void sum_run(void *arg, uint64_t from, uint64_t to, enum page_state state)
{
	struct pagemap_sum *out = arg;

	switch (state) {
	case PAGE_ANON:
		out->anon += to - from;
		out->resident += to - from;
		break;
	case PAGE_FILE:
		out->file += to - from;
		out->resident += to - from;
		break;
	case PAGE_SWAPPED:
		out->swapped += to - from;
		break;
	case PAGE_ABSENT:
		break;
	}
}

int pagemap__sum(struct pagemap *p, enum pagemap_of of, uint64_t addr, uint64_t len,
		 struct pagemap_sum *out)
{
	uint64_t page = addr / PAGEMAP_PAGE, npages = len / PAGEMAP_PAGE;

	if (p->scans)
		return scan(p, of, addr, addr + len, sum_run, out);
	while (npages) {
		ssize_t n = fill(p, page, npages);

		if (n < 0)
			return (int)n;
		if (!n)
			return 0;
		for (ssize_t i = 0; i < n; i++)
			sum_run(out, 0, PAGEMAP_PAGE, state_of(p, p->entries[i]));
		page += (uint64_t)n;
		npages -= (uint64_t)n;
	}
	return 0;
}
