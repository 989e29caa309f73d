// SPDX-License-Identifier: GPL-2.0
#include "model/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "model/segment.h"

/* A directory of 512 KiB, for 3 billion blocks; segments grow past their limit only after that. */
#define DEPTH_MAX 16

/* Two neighbours with no more than this together become one: far below what splits it again. */
#define MERGE_MAX (SEGMENT_ROOM_MAX * 3 / 8)

struct blocks {
	struct segment **dir; /* 1 << depth; a segment stands 1 << (depth - its own) times */
	uint32_t depth;
	uint64_t seed;
	size_t n;
};

static uint64_t random_seed(void)
{
	/* 16 bytes from the kernel, for the asking: no file, no system call. */
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = 0x2545f4914f6cdd1dull;

	if (random)
		memcpy(&seed, random, sizeof(seed));
	return segment_hash(seed, seed >> 19);
}

struct blocks *blocks__new(void)
{
	struct blocks *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->seed = random_seed();
	b->dir = calloc(1, sizeof(b->dir[0]));
	if (!b->dir)
		goto err;
	b->dir[0] = segment__new(b->seed, 0, SEGMENT_ROOM_MIN);
	if (!b->dir[0])
		goto err;
	return b;
err:
	free(b->dir);
	free(b);
	return NULL;
}

static size_t span_of(const struct blocks *b, const struct segment *s)
{
	return (size_t)1 << (b->depth - s->depth);
}

static size_t index_of(const struct blocks *b, uint64_t hash)
{
	return b->depth ? hash >> (64 - b->depth) : 0;
}

void blocks__free(struct blocks *b)
{
	if (!b)
		return;
	for (size_t i = 0, span; i < (size_t)1 << b->depth; i += span) {
		span = span_of(b, b->dir[i]);
		segment__put(b->dir[i]);
	}
	free(b->dir);
	free(b);
}

struct blocks *blocks__fork(const struct blocks *b)
{
	struct blocks *copy = malloc(sizeof(*copy));
	size_t n = (size_t)1 << b->depth;

	if (!copy)
		return NULL;
	*copy = *b;
	copy->dir = malloc(n * sizeof(copy->dir[0]));
	if (!copy->dir) {
		free(copy);
		return NULL;
	}
	memcpy(copy->dir, b->dir, n * sizeof(copy->dir[0]));
	for (size_t i = 0; i < n; i += span_of(b, b->dir[i]))
		b->dir[i]->refs++;
	return copy;
}

/* Put s, whose depth says how often, around dir[i].  What stood there is the caller's. */
static void set_segment(struct blocks *b, size_t i, struct segment *s)
{
	size_t span = span_of(b, s), first = i & ~(span - 1);

	for (size_t k = 0; k < span; k++)
		b->dir[first + k] = s;
}

static int replace_segment(struct blocks *b, size_t i, struct segment *s)
{
	struct segment *old = b->dir[i];

	if (!s)
		return -ENOMEM;
	set_segment(b, i, s);
	segment__put(old);
	return 0;
}

/* Only what no other table holds may be written to. */
static int own_segment(struct blocks *b, size_t i)
{
	if (b->dir[i]->refs == 1)
		return 0;
	return replace_segment(b, i, segment__copy(b->dir[i], b->dir[i]->room));
}

static int double_dir(struct blocks *b)
{
	size_t n = (size_t)1 << b->depth;
	struct segment **dir = malloc(2 * n * sizeof(dir[0]));

	if (!dir)
		return -ENOMEM;
	for (size_t i = 0; i < 2 * n; i++)
		dir[i] = b->dir[i / 2];
	free(b->dir);
	b->dir = dir;
	b->depth++;
	return 0;
}

static void halve_dir(struct blocks *b)
{
	size_t n = (size_t)1 << b->depth;
	struct segment **dir;

	for (size_t i = 0; i < n; i += 2)
		if (b->dir[i] != b->dir[i + 1])
			return;
	for (size_t i = 0; i < n / 2; i++)
		b->dir[i] = b->dir[2 * i];
	b->depth--;
	dir = realloc(b->dir, n / 2 * sizeof(dir[0]));
	if (dir)
		b->dir = dir;
}

static int split_segment(struct blocks *b, uint64_t hash)
{
	struct segment *s = b->dir[index_of(b, hash)], *half[2];
	size_t i, span;
	int err;

	if (s->depth == b->depth && double_dir(b))
		return -ENOMEM;
	err = segment__split(s, half);
	if (err)
		return err;
	span = span_of(b, s);
	i = index_of(b, hash) & ~(span - 1);
	set_segment(b, i, half[0]);
	set_segment(b, i + span / 2, half[1]);
	segment__put(s);
	return 0;
}

/* Room for one more where hash goes; the result is a segment of our own, or two. */
static int grow(struct blocks *b, uint64_t hash)
{
	size_t i = index_of(b, hash);
	struct segment *s = b->dir[i];
	uint64_t room = s->room + s->room / 2;

	if (s->room >= SEGMENT_ROOM_MAX && s->depth < DEPTH_MAX)
		return split_segment(b, hash);
	if (s->room < SEGMENT_ROOM_MAX && room > SEGMENT_ROOM_MAX)
		room = SEGMENT_ROOM_MAX;
	if (room > UINT32_MAX)
		return -ENOMEM;
	return replace_segment(b, i, segment__copy(s, (uint32_t)room));
}

