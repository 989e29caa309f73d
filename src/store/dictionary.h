/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dictionary.h: what a recording names by number, while it is written: texts, frames, stacks,
 * processes, sites.  Numbers count from 1 in the order of arrival; what is new since the last tick
 * is what the recorder has to write.  Pure.
 */
#ifndef STORE_DICTIONARY_H
#define STORE_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

enum dictionary_table {
	DICTIONARY_TEXTS,     /* the text */
	DICTIONARY_FRAMES,    /* struct dictionary_frame */
	DICTIONARY_STACKS,    /* LEB128: 1 where it is truncated; a text, why; frames, leaf first */
	DICTIONARY_PROCESSES, /* struct dictionary_process */
	DICTIONARY_SITES,     /* struct dictionary_site */
	DICTIONARY_TABLES,
};

/* Without padding: they are compared as bytes.  0 stands for an unknown text. */
struct dictionary_frame {
	uint64_t function, file, line, module, offset, pc;
};

struct dictionary_process {
	uint64_t pid, start_time;
};

struct dictionary_site {
	uint64_t process, kind, key, stack;
};

struct dictionary;
struct report_frame;
struct report_process;
struct report_site;

struct dictionary *dictionary__new(void);
void dictionary__free(struct dictionary *d);

/* Numbers; 0 for NULL, and once memory was out. */
uint64_t dictionary__text(struct dictionary *d, const char *text);
uint64_t dictionary__stack(struct dictionary *d, const struct report_frame *frames, size_t n,
			   int truncated, const char *reason);
uint64_t dictionary__process(struct dictionary *d, const struct report_process *p);
/*
 * A site whose stack's key is known for this program (exe: a text) is taken as the one that it was,
 * without a look at its frames, unless more of them have names by now.
 */
uint64_t dictionary__site(struct dictionary *d, uint64_t process, uint64_t exe,
			  const struct report_site *s);

/* 0, or -ENOMEM or -ENOSPC, for good. */
int dictionary__error(const struct dictionary *d);
size_t dictionary__count(const struct dictionary *d, enum dictionary_table table);
/* The entry with this number, valid until the next of the above. */
const void *dictionary__get(const struct dictionary *d, enum dictionary_table table,
			    uint64_t number, size_t *len);
size_t dictionary__memory(const struct dictionary *d);

#endif
