// SPDX-License-Identifier: GPL-2.0
#include "tui/widgets.h"

#include <stdio.h>
#include <string.h>

#include "model/machine_columns.h"

void widget_meter(struct cells *c, int y, int x, int width, const char *name,
		  const struct meter_part *parts, size_t n, uint64_t total)
{
	char used[MACHINE_CELL], whole[MACHINE_CELL], figure[2 * MACHINE_CELL + 2];
	int at = cells__printf(c, y, x, width, STYLE_BOLD, "%s[", name), room = width - at - 1;
	int filled = 0, figure_width;

	if (room < 1)
		return;
	cells__put(c, y, x + width - 1, 1, STYLE_BOLD, "]");
	for (size_t i = 0; i < n && total; i++) {
		int part = (int)((double)parts[i].bytes / (double)total * room + 0.5);

		if (part > room - filled)
			part = room - filled;
		cells__fill(c, y, x + at + filled, part, parts[i].style, "|");
		filled += part;
	}
	snprintf(figure, sizeof(figure), "%s/%s", machine_bytes_text(used, (double)parts[0].bytes),
		 machine_bytes_text(whole, (double)total));
	figure_width = cells_width_of(figure);
	if (figure_width <= room)
		cells__put(c, y, x + width - 1 - figure_width, figure_width, STYLE_DIM, figure);
}

void widget_keys(struct cells *c, int y, const struct widget_key *keys, size_t n)
{
	int x = 0, width = cells__width(c);

	for (size_t i = 0; i < n; i++) {
		x += cells__put(c, y, x, width - x, STYLE_KEY, keys[i].key);
		x += cells__printf(c, y, x, width - x, STYLE_LABEL, "%-5s", keys[i].label);
	}
	if (x < width)
		cells__fill(c, y, x, width - x, STYLE_LABEL, " ");
}

int widget_key_at(const struct widget_key *keys, size_t n, int x)
{
	int at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t label = strlen(keys[i].label);

		at += (int)(strlen(keys[i].key) + (label < 5 ? 5 : label));
		if (x < at)
			return (int)i;
	}
	return -1;
}

static const char *const eighths[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

void widget_sparkline(struct cells *c, int y, int x, int width, enum style style,
		      const uint64_t *values, size_t n)
{
	uint64_t most = 0;

	if (n > (size_t)width) {
		values += n - (size_t)width;
		n = (size_t)width;
	}
	for (size_t i = 0; i < n; i++)
		if (values[i] > most)
			most = values[i];
	for (size_t i = 0; i < n; i++) {
		int level = most ? (int)((double)values[i] / (double)most * 7 + 0.5) : 0;

		cells__put(c, y, x + (int)i, 1, style, eighths[level]);
	}
}

void widget_bar(struct cells *c, int y, int x, int width, enum style style, double part,
		double whole)
{
	static const char *const left[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	int units, full;

	if (whole <= 0 || part <= 0)
		return;
	units = (int)(part / whole * width * 8 + 0.5);
	if (units > width * 8)
		units = width * 8;
	full = units / 8;
	cells__fill(c, y, x, full, style, cells__utf8(c) ? "█" : "#");
	if (units % 8 && cells__utf8(c))
		cells__put(c, y, x + full, 1, style, left[units % 8]);
}
