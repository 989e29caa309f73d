/* SPDX-License-Identifier: GPL-2.0 */
/* governor_parts.h: what governor*.c share. */
#ifndef APP_GOVERNOR_PARTS_H
#define APP_GOVERNOR_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/governed.h"
#include "app/governor.h"

struct crew;
struct prover;
struct purse;

struct governor {
	struct governing common;
	struct governor_config config;

	struct purse *purse; /* what children may take; NULL: anything */
	bool forks_dear;
	uint64_t dropped_cost_ns;	  /* of who was no child and is not watched any more */
	uint64_t recorded_ns, earlier_ns; /* earlier: what all ran before they were watched */
	struct prover *prover;		  /* NULL: nothing is to be seen, or all */
	struct crew *crew;		  /* likewise */
	unsigned int workers;
	pthread_t thread;
	uint64_t again_ns; /* the next look, at the latest */
	bool running, stop;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* also: stop */
	struct governed **all;
	size_t n, room;
};

/* With the lock held: what all ran, and what the probes took of them, for the children's purse. */
void governor_record(struct governor *g);
/* Have others spent what a child that begins now could? */
bool governor_is_poor(struct governor *g);

#endif
