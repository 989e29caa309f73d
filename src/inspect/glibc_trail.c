// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_trail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Sizes are multiples of 16; kind takes two bits; seven bits a byte, the last without bit 7. Behind
 * it the signature, where there is one. */
#define SIGNED	  3u
#define BYTES_MAX (10 + sizeof(uint32_t))

static const enum glibc_chunk_kind kinds[] = {GLIBC_IN_USE, GLIBC_BINNED, GLIBC_TOP, GLIBC_IN_USE};

static unsigned int code_of(const struct glibc_chunk *c)
{
	return c->kind == GLIBC_TOP ? 2 : c->kind == GLIBC_BINNED ? 1 : c->signature ? SIGNED : 0;
}

int glibc_trail_add(struct glibc_trail *t, const struct glibc_chunk *c)
{
	uint64_t code = c->size / 16 << 2 | code_of(c);
	const bool has = (code & 3) == SIGNED;

	if (t->room - t->n < BYTES_MAX) {
		size_t room = t->room ? t->room + t->room / 2 : 4096;
		unsigned char *v = realloc(t->v, room);

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->room = room;
	}
	for (; code >> 7; code >>= 7)
		t->v[t->n++] = (unsigned char)(code | 0x80);
	t->v[t->n++] = (unsigned char)code;
	if (has) {
		memcpy(&t->v[t->n], &c->signature, sizeof(c->signature));
		t->n += sizeof(c->signature);
	}
	return 0;
}

void glibc_trail_each(const struct glibc_trail *t, uint64_t addr,
		      void (*fn)(void *arg, struct glibc_chunk *c), void *arg)
{
	for (size_t i = 0; i < t->n;) {
		struct glibc_chunk c = {.addr = addr};
		uint64_t code = 0;
		unsigned int shift = 0;

		for (; t->v[i] & 0x80; i++, shift += 7)
			code |= (uint64_t)(t->v[i] & 0x7f) << shift;
		code |= (uint64_t)t->v[i++] << shift;
		c.size = (code >> 2) * 16;
		c.kind = kinds[code & 3];
		if ((code & 3) == SIGNED) {
			memcpy(&c.signature, &t->v[i], sizeof(c.signature));
			i += sizeof(c.signature);
		}
		addr += c.size;
		fn(arg, &c);
	}
}

void glibc_trail_free(struct glibc_trail *t)
{
	free(t->v);
	*t = (struct glibc_trail){0};
}
