// SPDX-License-Identifier: GPL-2.0
#include "store/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void words__free(struct words *a)
{
	free(a->w);
	*a = (struct words){0};
}

static bool reserve(struct words *a, size_t n)
{
	size_t room = a->room ? a->room : 64;
	uint64_t *w;

	while (room < n)
		room *= 2;
	if (room == a->room)
		return true;
	w = realloc(a->w, room * sizeof(*w));
	if (!w) {
		a->failed = true;
		return false;
	}
	a->w = w;
	a->room = room;
	return true;
}

void words__add(struct words *a, uint64_t word)
{
	if (!a->failed && reserve(a, a->n + 1))
		a->w[a->n++] = word;
}

int words__copy(struct words *to, const struct words *from)
{
	if (!reserve(to, from->n))
		return -ENOMEM;
	if (from->n)
		memcpy(to->w, from->w, from->n * sizeof(*to->w));
	to->n = from->n;
	return 0;
}

void bytes__free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

void bytes__add(struct bytes *b, uint64_t number)
{
	if (b->room - b->len < 10) {
		size_t room = b->room ? 2 * b->room : 256;
		uint8_t *data = b->failed ? NULL : realloc(b->data, room);

		if (!data) {
			b->failed = true;
			return;
		}
		b->data = data;
		b->room = room;
	}
	for (; number >= 0x80; number >>= 7)
		b->data[b->len++] = (uint8_t)(number | 0x80);
	b->data[b->len++] = (uint8_t)number;
}

void bytes__add_signed(struct bytes *b, int64_t number)
{
	bytes__add(b, (uint64_t)number << 1 ^ (number < 0 ? ~0ull : 0));
}

uint64_t bytes__take(struct bytes_reader *r)
{
	uint64_t number = 0;

	for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		if (shift == 63 && byte > 1)
			break;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return number;
	}
	r->bad = true;
	r->at = r->end;
	return 0;
}

int64_t bytes__take_signed(struct bytes_reader *r)
{
	uint64_t number = bytes__take(r);

	return (int64_t)(number >> 1 ^ (number & 1 ? ~0ull : 0));
}

void words__changes(const struct words *before, const struct words *now, struct bytes *out)
{
	size_t last = 0;

	if (before->n == now->n &&
	    (!now->n || !memcmp(before->w, now->w, now->n * sizeof(*now->w))))
		return;
	bytes__add(out, now->n);
	for (size_t i = 0; i < now->n; i++) {
		uint64_t was = i < before->n ? before->w[i] : 0;

		if (i < before->n && now->w[i] == was)
			continue;
		bytes__add(out, i - last);
		bytes__add_signed(out, (int64_t)(now->w[i] - was));
		last = i;
	}
}

int words__apply(struct words *a, const void *changes, size_t len)
{
	struct bytes_reader r = {.at = changes, .end = (const uint8_t *)changes + len};
	uint64_t n, at = 0;

	if (!len)
		return 0;
	n = bytes__take(&r);
	/* Each new word takes two bytes: a small file does not make a large array. */
	if (r.bad || n > WORDS_MAX || (n > a->n && n - a->n > len / 2))
		return -EBADMSG;
	if (!reserve(a, n))
		return -ENOMEM;
	if (n > a->n)
		memset(a->w + a->n, 0, (n - a->n) * sizeof(*a->w));
	a->n = n;
	while (r.at < r.end) {
		uint64_t gap = bytes__take(&r);
		int64_t change = bytes__take_signed(&r);

		if (r.bad || gap >= n - at)
			return -EBADMSG;
		at += gap;
		a->w[at] += (uint64_t)change;
	}
	return 0;
}

uint64_t words__take(struct words_reader *r)
{
	if (r->bad || r->at >= r->from->n) {
		r->bad = true;
		return 0;
	}
	return r->from->w[r->at++];
}
