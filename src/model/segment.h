/* SPDX-License-Identifier: GPL-2.0 */
/*
 * segment.h: one piece of a table of blocks: open addressing, robin hood order, deletion by
 * shifting back, so that no tombstones fill a table that lives for weeks.  Private to blocks.c.
 *
 * A hash is used from both ends: its top bits choose the segment, its low half the slot, so a
 * split does not make the slots of the halves any less even.
 */
#ifndef MODEL_SEGMENT_H
#define MODEL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_ROOM_MIN 16u
#define SEGMENT_ROOM_MAX 65536u /* 1 MiB: what a write after a fork copies at most */

#define ENTRY_KEY_BITS 45
#define ENTRY_KEY_MASK ((1ull << ENTRY_KEY_BITS) - 1)

/* a: address / 8, and birth above it; b: size, and site below it.  An empty slot has a == 0. */
struct entry {
	uint64_t a, b;
};

struct segment {
	uint32_t refs; /* tables that hold it; with more than one it must not be written to */
	uint32_t room;
	uint32_t n;
	uint32_t depth; /* how many top bits of the hash all entries have in common */
	uint64_t seed;
	struct entry slots[];
};

/* The seed is secret to the watched program: it chooses its addresses, but not its collisions. */
static inline uint64_t segment_hash(uint64_t seed, uint64_t key)
{
	uint64_t h = (key ^ seed) * 0x9e3779b97f4a7c15ull;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

/* Load goes from 7/12 right after growth by half to 7/8: 27.5 to 18.3 bytes a block. */
static inline bool segment_full(const struct segment *s)
{
	return s->n >= s->room - s->room / 8;
}

/* Below 17/32 a block would soon cost more than 32 bytes. */
static inline bool segment_sparse(const struct segment *s)
{
	return s->room > SEGMENT_ROOM_MIN && 32ull * s->n < 17ull * s->room;
}

static inline size_t segment_memory(const struct segment *s)
{
	return sizeof(*s) + s->room * sizeof(s->slots[0]);
}

/* NULL where memory is out, as with all that make one.  A new segment has one reference. */
struct segment *segment__new(uint64_t seed, uint32_t depth, uint32_t room);
void segment__put(struct segment *s); /* drop one reference */

/* A private copy.  room: at least enough for the entries. */
struct segment *segment__copy(const struct segment *s, uint32_t room);
/* The two halves, by the next bit of the hash.  0 or -ENOMEM. */
int segment__split(const struct segment *s, struct segment *half[2]);
/* The reverse: one segment of both. */
struct segment *segment__merge(const struct segment *s, const struct segment *t);
/* The room that a segment of n entries is given: after a split, and when it shrank. */
uint32_t segment__room_split(uint32_t n);
uint32_t segment__room_shrunk(uint32_t n);

/* The slot of key: true, or false and *slot where it would be inserted. */
bool segment__find(const struct segment *s, uint64_t hash, uint64_t key, uint32_t *slot);
/* Fetch what segment__find is going to look at first. */
void segment__prefetch(const struct segment *s, uint64_t hash);
/* At the slot that segment__find gave; the segment is neither full nor shared. */
void segment__insert(struct segment *s, uint32_t slot, struct entry e);
void segment__remove(struct segment *s, uint32_t slot);

#endif
