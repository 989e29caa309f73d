/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top_page.h: what the page of one process shows, found out on a thread of its own: looks into its
 * memory without probes, or the session that has probes in its allocator.  Leaving the page ends
 * the session.
 */
#ifndef APP_TOP_PAGE_H
#define APP_TOP_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/session.h"

struct machine_source;
struct page_data;
struct top_page;

/* config: of the sessions.  notify_fd: an eventfd that tells when there is something new.  0 or
 * -errno. */
int top_page__new(const struct session_config *config, struct machine_source *source, int notify_fd,
		  struct top_page **out);
/* Detaches.  A look into a process that is under way is not waited for longer than two seconds:
 * false, then nothing that it uses may be freed any more. */
bool top_page__free(struct top_page *t);

/* Look at this process from now on, with probes or without; pid 0: at none. */
void top_page__open(struct top_page *t, uint32_t pid, bool watch);

/* What is new since the last call, the caller's to free, or NULL. */
struct page_data *top_page__take(struct top_page *t);
/* The process that has probes in its allocator now; 0: none. */
uint32_t top_page__watched(struct top_page *t);

#endif
