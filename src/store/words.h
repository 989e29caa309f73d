/* SPDX-License-Identifier: GPL-2.0 */
/*
 * words.h: arrays of 64-bit words, stored as what changed since the array before: mostly nothing.
 * In bytes: numbers as LEB128, 7 bits a byte, the low ones first; signed ones zigzag-coded.
 * Pure.  What is decoded is checked: it may be anything.
 */
#ifndef STORE_WORDS_H
#define STORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX (1u << 20) /* in one array */

struct words {
	uint64_t *w;
	size_t n, room;
	bool failed; /* memory was out: what is in w is not all */
};

void words__free(struct words *a);
void words__add(struct words *a, uint64_t word);
/* *to becomes a copy; 0 or -ENOMEM. */
int words__copy(struct words *to, const struct words *from);

struct bytes {
	uint8_t *data;
	size_t len, room;
	bool failed; /* memory was out */
};

void bytes__free(struct bytes *b);
void bytes__add(struct bytes *b, uint64_t number);
void bytes__add_signed(struct bytes *b, int64_t number);

/* Reads numbers; the first that is none makes it `bad`, and 0 is read from then on. */
struct bytes_reader {
	const uint8_t *at, *end;
	bool bad;
};

uint64_t bytes__take(struct bytes_reader *r);
int64_t bytes__take_signed(struct bytes_reader *r);

/* How to make `now` of `before`; appended to out.  Nothing is appended where they are equal. */
void words__changes(const struct words *before, const struct words *now, struct bytes *out);
/* Apply that to *a.  0, -EBADMSG (then *a is of no use), -ENOMEM. */
int words__apply(struct words *a, const void *changes, size_t len);

/* Takes words from an array; reading past its end makes it `bad`, and gives 0. */
struct words_reader {
	const struct words *from;
	size_t at;
	bool bad;
};

uint64_t words__take(struct words_reader *r);

#endif
