/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cells.h: a screen in memory: what is drawn goes here first, so that it can be tested without a
 * terminal, and the terminal gets whole pictures.  Positions outside are cut off, never an error.
 */
#ifndef TUI_CELLS_H
#define TUI_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum style {
	STYLE_NORMAL,
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_TITLE,	/* headings of columns */
	STYLE_SORTED,	/* the one that is sorted by */
	STYLE_SELECTED, /* the line under the cursor */
	STYLE_TAGGED,
	STYLE_KEY,   /* a key's name at the bottom ... */
	STYLE_LABEL, /* ... and what it does */
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_BAR_1, /* used memory */
	STYLE_BAR_2, /* buffers */
	STYLE_BAR_3, /* cache */
	STYLES,
};

struct cell {
	char text[13]; /* one character, and marks combined with it; "" right of a wide one */
	uint8_t style; /* enum style */
};

struct cells;

/* utf8: the terminal takes it; else all that is not ASCII is shown by what comes closest. */
struct cells *cells__new(int width, int height, bool utf8);
void cells__free(struct cells *c);
/* 0 or -ENOMEM, then as it was.  Cleared. */
int cells__resize(struct cells *c, int width, int height);
void cells__clear(struct cells *c);

int cells__width(const struct cells *c);
int cells__height(const struct cells *c);
bool cells__utf8(const struct cells *c);
const struct cell *cells__at(const struct cells *c, int y, int x);

/* Write text from (y, x) on, at most width columns: how many it took.  It must be clean
 * (base/utf8.h). */
int cells__put(struct cells *c, int y, int x, int width, enum style style, const char *text);
/* The same at the right end of the width columns, blanks before. */
void cells__put_right(struct cells *c, int y, int x, int width, enum style style, const char *text);
int cells__printf(struct cells *c, int y, int x, int width, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* One character n times. */
void cells__fill(struct cells *c, int y, int x, int n, enum style style, const char *character);
/* Give what is there another style. */
void cells__paint(struct cells *c, int y, int x, int n, enum style style);

/* Columns that the text takes. */
int cells_width_of(const char *text);

/* The line as text, trailing blanks cut; buf has len bytes.  For tests. */
char *cells__line(const struct cells *c, int y, char *buf, size_t len);

#endif
