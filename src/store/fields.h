/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fields.h: which members of a report's structs are kept, in the order in which they are stored.
 * The one list serves writing and reading.  It grows at its end only: a recording says how many
 * there are, and those that it does not have are read as 0.
 */
#ifndef STORE_FIELDS_H
#define STORE_FIELDS_H

#include <stddef.h>
#include <stdint.h>

struct bytes;
struct words;
struct words_reader;

enum field_kind {
	FIELD_U64,
	FIELD_U32,
	FIELD_SIZE,
	FIELD_BOOL,
	FIELD_DOUBLE, /* its bits */
	FIELD_TEXT,   /* may be NULL */
	FIELD_NAME,   /* a text that views rely on: NULL is kept as "" */
};

struct field {
	uint16_t offset;
	uint8_t kind;
};

struct fields {
	const struct field *list;
	size_t n;
};

extern const struct fields fields_report, fields_tree, fields_share, fields_process,
    fields_allocator, fields_arena, fields_line, fields_pinned, fields_advice, fields_cut;

/* Texts to numbers and back: 0 is NULL. */
typedef uint64_t (*fields_number_fn)(void *arg, const char *text);
/* NULL where no text has that number. */
typedef const char *(*fields_text_fn)(const void *arg, uint64_t number);

/* The values, after how many they are. */
void fields_put(const struct fields *f, const void *object, struct words *out,
		fields_number_fn number, void *arg);
/* Fill *object (zeroed).  What does not fit its member makes r bad. */
void fields_get(const struct fields *f, void *object, struct words_reader *r, fields_text_fn text,
		const void *arg);

#endif
