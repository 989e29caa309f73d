/* SPDX-License-Identifier: GPL-2.0 */
/* report_kept.h: a report that outlasts the session's next one: for who looks at it later, or from
 * another thread. */
#ifndef MODEL_REPORT_KEPT_H
#define MODEL_REPORT_KEPT_H

struct report;
struct report_kept;

/* What a profile needs of each process: who it is, its figures and its sites; no waterfall, pins,
 * arenas or advice.  NULL: no memory. */
struct report_kept *report_kept__new(const struct report *r);
void report_kept__free(struct report_kept *c);

const struct report *report_kept__report(const struct report_kept *c);

#endif
