/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recording.h: a recording, to be read.  The file is untrusted: every row is checked when it is
 * opened, against the sums that the recorder wrote, and every number where it is used.
 */
#ifndef STORE_RECORDING_H
#define STORE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recording;

enum {
	RECORDING_UNCHECKED = 1, /* sums may be wrong: for fuzzing what comes after them */
};

/* 0, or -errno once it is logged. */
int recording__open(const char *path, int flags, struct recording **out);
void recording__free(struct recording *r);

struct recording_tick {
	uint64_t time_ns, elapsed_ns; /* as the report's */
	uint64_t private_bytes;	      /* RSS less shared, summed over the processes that live */
	uint32_t alive;
	uint32_t samples; /* rows */
};

/* The recorded ticks, in order; at least one. */
size_t recording__ticks(const struct recording *r, const struct recording_tick **out);
/* The last at that time after the start or before it; the first where it is earlier than that. */
size_t recording__tick_at(const struct recording *r, uint64_t elapsed_ns);
/* The one with most private bytes, the first such. */
size_t recording__peak(const struct recording *r);

struct recording_mark {
	uint64_t time_ns, elapsed_ns;
	uint64_t process; /* that an exec of this one made it; 0: somebody said it */
	const char *text;
};

size_t recording__marks(const struct recording *r, const struct recording_mark **out);

struct recording_process {
	uint32_t pid;
	uint64_t start_time;
};

/* By number, less 1. */
size_t recording__processes(const struct recording *r, const struct recording_process **out);

struct recording_site {
	uint64_t process; /* a number: 1 and up */
	uint32_t kind;	  /* enum report_kind */
	uint64_t key, stack;
};

size_t recording__sites(const struct recording *r, const struct recording_site **out);

/* "command", "host" ...: what the recorder noted, or NULL.  Belongs to r. */
const char *recording__note(const struct recording *r, const char *key);

/* For state_decode and others who follow numbers; arg is the recording. */
const char *recording__text(const void *arg, uint64_t number);
struct state_stack;
int recording__stack(void *arg, uint64_t number, struct state_stack *out);

/* One row of samples; columns as in schema.h. */
struct schema_sample;
typedef int (*recording_sample_fn)(void *arg, const struct schema_sample *s);

/* Those of the ticks after..upto (numbers from 1), in order.  Non-zero ends it and is passed on;
 * -EBADMSG where a row is not what it should be. */
int recording__samples(struct recording *r, uint64_t after, uint64_t upto, recording_sample_fn fn,
		       void *arg);
/* The states of ticks, likewise (schema.h). */
struct schema_tick;
typedef int (*recording_tick_fn)(void *arg, const struct schema_tick *t);
int recording__tick_states(struct recording *r, uint64_t after, uint64_t upto, recording_tick_fn fn,
			   void *arg);

#endif
