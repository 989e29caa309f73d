/* SPDX-License-Identifier: GPL-2.0 */
/* screen_golden.h: a screen against what tests/golden/screens says that it is.  With UPDATE_GOLDEN
 * in the environment it is written there instead, to be looked at. */
#ifndef SCREEN_GOLDEN_H
#define SCREEN_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cells.h"

static char *screen_text(const struct cells *c)
{
	static char text[262144];
	size_t used = 0;

	for (int y = 0; y < cells__height(c); y++) {
		cells__line(c, y, text + used, sizeof(text) - used - 2);
		used = strlen(text);
		text[used++] = '\n';
		text[used] = 0;
	}
	return text;
}

static void screen_is(const struct cells *c, const char *name)
{
	char path[128], *text = screen_text(c), *want = calloc(1, 262144);
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/screens/%s.txt", name);
	if (getenv("UPDATE_GOLDEN")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(want);
	assert_true(fread(want, 1, 262143, f) > 0);
	fclose(f);
	assert_string_equal(text, want);
	free(want);
}

#endif
