// SPDX-License-Identifier: GPL-2.0
#include "symbol/pycodes.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strpool.h"
#include "heapwatch/event.h"
#include "heapwatch/python.h"
#include "symbol/demangle.h"
#include "symbol/pylines.h"

/* Django with all its libraries has 60,000. */
#define CODES_MAX  (1u << 18)
#define TABLES_MAX (64u << 20)

struct code {
	uint64_t id;
	const char *function, *file;
	uint8_t *table;
	uint32_t table_size, first_line;
	uint8_t minor;
	bool used;
};

struct pycodes {
	struct strpool *strings;
	struct code *slots; /* open addressing, at most half full */
	size_t room, n, bytes;
};

struct pycodes *pycodes__new(struct strpool *strings)
{
	struct pycodes *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->strings = strings;
	p->room = 256;
	p->slots = calloc(p->room, sizeof(*p->slots));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	return p;
}

void pycodes__free(struct pycodes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->room; i++)
		free(p->slots[i].table);
	free(p->slots);
	free(p);
}

static struct code *slot_of(struct code *slots, size_t room, uint64_t id)
{
	size_t i = (id * 0x9e3779b97f4a7c15ull >> 32) & (room - 1);

	while (slots[i].used && slots[i].id != id)
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int grow(struct pycodes *p)
{
	size_t room = 2 * p->room;
	struct code *slots;

	if (2 * (p->n + 1) <= p->room)
		return 0;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < p->room; i++)
		if (p->slots[i].used)
			*slot_of(slots, room, p->slots[i].id) = p->slots[i];
	free(p->slots);
	p->slots = slots;
	p->room = room;
	return 0;
}

static char *put_utf8(char *to, uint32_t c)
{
	/* Half of a surrogate pair, or no character at all. */
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = '?';
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 63));
		}
		*to++ = (char)(0x80 | (c >> 6 & 63));
	}
	*to++ = (char)(0x80 | (c & 63));
	return to;
}

/* As UTF-8, kept; NULL where it is empty or memory is out. */
static const char *keep_text(struct pycodes *p, const char *text, unsigned int size,
			     unsigned int kind, const char *before, const char *after)
{
	/* A byte becomes two at most, what is wider four at most. */
	char buf[2 * HW_CODE_FILE + 16], *to = buf;

	if (!size)
		return NULL;
	to += sprintf(to, "%s", before);
	for (unsigned int i = 0; i + kind <= size; i += kind) {
		uint32_t c = (uint8_t)text[i];

		if (kind == 2)
			c |= (uint32_t)(uint8_t)text[i + 1] << 8;
		else if (kind == 4)
			memcpy(&c, text + i, sizeof(c));
		to = put_utf8(to, c);
	}
	strcpy(to, after);
	demangle__clean(buf);
	return strpool__add(p->strings, buf);
}

int pycodes__add(struct pycodes *p, const struct hw_code *code)
{
	struct code fresh = {.id = code->code,
			     .used = true,
			     .table_size = code->table_size,
			     .first_line = code->first_line,
			     .minor = code->minor};
	struct code *slot;
	int err = grow(p);

	if (err)
		return err;
	slot = slot_of(p->slots, p->room, code->code);
	if (p->bytes - slot->table_size + fresh.table_size > TABLES_MAX ||
	    (!slot->used && p->n == CODES_MAX))
		return -ENOSPC;
	fresh.table = malloc(fresh.table_size ? fresh.table_size : 1);
	if (!fresh.table)
		return -ENOMEM;
	memcpy(fresh.table, code->table, fresh.table_size);
	fresh.function = keep_text(p, code->name, code->name_size, code->name_kind, "",
				   code->cut & HW_CODE_NAME_CUT ? "..." : "");
	fresh.file = keep_text(p, code->file, code->file_size, code->file_kind,
			       code->cut & HW_CODE_FILE_CUT ? "..." : "", "");
	p->bytes += fresh.table_size - slot->table_size;
	p->n += !slot->used;
	free(slot->table);
	*slot = fresh;
	return 0;
}

int pycodes__find(const struct pycodes *p, uint64_t word, struct pycode *out)
{
	uint64_t id = word & HW_PC_CODE_MASK;
	uint32_t unit = (uint32_t)(word >> HW_PC_UNIT_SHIFT) & HW_PC_UNIT_MAX;
	const struct code *c = slot_of(p->slots, p->room, id);

	*out = (struct pycode){.offset = unit ? 2ull * (unit - 1) : 0};
	if (!c->used)
		return -ENOENT;
	out->function = c->function;
	out->file = c->file;
	if (!unit)
		out->line = c->first_line;
	else if (unit < HW_PC_UNIT_MAX)
		out->line =
		    pylines_find(c->minor, c->table, c->table_size, c->first_line, 2 * (unit - 1));
	return 0;
}
