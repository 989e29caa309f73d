// SPDX-License-Identifier: GPL-2.0
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
    {"", 1},
    {"B", 1},
    {"K", 1ull << 10},
    {"KB", 1ull << 10},
    {"KiB", 1ull << 10},
    {"M", 1ull << 20},
    {"MB", 1ull << 20},
    {"MiB", 1ull << 20},
    {"G", 1ull << 30},
    {"GB", 1ull << 30},
    {"GiB", 1ull << 30},
    {"T", 1ull << 40},
    {"TB", 1ull << 40},
    {"TiB", 1ull << 40},
    {NULL, 0},
};

static const struct unit times[] = {
    {"ns", 1},	      {"us", 1000},	  {"ms", 1000000},	{"s", 1000000000},
    {"", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
    {NULL, 0},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* By hand: strtod takes hexadecimal, infinity and the locale's comma. */
static int parse(const char *word, const struct unit *unit, uint64_t *out)
{
	uint64_t whole = 0, rest = 0, scale = 1;

	if (!is_digit(*word))
		return -EINVAL;
	for (; is_digit(*word); word++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*word - '0'), &whole))
			return -EINVAL;
	if (*word == '.') {
		if (!is_digit(*++word))
			return -EINVAL;
		for (; is_digit(*word); word++)
			if (scale < 1000000) {
				rest = rest * 10 + (uint64_t)(*word - '0');
				scale *= 10;
			}
	}
	while (unit->name && strcasecmp(unit->name, word))
		unit++;
	if (!unit->name || __builtin_mul_overflow(whole, unit->factor, &whole) ||
	    __builtin_add_overflow(whole, (uint64_t)((__uint128_t)unit->factor * rest / scale),
				   &whole))
		return -EINVAL;
	*out = whole;
	return 0;
}

int size_parse(const char *word, uint64_t *bytes)
{
	return parse(word, sizes, bytes);
}

int duration_parse(const char *word, uint64_t *ns)
{
	return parse(word, times, ns);
}

char *size_format(char buf[SIZE_TEXT], uint64_t bytes)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t i = 0;

	/* 999.5 would be printed as 1000. */
	while (value >= 999.5 && i + 1 < sizeof(names) / sizeof(*names)) {
		value /= 1024;
		i++;
	}
	snprintf(buf, SIZE_TEXT, "%.*f %s",
		 !i		 ? 0
		 : value < 9.995 ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, names[i]);
	return buf;
}