/* Give memory back after a removal.  Best effort: a failure costs memory, nothing else. */
static void shrink(struct blocks *b, size_t i)
{
	struct segment *s = b->dir[i], *t, *merged;
	size_t span = span_of(b, s);

	t = s->depth ? b->dir[i ^ span] : s;
	if (t == s || t->depth != s->depth || s->n + t->n > MERGE_MAX) {
		replace_segment(b, i, segment__copy(s, segment__room_shrunk(s->n)));
		return;
	}
	/* A neighbour shared with a fork is copied here instead of shared: it is small. */
	merged = segment__merge(s, t);
	if (!merged)
		return;
	set_segment(b, i, merged);
	segment__put(s);
	segment__put(t);
	while (b->depth) {
		uint32_t depth = b->depth;

		halve_dir(b);
		if (b->depth == depth)
			break;
	}
}

static bool bad_addr(uint64_t addr)
{
	return !addr || addr & 7 || addr >> (ENTRY_KEY_BITS + 3);
}

static struct entry pack(const struct block *blk)
{
	uint64_t born = blk->born < BLOCK_BORN_MAX ? blk->born : BLOCK_BORN_MAX;

	return (struct entry){.a = blk->addr >> 3 | born << ENTRY_KEY_BITS,
			      .b = blk->size << 24 | blk->site};
}

static struct block unpack(const struct entry *e)
{
	return (struct block){.addr = (e->a & ENTRY_KEY_MASK) << 3,
			      .size = e->b >> 24,
			      .site = e->b & BLOCK_SITE_MAX,
			      .born = (uint32_t)(e->a >> ENTRY_KEY_BITS)};
}

int blocks__put(struct blocks *b, const struct block *blk, struct block *old)
{
	uint64_t key = blk->addr >> 3, hash = segment_hash(b->seed, key);
	uint32_t slot;
	bool found;
	size_t i;

	if (bad_addr(blk->addr) || blk->size > BLOCK_SIZE_MAX || blk->site > BLOCK_SITE_MAX)
		return -ERANGE;
	for (;;) {
		i = index_of(b, hash);
		found = segment__find(b->dir[i], hash, key, &slot);
		if (found || !segment_full(b->dir[i]))
			break;
		/* Once, but for a split that leaves all entries on one side. */
		if (grow(b, hash))
			return -ENOMEM;
	}
	if (own_segment(b, i))
		return -ENOMEM;
	if (!found) {
		segment__insert(b->dir[i], slot, pack(blk));
		b->n++;
		return 0;
	}
	if (old)
		*old = unpack(&b->dir[i]->slots[slot]);
	b->dir[i]->slots[slot] = pack(blk);
	return 1;
}

int blocks__take(struct blocks *b, uint64_t addr, struct block *out)
{
	uint64_t hash = segment_hash(b->seed, addr >> 3);
	size_t i = index_of(b, hash);
	uint32_t slot;

	if (bad_addr(addr) || !segment__find(b->dir[i], hash, addr >> 3, &slot))
		return -ENOENT;
	if (own_segment(b, i))
		return -ENOMEM;
	if (out)
		*out = unpack(&b->dir[i]->slots[slot]);
	segment__remove(b->dir[i], slot);
	b->n--;
	if (segment_sparse(b->dir[i]))
		shrink(b, i);
	return 0;
}

bool blocks__find(const struct blocks *b, uint64_t addr, struct block *out)
{
	uint64_t hash = segment_hash(b->seed, addr >> 3);
	const struct segment *s = b->dir[index_of(b, hash)];
	uint32_t slot;

	if (bad_addr(addr) || !segment__find(s, hash, addr >> 3, &slot))
		return false;
	if (out)
		*out = unpack(&s->slots[slot]);
	return true;
}

void blocks__prefetch(const struct blocks *b, uint64_t addr)
{
	uint64_t hash = segment_hash(b->seed, addr >> 3);

	segment__prefetch(b->dir[index_of(b, hash)], hash);
}

size_t blocks__count(const struct blocks *b)
{
	return b->n;
}

size_t blocks__memory(const struct blocks *b)
{
	size_t n = (size_t)1 << b->depth, sum = sizeof(*b) + n * sizeof(b->dir[0]);

	for (size_t i = 0; i < n; i += span_of(b, b->dir[i]))
		sum += segment_memory(b->dir[i]);
	return sum;
}

int blocks__each(const struct blocks *b, int (*fn)(void *arg, const struct block *blk), void *arg)
{
	for (size_t i = 0; i < (size_t)1 << b->depth; i += span_of(b, b->dir[i])) {
		const struct segment *s = b->dir[i];

		for (uint32_t k = 0; k < s->room; k++) {
			struct block blk = unpack(&s->slots[k]);
			int err;

			if (!s->slots[k].a)
				continue;
			err = fn(arg, &blk);
			if (err)
				return err;
		}
	}
	return 0;
}
