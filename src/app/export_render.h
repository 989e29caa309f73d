/* SPDX-License-Identifier: GPL-2.0 */
/* export_render.h: what a tick saw, written as pages. */
#ifndef APP_EXPORT_RENDER_H
#define APP_EXPORT_RENDER_H

struct callsites;
struct export_self;
struct groups;
struct pages_set;
struct report;

/* r: the watched processes, accounted for in g and c already; NULL: there are none.  0 or -ENOMEM;
 * a page that could not be made is NULL in *out. */
int export_render(const struct export_self *self, struct groups *g, struct callsites *c,
		  const struct report *r, struct pages_set *out);

#endif
