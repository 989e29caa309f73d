/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tables.h: the rows of ELF files in the BPF programs' maps (heapwatch/unwind.h), each file once
 * for all processes that map it.  Not thread-safe.
 */
#ifndef UNWIND_TABLES_H
#define UNWIND_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tables;

/* An executable mapping of a file, or one of none (inode 0): generated code. */
struct tables_range {
	uint64_t start, end, offset;
	uint64_t dev, inode;
};

/* Opens the file behind a mapping: a descriptor, the caller's to close, or -errno. */
typedef int (*tables_open_fn)(pid_t pid, uint64_t start, uint64_t end);

/* rows, spaces: descriptors of the maps hw_rows and hw_spaces, not taken over.  NULL where memory
 * is out. */
struct tables *tables__new(int rows, int spaces, tables_open_fn open);
void tables__free(struct tables *t);

/* Somebody will perhaps map the open file fd, whose rows are these.  Neither is taken over. */
struct rows;
void tables__foresee(struct tables *t, int fd, const struct rows *rows);

/*
 * Tell the kernel's side what pid has mapped: these ranges, sorted by address.  Files without rows,
 * and those that find no room, are there without them.  0 or -errno of the map.
 */
int tables__load(struct tables *t, pid_t pid, const struct tables_range *ranges, size_t n);
/* pid is watched no more. */
void tables__drop(struct tables *t, pid_t pid);

struct tables_counts {
	uint32_t files, rowless; /* known; of those, without rows */
	uint32_t pages;		 /* in use */
	uint64_t rows;
	uint64_t crowded; /* files that found no room */
};
void tables__counts(const struct tables *t, struct tables_counts *out);

#endif
