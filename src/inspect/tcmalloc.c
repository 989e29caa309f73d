// SPDX-License-Identifier: GPL-2.0
#include "inspect/tcmalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/allocator_ranges.h"

/*
 * gperftools 2.10, src/static_vars.cc: Static's members are one object file's .bss, so their
 * distances are the same in every program and library that links it.  Measured in Debian's
 * libtcmalloc.so.4, libtcmalloc_minimal.so.4 and both static libraries: the compiler lays them out
 * from the last to the first.
 */
#define PAGEHEAP_BELOW 0x1aa1e8 /* pageheap_ is this much below pageheap_lock_ */
#define CENTRAL_BELOW  0x27088	/* central_cache_ */
#define SIZEMAP_BELOW  0x1088	/* sizemap_ */

/* src/page_heap.h, class PageHeap: stats_ {system_bytes, free_bytes, unmapped_bytes, ...} lies
 * behind the page map and 128 span lists. */
#define PAGEHEAP_STATS 0x183068

/* Its page map, a TCMalloc_PageMap2 of 35 bits, lies behind a cache of 2^16 words. */
#define PAGEHEAP_ROOTS 0x80000
#define ROOTS	       (1u << 17)

/* src/common.h, class SizeMap. */
#define CLASSES_MAX 128		 /* kClassSizesMax */
#define PAGE_SHIFT  13		 /* kPageShift */
#define SIZE_MOST   (256 * 1024) /* kMaxSize */
struct size_map {
	unsigned char class_array[2172]; /* 2169, rounded up */
	int32_t move[CLASSES_MAX];	 /* num_objects_to_move_ */
	int32_t size[CLASSES_MAX];	 /* class_to_size_ */
	uint64_t pages[CLASSES_MAX];	 /* class_to_pages_ */
	uint64_t classes;		 /* num_size_classes */
};
_Static_assert(sizeof(struct size_map) == 0x1088, "SizeMap");

/* src/central_freelist.h, class CentralFreeListPadded; src/span.h, struct Span. */
struct span {
	uint64_t start, length, next, prev, objects, bits;
};
struct central {
	uint64_t lock, size_class;
	struct span empty, nonempty;
	uint64_t spans, free; /* num_spans_, counter_ */
	uint64_t slots[64][2];
	int32_t used_slots, cache_size, max_cache_size;
	char pad[0x34];
};
_Static_assert(sizeof(struct central) == 0x4c0, "CentralFreeListPadded");

/* src/thread_cache.h, class ThreadCache: 128 lists of 32 bytes, size_, ... next_. */
#define THREAD_SIZE  0x1000
#define THREAD_NEXT  0x1030
#define THREADS_MOST 65536

#define TRIES 5

static bool plausible_map(const struct size_map *map)
{
	if (map->classes < 2 || map->classes > CLASSES_MAX || map->size[0] || map->pages[0])
		return false;
	for (uint64_t c = 1; c < map->classes; c++)
		if (map->size[c] <= map->size[c - 1] || map->size[c] > SIZE_MOST ||
		    map->move[c] < 2 || map->move[c] > 65536 || !map->pages[c] ||
		    map->pages[c] > 256 || map->pages[c] << PAGE_SHIFT < (uint64_t)map->size[c])
			return false;
	return map->size[map->classes - 1] == SIZE_MOST;
}

static int read_central(const struct tcmalloc *t, const struct size_map *map,
			struct tcmalloc_state *out)
{
	uint64_t at = t->lock - CENTRAL_BELOW;
	struct central *all = malloc(map->classes * sizeof(*all));
	int err = all ? memory_read(&t->mem, at, all, map->classes * sizeof(*all)) : -ENOMEM;

