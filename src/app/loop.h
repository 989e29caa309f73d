/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loop.h: a session on the command line: reports at an interval until the processes end, the time
 * is over, or a signal asks to stop.  What is done with a report is the caller's: a callback.
 */
#ifndef APP_LOOP_H
#define APP_LOOP_H

struct options;
struct report;

/* Called for each report, the last one with r->last.  Non-zero ends the loop and is its result. */
typedef int (*loop_report_fn)(void *arg, const struct report *r);

/*
 * Watch what the options name, or start their command.  The command's exit code where there is one
 * (128 and the signal that ended it), else 0; or -errno once it is logged.  Nothing is attached
 * when it returns.
 */
int loop_run(const struct options *o, loop_report_fn fn, void *arg);

#endif
