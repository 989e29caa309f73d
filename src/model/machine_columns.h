/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_columns.h: what can be said of a process in one cell: the one table that the screen, the
 * batch forms, --columns and --sort share.  Pure.
 */
#ifndef MODEL_MACHINE_COLUMNS_H
#define MODEL_MACHINE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/machine.h"

enum machine_column {
	COLUMN_PID,
	COLUMN_PPID,
	COLUMN_USER,
	COLUMN_STATE,
	COLUMN_THREADS,
	COLUMN_RSS,
	COLUMN_PRIVATE,
	COLUMN_SHARED,
	COLUMN_PSS,
	COLUMN_SWAP,
	COLUMN_HEAP,
	COLUMN_IN_USE,
	COLUMN_FREE,
	COLUMN_FREE_PERCENT,
	COLUMN_OTHER,
	COLUMN_GROWTH,
	COLUMN_BRK_RATE,
	COLUMN_MMAP_RATE,
	COLUMN_MUNMAP_RATE,
	COLUMN_CALLSITE,
	COLUMN_WATCHED,
	COLUMN_ALLOCATOR,
	COLUMN_ARENAS,
	COLUMN_UNIT,
	COLUMN_COMMAND,
	COLUMN_COUNT,
};

enum machine_column_kind {
	COLUMN_IS_TEXT,
	COLUMN_IS_NUMBER,  /* a plain one */
	COLUMN_IS_BYTES,   /* may be below 0 */
	COLUMN_IS_RATE,	   /* per second */
	COLUMN_IS_PERCENT, /* of 100 */
};

struct machine_column_info {
	const char *name;  /* as --columns, --sort, JSON and CSV have it: "free-percent" */
	const char *title; /* as a screen has it: "FREE%" */
	const char *what;  /* a line of help */
	enum machine_column_kind kind;
	int width; /* on a screen; 0: what is left */
	/* A narrow screen leaves out those with the highest first; 0: never. */
	int rank;
	bool up; /* sorted from the smallest unless inverted */
};

const struct machine_column_info *machine_column_info(enum machine_column c);
/* COLUMN_COUNT where there is none of that name. */
enum machine_column machine_column_find(const char *name);

struct machine_value {
	enum machine_quality quality; /* UNKNOWN: nothing to show */
	double number;
	const char *text; /* of COLUMN_IS_TEXT, else NULL */
};

struct machine_value machine_column_value(enum machine_column c, const struct machine_process *p);

/* Below 0 where a comes before b in the column's usual order; what is unknown comes last.  Equal
 * ones by pid. */
int machine_column_compare(enum machine_column c, const struct machine_process *a,
			   const struct machine_process *b);

#define MACHINE_CELL 32
/* As a screen shows it: "12.3M", "~1.20G" where it is estimated, "-" where it is unknown, "+1.2M";
 * texts whole.  Returns buf or the text itself. */
const char *machine_column_text(enum machine_column c, const struct machine_process *p,
				char buf[MACHINE_CELL]);

/* 4 characters at most and a sign: 0B "0", 999B, 1.0K, 12.3M ("12M" where narrow), 1.0G ... */
char *machine_bytes_text(char buf[MACHINE_CELL], double bytes);

struct machine_columns {
	size_t n;
	enum machine_column v[COLUMN_COUNT];
};
/* "pid,rss,command".  0; -EINVAL with *bad the name that is none (cut to its comma). */
int machine_columns_parse(const char *list, struct machine_columns *out, char bad[32]);
/* Those of a screen that wide: as many as leave the command room. */
void machine_columns_fit(int width, bool events, struct machine_columns *out);

#endif
