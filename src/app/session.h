/* SPDX-License-Identifier: GPL-2.0 */
/*
 * session.h: watching some processes from attach to detach: probes, drain, event loop.  What is
 * done with a report is the caller's: a callback.
 */
#ifndef APP_SESSION_H
#define APP_SESSION_H

struct options;
struct report;

/* Called on the main thread for each report, the last one with r->last.  Non-zero ends the session
 * and is its result. */
typedef int (*session_report_fn)(void *arg, const struct report *r);

/* Returns 0, or -errno once it is logged.  Nothing is attached when it returns. */
int session_run(const struct options *o, session_report_fn fn, void *arg);

#endif
