/* SPDX-License-Identifier: GPL-2.0 */
/*
 * requests.h: large chunks that an arena was asked for while not every call was seen: how large,
 * and by whom, but not which one it gave (struct hw_request).  A look at the heap finds those that
 * are there (requested.h) and says so; the others are forgotten.  Pure.
 */
#ifndef MODEL_REQUESTS_H
#define MODEL_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request {
	uint64_t chunk;	 /* bytes */
	uint32_t serial; /* from 1, each larger than the one before */
	uint32_t site;	 /* of the place; once it is settled, of the call of malloc: 0 has none */
	bool settled;
	bool held;     /* the last look found it */
	bool found;    /* a look did, of this process or of the one that forked it */
	uint32_t gaps; /* that struct requests had when it came */
};

/* Of more those are forgotten first that no look has found yet, the oldest of them. */
#define REQUESTS_MAX 16384u

struct requests {
	struct request *all; /* by serial */
	size_t n, room;
	uint32_t last;
	uint32_t gaps; /* grows where some may be missing after those that there are */
};

/* Of one that is forgotten. */
typedef void (*requests_gone_fn)(void *arg, const struct request *r);

void requests_free(struct requests *r);
/* to is empty, and of another process: no look has found any of them there.  0 or -ENOMEM. */
int requests_copy(struct requests *to, const struct requests *from);
/* 0 or -ENOMEM. */
int requests_add(struct requests *r, uint64_t chunk, uint32_t site, requests_gone_fn gone,
		 void *arg);
/* Of those up to `until` a look found these, n serials, the smallest first; the others are gone,
 * and the oldest of more than half of what there is room for. */
void requests_keep(struct requests *r, uint32_t until, const uint32_t *held, size_t n,
		   requests_gone_fn gone, void *arg);

#endif