	for (uint64_t c = 0; !err && c < map->classes; c++) {
		const struct central *l = &all[c];
		uint64_t size = (uint64_t)map->size[c], per = 1, in_lists, in_slots;

		if (l->size_class != c || !l->empty.next || !l->nonempty.next || !l->empty.prev ||
		    !l->nonempty.prev || l->used_slots < 0 || l->used_slots > 64) {
			err = -ENODATA;
			break;
		}
		if (!c)
			continue;
		per = map->pages[c] << PAGE_SHIFT;
		in_slots = (uint64_t)l->used_slots * (uint64_t)map->move[c];
		/* More spans, or more objects in them, than the heap has room for. */
		if (l->spans > out->system / per || l->free > l->spans * (per / size)) {
			err = -EAGAIN;
			break;
		}
		in_lists = l->free * size + l->spans * (per % size);
		out->central_free += in_lists;
		out->transfer_free += in_slots * size;
	}
	free(all);
	return err;
}

static int read_threads(const struct tcmalloc *t, struct tcmalloc_state *out)
{
	uint64_t at, next;
	int32_t size;
	int err = memory_read_u64(&t->mem, t->thread_heaps, &at);

	for (; !err && at; at = next) {
		/* A cache goes back to an allocator of its own kind when its thread ends: it stays
		 * mapped, but may lead elsewhere. */
		if (out->threads++ == THREADS_MOST || (at & 7))
			return -EAGAIN;
		err = memory_read(&t->mem, at + THREAD_SIZE, &size, sizeof(size));
		if (!err)
			err = memory_read_u64(&t->mem, at + THREAD_NEXT, &next);
		/* size_ is signed, and for a moment below 0. */
		if (!err && size > 0)
			out->thread_free += (uint64_t)size;
	}
	return err;
}

static int read_once(const struct tcmalloc *t, struct tcmalloc_state *out)
{
	struct size_map map;
	uint64_t stats[3], parts;
	int err;

	memset(out, 0, sizeof(*out));
	if (t->lock < PAGEHEAP_BELOW)
		return -ENODATA;
	err = memory_read(&t->mem, t->lock - SIZEMAP_BELOW, &map, sizeof(map));
	if (err)
		return err;
	if (!plausible_map(&map))
		return -ENODATA;
	err = memory_read(&t->mem, t->lock - PAGEHEAP_BELOW + PAGEHEAP_STATS, stats, sizeof(stats));
	if (err)
		return err;
	out->system = stats[0];
	out->page_free = stats[1];
	out->unmapped = stats[2];
	if (out->system & ((1u << PAGE_SHIFT) - 1) || out->system >> 48 ||
	    out->page_free > out->system || out->unmapped > out->system)
		return -ENODATA;
	err = read_central(t, &map, out);
	if (!err)
		err = read_threads(t, out);
	if (err)
		return err;
	parts = out->unmapped + out->page_free + out->central_free + out->transfer_free +
		out->thread_free;
	if (parts > out->system)
		return -EAGAIN;
	out->in_use = out->system - parts;
	return 0;
}

int tcmalloc_read(const struct tcmalloc *t, struct tcmalloc_state *out)
{
	struct tcmalloc_state before = {0};
	int err = -EAGAIN, was;

	for (int i = 0; i < TRIES; i++) {
		was = err;
		err = read_once(t, out);
		if (err && err != -EAGAIN)
			return err;
		if (!err && !was && !memcmp(&before, out, sizeof(before))) {
			out->steady = true;
			return 0;
		}
		before = *out;
	}
	return err;
}

int tcmalloc_ranges(const struct tcmalloc *t, struct pagemap *pages, struct allocator_ranges *out)
{
	/* Each word is a struct span's address. */
	const struct allocator_table table = {.at = t->lock - PAGEHEAP_BELOW + PAGEHEAP_ROOTS,
					      .roots = ROOTS,
					      .page_shift = PAGE_SHIFT,
					      .pointer = UINT64_MAX,
					      .run = offsetof(struct span, start),
					      .run_shift = PAGE_SHIFT};

	return allocator_ranges_read(&t->mem, pages, &table, out);
}
