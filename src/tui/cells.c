// SPDX-License-Identifier: GPL-2.0
#include "tui/cells.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct cells {
	int width, height;
	bool utf8;
	struct cell *cells;
};

struct cells *cells__new(int width, int height, bool utf8)
{
	struct cells *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->utf8 = utf8;
	if (cells__resize(c, width, height)) {
		free(c);
		return NULL;
	}
	return c;
}

void cells__free(struct cells *c)
{
	if (!c)
		return;
	free(c->cells);
	free(c);
}

int cells__resize(struct cells *c, int width, int height)
{
	struct cell *cells;

	if (width < 1)
		width = 1;
	if (height < 1)
		height = 1;
	cells = calloc((size_t)width * (size_t)height, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	free(c->cells);
	c->cells = cells;
	c->width = width;
	c->height = height;
	cells__clear(c);
	return 0;
}

void cells__clear(struct cells *c)
{
	for (int i = 0; i < c->width * c->height; i++)
		c->cells[i] = (struct cell){.text = " ", .style = STYLE_NORMAL};
}

int cells__width(const struct cells *c)
{
	return c->width;
}

int cells__height(const struct cells *c)
{
	return c->height;
}

bool cells__utf8(const struct cells *c)
{
	return c->utf8;
}

const struct cell *cells__at(const struct cells *c, int y, int x)
{
	return &c->cells[y * c->width + x];
}

/* The character at *s: its bytes, and the columns that it takes (0: it combines with the one
 * before). */
static size_t character(const char *s, int *columns)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	wchar_t wide = 0;

	if (n == 1) {
		*columns = 1;
		return 1;
	}
	wide = u[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		/* Cut in the middle: it is shown as what it is not. */
		if ((u[i] & 0xc0) != 0x80) {
			*columns = 1;
			return i;
		}
		wide = wide << 6 | (u[i] & 0x3f);
	}
	*columns = wcwidth(wide);
	if (*columns < 0)
		*columns = 1;
	return n;
}

/* What stands for a character where there is only ASCII. */
static const char *ascii(const char *s, size_t n)
{
	static const char *const like[][2] = {
	    {"│", "|"}, {"├", "|"}, {"└", "`"}, {"─", "-"}, {"▁", "_"}, {"▂", "_"}, {"▃", "."},
	    {"▄", "-"}, {"▅", "-"}, {"▆", "="}, {"▇", "="}, {"█", "#"}, {"▼", "v"}, {"▲", "^"},
	    {"…", "."}, {"·", "-"}, {"Δ", "d"}, {"▶", ">"}, {"█", "#"}, {"×", "x"},
	};

	for (size_t i = 0; i < sizeof(like) / sizeof(*like); i++)
		if (strlen(like[i][0]) == n && !memcmp(like[i][0], s, n))
			return like[i][1];
	return "?";
}

static struct cell *cell(struct cells *c, int y, int x)
{
	return y >= 0 && y < c->height && x >= 0 && x < c->width ? &c->cells[y * c->width + x]
								 : NULL;
}

static void set(struct cells *c, int y, int x, enum style style, const char *s, size_t n)
{
	struct cell *to = cell(c, y, x);

	if (!to)
		return;
	if (n > 1 && !c->utf8) {
		s = ascii(s, n);
		n = 1;
	}
	memcpy(to->text, s, n);
	to->text[n] = 0;
	to->style = (uint8_t)style;
}

static void combine(struct cells *c, int y, int x, const char *s, size_t n)
{
	struct cell *to = cell(c, y, x);
	size_t used = to ? strlen(to->text) : 0;

	if (!to || !c->utf8 || used + n >= sizeof(to->text))
		return;
	memcpy(to->text + used, s, n);
	to->text[used + n] = 0;
}

int cells__put(struct cells *c, int y, int x, int width, enum style style, const char *text)
{
	int at = 0, columns;

	while (*text) {
		size_t n = character(text, &columns);

		if (!columns && at) {
			combine(c, y, x + at - 1, text, n);
		} else {
			if (at + columns > width || x + at + columns > c->width)
				break;
			set(c, y, x + at, style, columns ? text : " ", columns ? n : 1);
			if (columns == 2)
				set(c, y, x + at + 1, style, c->utf8 ? "" : "?", !c->utf8);
			at += columns;
		}
		text += n;
	}
	return at;
}

int cells_width_of(const char *text)
{
	int width = 0, columns;

	while (*text) {
		text += character(text, &columns);
		width += columns;
	}
	return width;
}

void cells__put_right(struct cells *c, int y, int x, int width, enum style style, const char *text)
{
	int taken = cells_width_of(text), blank = taken < width ? width - taken : 0;

	cells__fill(c, y, x, blank, style, " ");
	cells__put(c, y, x + blank, width - blank, style, text);
}

int cells__printf(struct cells *c, int y, int x, int width, enum style style, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return cells__put(c, y, x, width, style, text);
}

void cells__fill(struct cells *c, int y, int x, int n, enum style style, const char *text)
{
	for (int i = 0; i < n; i++)
		set(c, y, x + i, style, text, strlen(text));
}

void cells__paint(struct cells *c, int y, int x, int n, enum style style)
{
	for (int i = 0; i < n; i++) {
		struct cell *to = cell(c, y, x + i);

		if (to)
			to->style = (uint8_t)style;
	}
}

char *cells__line(const struct cells *c, int y, char *buf, size_t len)
{
	size_t used = 0;

	for (int x = 0; x < c->width; x++) {
		const char *text = cells__at(c, y, x)->text;
		size_t n = strlen(text);

		if (used + n >= len)
			break;
		memcpy(buf + used, text, n);
		used += n;
	}
	while (used && buf[used - 1] == ' ')
		used--;
	buf[used] = 0;
	return buf;
}
