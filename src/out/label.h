/* SPDX-License-Identifier: GPL-2.0 */
/* label.h: what a frame is called where only one line, or one word, is shown. */
#ifndef OUT_LABEL_H
#define OUT_LABEL_H

#include <stddef.h>

struct report_frame;

#define LABEL_TEXT 2048

/* The part of a path after its last '/'; the whole where nothing follows one. */
const char *label_base_name(const char *path);

/* The function, else module+0xoffset, else 0xpc; made fit to be shown.  Returns buf. */
char *label_frame(char *buf, size_t len, const struct report_frame *f);

/* Shown in place of the frames that are not known. */
#define LABEL_UNKNOWN	"[unknown callsite]"
#define LABEL_TRUNCATED "[stack not followed further]"

#endif
