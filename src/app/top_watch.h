/* SPDX-License-Identifier: GPL-2.0 */
/* top_watch.h: a page's session: one process with probes, and what they cost it. */
#ifndef APP_TOP_WATCH_H
#define APP_TOP_WATCH_H

#include <stddef.h>
#include <sys/types.h>

struct page_data;
struct session_config;
struct top_watch;

/* Attach.  0, or -errno with the reason in why. */
int top_watch__new(const struct session_config *config, pid_t pid, struct top_watch **out,
		   char *why, size_t len);
/* Detach. */
void top_watch__free(struct top_watch *w);

int top_watch__fd(const struct top_watch *w);
void top_watch__step(struct top_watch *w);
/* Fill in the process and what the probes cost. */
void top_watch__report(struct top_watch *w, struct page_data *d);

#endif
