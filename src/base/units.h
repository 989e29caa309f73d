/* SPDX-License-Identifier: GPL-2.0 */
/* units.h: sizes and times as people write them. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A size in bytes: digits, a fraction, then one of B K M G T (powers of 1024), or KiB, KB ...
 * which mean the same; either case.  0 and *bytes (fractions of a byte are cut off), or -EINVAL
 * (anything else, or beyond 64 bits).
 */
int size_parse(const char *word, uint64_t *bytes);

/* A time: digits, a fraction, then ns, us, ms, s, m, h, d; no unit means seconds.  Likewise. */
int duration_parse(const char *word, uint64_t *ns);

#define SIZE_TEXT 16
/* "999 B", "1.00 KiB", "12.3 MiB", "512 GiB": three digits.  Returns buf. */
char *size_format(char buf[SIZE_TEXT], uint64_t bytes);

#endif
