// SPDX-License-Identifier: GPL-2.0
#include "model/codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/event.h"

#define BYTES_MAX (32u << 20)

struct codes {
	struct hw_code **code;
	size_t n, room, bytes;
};

struct codes *codes__new(void)
{
	return calloc(1, sizeof(struct codes));
}

void codes__free(struct codes *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->code[i]);
	free(c->code);
	free(c);
}

int codes__put(struct codes *c, const struct hw_code *code)
{
	size_t size = sizeof(*code) + code->table_size;
	struct hw_code *copy;

	if (c->bytes + size > BYTES_MAX)
		return -ENOSPC;
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct hw_code **grown = reallocarray(c->code, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->code = grown;
		c->room = room;
	}
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, code, size);
	c->code[c->n++] = copy;
	c->bytes += size;
	return 0;
}

size_t codes__count(const struct codes *c)
{
	return c->n;
}

const struct hw_code *codes__at(const struct codes *c, size_t i)
{
	return c->code[i];
}
