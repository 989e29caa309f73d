/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pagemap.h: which pages of a process are resident, from /proc/PID/pagemap (Documentation/
 * admin-guide/mm/pagemap.rst).  Reading it holds the target's mmap lock for 2 MiB of address space
 * at a time, scanning it for 64 MiB, 0.7 ms at most; smaps holds it for whole mappings.
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
/* Read entry by entry, as kernels before 6.7 have it, also where there is better. */
void pagemap__no_scan(struct pagemap *p);

/* What is known of a range before: that no page of a file can be in it saves the kernel a look at
 * each page's descriptor, most of the time that a scan takes. */
enum pagemap_of { PAGEMAP_ANY, PAGEMAP_ANON };

/* The states of npages pages from addr on (a multiple of the page size).  0 or -errno; what lies
 * behind the end of the address space is PAGE_ABSENT. */
int pagemap__read(struct pagemap *p, enum pagemap_of of, uint64_t addr, uint64_t npages,
		  uint8_t *states);

struct pagemap_sum {
	uint64_t resident, anon, file, swapped; /* bytes; resident = anon + file */
};
/* Add up a range. */
int pagemap__sum(struct pagemap *p, enum pagemap_of of, uint64_t addr, uint64_t len,
		 struct pagemap_sum *out);

#endif
