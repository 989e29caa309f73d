/* SPDX-License-Identifier: GPL-2.0 */
/*
 * state.h: a process of a report, its sites left out, as an array of words and back; and what a
 * report says of all of them.  Pure.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dictionary;
struct report;
struct report_frame;
struct report_process;
struct words;

/* Append p to out.  An error of memory is the dictionary's or out's to tell. */
void state_encode(const struct report_process *p, struct dictionary *d, struct words *out);

void state_encode_report(const struct report *r, struct dictionary *d, struct words *out);

struct state_stack {
	const struct report_frame *frames; /* leaf first */
	size_t nframes;
	bool truncated;
	const char *reason; /* or NULL */
};

/* Where numbers are looked up. */
struct state_library {
	const char *(*text)(const void *arg, uint64_t number);		   /* NULL: there is none */
	int (*stack)(void *arg, uint64_t number, struct state_stack *out); /* 0, or -errno */
	void *arg;
};

/* Fill *p (zeroed) but for its sites; what it refers to comes from a or the library.  0, -EBADMSG,
 * -ENOMEM. */
int state_decode(const struct words *from, const struct state_library *library, struct arena *a,
		 struct report_process *p);
/* *used: how many of the words that took, from the first on; others follow. */
int state_decode_report(const struct words *from, const struct state_library *library,
			struct arena *a, struct report *r, size_t *used);

#endif
