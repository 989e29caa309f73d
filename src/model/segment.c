// SPDX-License-Identifier: GPL-2.0
#include "model/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of the kernel, not of malloc: its heap, once it has seen large blocks freed, keeps the holes that
 * growing segments leave behind, and a live block then costs up to 39 bytes instead of 30. */
#define OWN_PAGES 65536

/* Zeroed. */
static struct segment *get_memory(uint32_t room)
{
	struct segment probe = {.room = room};
	size_t size = segment_memory(&probe);
	void *p;

	if (size < OWN_PAGES)
		return calloc(1, size);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

struct segment *segment__new(uint64_t seed, uint32_t depth, uint32_t room)
{
	struct segment *s = get_memory(room);

	if (!s)
		return NULL;
	s->refs = 1;
	s->room = room;
	s->depth = depth;
	s->seed = seed;
	return s;
}

void segment__put(struct segment *s)
{
	if (!s || --s->refs)
		return;
	if (segment_memory(s) < OWN_PAGES)
		free(s);
	else
		munmap(s, segment_memory(s));
}

/* Multiply-shift instead of a mask: the room need not be a power of two. */
static uint32_t home_of(const struct segment *s, uint64_t hash)
{
	return (uint32_t)((uint64_t)(uint32_t)hash * s->room >> 32);
}

static uint64_t hash_of(const struct segment *s, const struct entry *e)
{
	return segment_hash(s->seed, e->a & ENTRY_KEY_MASK);
}

static uint32_t next_of(const struct segment *s, uint32_t slot)
{
	return slot + 1 == s->room ? 0 : slot + 1;
}

/* How far the entry in this slot is from where it would best be. */
static uint32_t distance_of(const struct segment *s, uint32_t slot)
{
	uint32_t home = home_of(s, hash_of(s, &s->slots[slot]));

	return slot >= home ? slot - home : slot + s->room - home;
}

bool segment__find(const struct segment *s, uint64_t hash, uint64_t key, uint32_t *slot)
{
	uint32_t i = home_of(s, hash);

	/* Entries stand in the order of their homes, so the search for an absent key ends early. */
	for (uint32_t distance = 0; s->slots[i].a; distance++, i = next_of(s, i)) {
		if ((s->slots[i].a & ENTRY_KEY_MASK) == key) {
			*slot = i;
			return true;
		}
		if (distance_of(s, i) < distance)
			break;
	}
	*slot = i;
	return false;
}

void segment__prefetch(const struct segment *s, uint64_t hash)
{
	__builtin_prefetch(&s->slots[home_of(s, hash)]);
}

void segment__insert(struct segment *s, uint32_t slot, struct entry e)
{
	uint32_t i = slot;

	/* All up to the next gap move on by one, which keeps their order. */
	for (; s->slots[i].a; i = next_of(s, i)) {
		struct entry moved = s->slots[i];

		s->slots[i] = e;
		e = moved;
	}
	s->slots[i] = e;
	s->n++;
}

void segment__remove(struct segment *s, uint32_t slot)
{
	uint32_t next = next_of(s, slot);

	while (s->slots[next].a && distance_of(s, next)) {
		s->slots[slot] = s->slots[next];
		slot = next;
		next = next_of(s, next);
	}
	s->slots[slot] = (struct entry){0};
	s->n--;
}

static void add(struct segment *s, struct entry e)
{
	uint32_t slot;

	segment__find(s, hash_of(s, &e), e.a & ENTRY_KEY_MASK, &slot);
	segment__insert(s, slot, e);
}

static void add_all(struct segment *s, const struct segment *from)
{
	for (uint32_t i = 0; i < from->room; i++)
		if (from->slots[i].a)
			add(s, from->slots[i]);
}

struct segment *segment__copy(const struct segment *s, uint32_t room)
{
	struct segment *copy;

	if (room != s->room) {
		copy = segment__new(s->seed, s->depth, room);
		if (copy)
			add_all(copy, s);
		return copy;
	}
	copy = get_memory(room);
	if (!copy)
		return NULL;
	memcpy(copy, s, segment_memory(s));
	copy->refs = 1;
	return copy;
}

static uint32_t bounded(uint64_t room, uint32_t n)
{
	/* Where the last split left nearly all on one side, the limit is still enough for them. */
	if (room > SEGMENT_ROOM_MAX && n <= SEGMENT_ROOM_MAX - SEGMENT_ROOM_MAX / 8)
		return SEGMENT_ROOM_MAX;
	return room < SEGMENT_ROOM_MIN ? SEGMENT_ROOM_MIN : (uint32_t)room;
}

uint32_t segment__room_split(uint32_t n)
{
	return bounded(12ull * n / 7, n);
}

/* Tighter than after growth, for it just became smaller, yet a quarter away from both limits. */
uint32_t segment__room_shrunk(uint32_t n)
{
	return bounded(10ull * n / 7, n);
}

static uint32_t side_of(const struct segment *s, const struct entry *e)
{
	return hash_of(s, e) >> (63 - s->depth) & 1;
}

int segment__split(const struct segment *s, struct segment *half[2])
{
	uint32_t n[2] = {0};

	for (uint32_t i = 0; i < s->room; i++)
		if (s->slots[i].a)
			n[side_of(s, &s->slots[i])]++;
	half[1] = NULL;
	half[0] = segment__new(s->seed, s->depth + 1, segment__room_split(n[0]));
	if (half[0])
		half[1] = segment__new(s->seed, s->depth + 1, segment__room_split(n[1]));
	if (!half[1]) {
		segment__put(half[0]);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->room; i++)
		if (s->slots[i].a)
			add(half[side_of(s, &s->slots[i])], s->slots[i]);
	return 0;
}

struct segment *segment__merge(const struct segment *s, const struct segment *t)
{
	struct segment *both =
	    segment__new(s->seed, s->depth - 1, segment__room_shrunk(s->n + t->n));

	if (!both)
		return NULL;
	add_all(both, s);
	add_all(both, t);
	return both;
}
