/* SPDX-License-Identifier: GPL-2.0 */
/* json_parts.h: what the JSON documents share.  Private to json.c and diff_json.c. */
#ifndef OUT_JSON_PARTS_H
#define OUT_JSON_PARTS_H

#include <jansson.h>
#include <stddef.h>

struct report_frame;

/* null for NULL; what is not UTF-8 is replaced. */
json_t *json_text(const char *s);
json_t *json_frames(const struct report_frame *frames, size_t n);

#endif
