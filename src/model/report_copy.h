/* SPDX-License-Identifier: GPL-2.0 */
/* report_copy.h: one process of a report, to keep beyond it and to hand to another thread. */
#ifndef MODEL_REPORT_COPY_H
#define MODEL_REPORT_COPY_H

#include "model/report.h"

struct arena;

/* All of it, strings too, in the arena.  NULL: no memory.  What struct report_process comes to
 * point to is to be copied here as well. */
struct report_process *report_copy(struct arena *a, const struct report_process *p);
const struct report_frame *report_copy_frames(struct arena *a, const struct report_frame *frames,
					      size_t n);

#endif
