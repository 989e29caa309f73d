// SPDX-License-Identifier: GPL-2.0
#include "inspect/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PM_PRESENT (1ull << 63)
#define PM_SWAP	   (1ull << 62)
#define PM_FILE	   (1ull << 61)
#define PM_PFN	   ((1ull << 55) - 1)

#define BATCH 4096 /* entries a read: 32 KiB, 16 MiB of address space */

struct pagemap {
	int fd;
	uint64_t zero_pfn; /* 0: not known, for page frame numbers are hidden from us */
	uint64_t entries[BATCH];
};

/* The frame of the zero page: what a page that was only read is backed by.  It is no memory of
 * the process, and is not in its RSS, but pagemap calls it present. */
static uint64_t find_zero_pfn(void)
{
	uint64_t entry = 0;
	volatile char *page;
	int fd;

	page = mmap(NULL, PAGEMAP_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 0;
	(void)*page;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (pread(fd, &entry, sizeof(entry),
			  (off_t)((uintptr_t)page / PAGEMAP_PAGE * sizeof(entry))) != sizeof(entry))
			entry = 0;
		close(fd);
	}
	munmap((void *)page, PAGEMAP_PAGE);
	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

int pagemap__new(pid_t pid, struct pagemap **out)
{
	struct pagemap *p = malloc(sizeof(*p));
	char path[64];
	int err;

	if (!p)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0) {
		err = errno == ENOENT ? -ESRCH : -errno;
		free(p);
		return err;
	}
	p->zero_pfn = find_zero_pfn();
	*out = p;
	return 0;
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
	if (p->zero_pfn && (entry & PM_PFN) == p->zero_pfn)
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

int pagemap__read(struct pagemap *p, uint64_t addr, uint64_t npages, uint8_t *states)
{
	uint64_t page = addr / PAGEMAP_PAGE, done = 0;

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

int pagemap__sum(struct pagemap *p, uint64_t addr, uint64_t len, struct pagemap_sum *out)
{
	uint64_t page = addr / PAGEMAP_PAGE, npages = len / PAGEMAP_PAGE;

	while (npages) {
		ssize_t n = fill(p, page, npages);

		if (n < 0)
			return (int)n;
		if (!n)
			return 0;
		for (ssize_t i = 0; i < n; i++) {
			switch (state_of(p, p->entries[i])) {
			case PAGE_ANON:
				out->anon += PAGEMAP_PAGE;
				out->resident += PAGEMAP_PAGE;
				break;
			case PAGE_FILE:
				out->file += PAGEMAP_PAGE;
				out->resident += PAGEMAP_PAGE;
				break;
			case PAGE_SWAPPED:
				out->swapped += PAGEMAP_PAGE;
				break;
			case PAGE_ABSENT:
				break;
			}
		}
		page += (uint64_t)n;
		npages -= (uint64_t)n;
	}
	return 0;
}
