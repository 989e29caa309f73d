/* SPDX-License-Identifier: GPL-2.0 */
/* widgets.h: what more than one screen draws. */
#ifndef TUI_WIDGETS_H
#define TUI_WIDGETS_H

#include <stddef.h>
#include <stdint.h>

#include "tui/cells.h"

struct meter_part {
	uint64_t bytes;
	enum style style;
};
/* "Mem[|||||    1.2G/3.8G]": the first part's bytes are what the figure says. */
void widget_meter(struct cells *c, int y, int x, int width, const char *name,
		  const struct meter_part *parts, size_t n, uint64_t total);

struct widget_key {
	const char *key, *label;
};
/* htop's line of keys. */
void widget_keys(struct cells *c, int y, const struct widget_key *keys, size_t n);
/* Which of them is at column x; -1: none. */
int widget_key_at(const struct widget_key *keys, size_t n, int x);

/* One column per value, the newest at the right, from 0 to the largest; those that do not fit are
 * left out at the left. */
void widget_sparkline(struct cells *c, int y, int x, int width, enum style style,
		      const uint64_t *values, size_t n);
/* A bar of part of whole, in eighths of a column where the terminal can. */
void widget_bar(struct cells *c, int y, int x, int width, enum style style, double part,
		double whole);

#endif
