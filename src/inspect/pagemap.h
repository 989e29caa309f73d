/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pagemap.h: which pages of a process are resident, from /proc/PID/pagemap (Documentation/
 * admin-guide/mm/pagemap.rst).  Reading it holds the target's mmap lock for 2 MiB of address space
 * at a time, unlike smaps, which holds it for whole mappings.
 */
#ifndef INSPECT_PAGEMAP_H
#define INSPECT_PAGEMAP_H

#include <stdint.h>
#include <sys/types.h>

#define PAGEMAP_PAGE 4096ull

enum page_state {
	PAGE_ABSENT, /* never touched, given back, or the zero page: no memory */
	PAGE_SWAPPED,
	PAGE_ANON, /* resident, private */
	PAGE_FILE, /* resident, of a file or of shared memory */
};

struct pagemap;

/* 0, -ESRCH, -EACCES ... */
int pagemap__new(pid_t pid, struct pagemap **out);
void pagemap__free(struct pagemap *p);

/* The states of npages pages from addr on (a multiple of the page size).  0 or -errno; what lies
 * behind the end of the address space is PAGE_ABSENT. */
int pagemap__read(struct pagemap *p, uint64_t addr, uint64_t npages, uint8_t *states);

struct pagemap_sum {
	uint64_t resident, anon, file, swapped; /* bytes; resident = anon + file */
};
/* Add up a range. */
int pagemap__sum(struct pagemap *p, uint64_t addr, uint64_t len, struct pagemap_sum *out);

#endif
