/* SPDX-License-Identifier: GPL-2.0 */
/*
 * callsites.h: the largest callsites of each group, as metrics: few, and the same ones from tick to
 * tick as long as they are large.  A callsite's id is a hash of the functions on its stack: equal
 * in all processes of the same programs, and after a restart.
 */
#ifndef OUT_CALLSITES_H
#define OUT_CALLSITES_H

#include <stddef.h>
#include <stdint.h>

struct callsites;
struct metrics;
struct report_process;
struct report_site;

/* top: of each group and kind.  One that was among them stays until it is not among the first
 * 2 * top: so there are at most that many.  NULL: no memory. */
struct callsites *callsites__new(size_t top);
void callsites__free(struct callsites *c);

/* Add a process's callsites to its group's.  The strings of both must last until
 * callsites__finish.  0 or -ENOMEM. */
int callsites__add(struct callsites *c, const char *group, const struct report_process *p);
/* Write what was added, the rest of each group and kind as the site "other", and of those that grow
 * (report.h) the fastest, top at most; and start anew. */
int callsites__finish(struct callsites *c, struct metrics *m);

uint64_t callsite_id(const struct report_site *s);
/* "keep_record < work < main", at most len bytes. */
char *callsite_name(char *buf, size_t len, const struct report_site *s);

#endif
