/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sieve.h: a report without the processes and callsites that somebody does not want to see.
 * Suppressions are a text as LeakSanitizer's: "leak:PATTERN" a line, '#' comments.  A pattern
 * is looked for anywhere in a frame's function, source file or module; '*' stands for anything, '^'
 * and '$' at its ends for the start and the end.
 */
#ifndef OUT_SIEVE_H
#define OUT_SIEVE_H

#include <stddef.h>
#include <stdint.h>

struct report;
struct sieve;

/* NULL: no memory. */
struct sieve *sieve__new(void);
void sieve__free(struct sieve *s);

/* Add the lines of a text.  0; -ENOMEM; -EINVAL and the number of the line that is none. */
int sieve__suppress(struct sieve *s, const char *text, size_t *line);
/* Only these processes: a pid, or a comm.  More than once: any of them. */
int sieve__process(struct sieve *s, const char *word);

/* At most this many callsites per process, the largest; 0: all. */
void sieve__top(struct sieve *s, size_t top);

/* What was suppressed. */
struct sieve_count {
	uint64_t sites, bytes;
	size_t processes; /* left in */
};

/* The report that is left; belongs to s, until the next call.  What it leaves out is taken off the
 * processes' sites, not off their totals: it counts as hidden.  NULL: no memory. */
const struct report *sieve__apply(struct sieve *s, const struct report *r,
				  struct sieve_count *count);

#endif
