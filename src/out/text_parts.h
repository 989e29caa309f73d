/* SPDX-License-Identifier: GPL-2.0 */
/* text_parts.h: what the pieces of a text report share.  Private to text*.c. */
#ifndef OUT_TEXT_PARTS_H
#define OUT_TEXT_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "out/text.h"

#define TEXT_BOLD "\033[1m"
#define TEXT_DIM  "\033[2m"
#define TEXT_WARM "\033[33m"

struct report;
struct report_process;

struct text {
	FILE *f;
	const struct text_style *style;
};

/* A line, made whole before it is cut to the width: so no escape sequence is ever cut.  attribute:
 * one of the above, or NULL. */
void text_put(const struct text *t, const char *attribute, const char *line);
/* 1,234,567 */
const char *text_grouped(char buf[32], uint64_t n);

/* Was any call of malloc to be seen? */
bool text_has_probes(const struct report_process *p);
/* The head of a process's part. */
void text_header(const struct text *t, const struct report_process *p);
/* What grows, and what can be said of it. */
void text_growth(const struct text *t, const struct report_process *p);
/* All processes of a report as a tree, and their totals; nothing for a single one. */
void text_tree(const struct text *t, const struct report *r);

#endif
