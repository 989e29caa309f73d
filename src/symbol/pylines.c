// SPDX-License-Identifier: GPL-2.0
#include "symbol/pylines.h"

#include <stdbool.h>

/* Lines of a real file fit 31 bits; sums of hostile tables need not. */
static uint32_t line_of(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* 3.9: pairs of how far to go in bytecode and in lines, the latter signed. */
static uint32_t find_lnotab(const uint8_t *t, size_t size, int64_t line, uint32_t offset)
{
	uint64_t at = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		at += t[i];
		if (at > offset)
			break;
		line += (int8_t)t[i + 1];
	}
	return line_of(line);
}

/* 3.10 (PEP 626): pairs of a range's length and its line against the one before; -128: none. */
static uint32_t find_linetable(const uint8_t *t, size_t size, int64_t line, uint32_t offset)
{
	uint64_t end = 0;

	for (size_t i = 0; i + 1 < size; i += 2) {
		int8_t delta = (int8_t)t[i + 1];

		end += t[i];
		if (delta != -128)
			line += delta;
		if (end > offset)
			return delta == -128 ? 0 : line_of(line);
	}
	return 0;
}

/* Six bits a byte, the lowest first; bit 6: another one follows. */
static int64_t svarint(const uint8_t *t, size_t size, size_t at)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; at < size && shift < 60; shift += 6) {
		uint8_t b = t[at++];

		v |= (uint64_t)(b & 63) << shift;
		if (!(b & 64))
			break;
	}
	return v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
}

/* 3.11 (PEP 657): an entry begins with the only byte that has bit 7: its kind, and how many code
 * units it is of. */
static uint32_t find_locations(const uint8_t *t, size_t size, int64_t line, uint32_t offset)
{
	uint64_t end = 0;

	for (size_t i = 0; i < size;) {
		unsigned int kind = t[i] >> 3 & 15;
		bool none = kind == 15;

		end += 2 * ((t[i] & 7u) + 1);
		if (kind == 13 || kind == 14) /* the line's distance stands alone, or first */
			line += svarint(t, size, i + 1);
		else if (kind >= 10 && kind <= 12)
			line += kind - 10;
		/* Sums of what is bounded, over a bounded table: no overflow is in reach but of
		 * hostile ones. */
		if (line > INT32_MAX || line < INT32_MIN)
			return 0;
		if (end > offset)
			return none ? 0 : line_of(line);
		do
			i++;
		while (i < size && !(t[i] & 0x80));
	}
	return 0;
}

uint32_t pylines_find(unsigned int minor, const uint8_t *table, size_t size, uint32_t first_line,
		      uint32_t offset)
{
	if (minor < 10)
		return find_lnotab(table, size, first_line, offset);
	if (minor == 10)
		return find_linetable(table, size, first_line, offset);
	return find_locations(table, size, first_line, offset);
}
