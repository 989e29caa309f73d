/* SPDX-License-Identifier: GPL-2.0 */
/*
 * row_pages.h: room for rows in the kernel: the arrays of heapwatch/unwind.h, made as they are
 * needed. Not thread-safe.
 */
#ifndef UNWIND_ROW_PAGES_H
#define UNWIND_ROW_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct hw_row;
struct row_pages;

/* map: hw_rows, not taken over.  limit: pages in all.  NULL where memory is out. */
struct row_pages *row_pages__new(int map, uint32_t limit);
void row_pages__free(struct row_pages *p);

/* What is reasonable here: a 64th of the machine's memory, from 32 to 256 MiB, in pages. */
uint32_t row_pages_limit(void);

/* n pages that follow each other; *page: the first, as hw_range has it.  0; -ENOSPC: there is no
 * room; -errno of the kernel. */
int row_pages__take(struct row_pages *p, uint32_t n, uint32_t *page);
/* Rows into pages that were taken, from the first on.  0 or -errno. */
int row_pages__write(struct row_pages *p, uint32_t page, const struct hw_row *rows, size_t n);

/* Taken so far. */
uint32_t row_pages__used(const struct row_pages *p);

#endif
