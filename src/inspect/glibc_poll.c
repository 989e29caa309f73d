// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/glibc_lists.h"

/* A heap is not larger than half of what a process gets. */
#define PLAUSIBLE (1ull << 47)

/* Everything that arena.c says of a heap_info's chain is checked: HEAP_MAX_SIZE each, and no more
 * of them than the arena's memory can fill. */
#define HEAPS_MAX (1u << 16)

struct heap_info {
	uint64_t arena, prev, size, mprotect_size;
};

static uint64_t limit_of(const struct glibc *g)
{
	return g->limit && g->limit < PLAUSIBLE ? g->limit : PLAUSIBLE;
}

static uint64_t field(const void *state, uint16_t offset)
{
	uint64_t v;

	memcpy(&v, (const char *)state + offset, sizeof(v));
	return v;
}

static int read_arena(const struct glibc *g, uint64_t addr, struct glibc_arena *a, uint64_t *next)
{
	const struct glibc_layout *l = g->layout;
	unsigned char state[0x900];
	uint64_t head[2];
	int err = memory_read(&g->mem, addr, state, l->state_size);

	if (err)
		return err;
	*a = (struct glibc_arena){.addr = addr,
				  .main = addr == g->main_arena,
				  .attached = field(state, l->attached),
				  .system = field(state, l->system),
				  .max_system = field(state, l->max_system),
				  .top_addr = field(state, l->top)};
	*next = field(state, l->next);
	if (a->system > limit_of(g) || a->max_system > PLAUSIBLE || a->max_system < a->system)
		return -ENODATA;
	/* Until its first malloc an arena's top is its own bin. */
	if (!a->system)
		return 0;
	if (a->top_addr & 15)
		return -ENODATA;
	err = memory_read(&g->mem, a->top_addr, head, sizeof(head));
	if (err)
		return err == -EFAULT ? -ENODATA : err;
	a->top_bytes = head[1] & ~GLIBC_SIZE_BITS;
	if (a->top_bytes > a->system)
		return -ENODATA;
	a->in_use = a->system - a->top_bytes;
	return 0;
}

/* Between the read of the arena and that of its top, the top may have moved: then what it was is
 * any user's data by now. */
static int read_arena_again(const struct glibc *g, uint64_t addr, struct glibc_arena *a,
			    uint64_t *next)
{
	int err = -ENODATA;

	for (int i = 0; i < 5 && err == -ENODATA; i++)
		err = read_arena(g, addr, a, next);
	return err;
}

int glibc_arena_read(const struct glibc *g, struct glibc_arena *a)
{
	uint64_t next;

	return read_arena_again(g, a->addr, a, &next);
}

static int read_par(const struct glibc *g, struct glibc_state *out)
{
	const struct glibc_layout *l = g->layout;
	unsigned char par[GLIBC_PAR_MAX];
	uint32_t n;
	int err = memory_read(&g->mem, g->par, par, l->sbrk_base + 8u);

	if (err)
		return err;
	memcpy(&n, par + l->n_mmaps, sizeof(n));
	out->mmapped_blocks = n;
	out->mmapped_bytes = field(par, l->mmapped);
	out->max_mmapped_bytes = field(par, l->max_mmapped);
	if (out->mmapped_bytes > PLAUSIBLE || out->max_mmapped_bytes > PLAUSIBLE ||
	    out->mmapped_bytes & 4095 || n > out->mmapped_bytes / 4096)
		return -ENODATA;
	return 0;
}

static int read_par_again(const struct glibc *g, struct glibc_state *out)
{
	int err = -ENODATA;

	/* n_mmaps and mmapped_mem change one after the other. */
	for (int i = 0; i < 5 && err == -ENODATA; i++)
		err = read_par(g, out);
	return err;
}

int glibc_poll(const struct glibc *g, struct glibc_state *out)
{
	uint64_t addr = g->main_arena, next;
	size_t room = 0;
	int err;

	*out = (struct glibc_state){0};
	err = read_par_again(g, out);
	if (err)
		return err;
	do {
		if (out->narenas == GLIBC_ARENAS_MAX) {
			out->more = true;
			break;
		}
		if (out->narenas == room) {
			struct glibc_arena *more;

			room = room ? 2 * room : 8;
			more = reallocarray(out->arenas, room, sizeof(*more));
			if (!more)
				return -ENOMEM;
			out->arenas = more;
		}
		err = read_arena_again(g, addr, &out->arenas[out->narenas], &next);
		if (err && addr == g->main_arena)
			return err;
		if (err) {
			/* Arenas are never removed: this is no list of glibc's. */
			out->more = true;
			break;
		}
		out->sum.system += out->arenas[out->narenas].system;
		out->sum.top += out->arenas[out->narenas].top_bytes;
		out->sum.in_use += out->arenas[out->narenas].in_use;
		out->narenas++;
		addr = next;
	} while (addr != g->main_arena);
	return 0;
}

void glibc_state_free(struct glibc_state *s)
{
	free(s->arenas);
	s->arenas = NULL;
	s->narenas = 0;
}

static int main_region(const struct glibc *g, const struct glibc_arena *a,
		       int (*fn)(void *arg, uint64_t start, uint64_t end, uint64_t first_chunk),
		       void *arg)
{
	uint64_t base, first;
	int err = memory_read_u64(&g->mem, g->par + g->layout->sbrk_base, &base);

	if (err)
		return err;
	if (!base || base > a->top_addr || a->top_addr + a->top_bytes - base > limit_of(g))
		return -ENODATA;
	first = (base + 15) & ~15ull;
	return fn(arg, base, a->top_addr + a->top_bytes, first);
}

/* The arena itself stands in its first heap. */
static uint64_t first_chunk(const struct glibc_layout *l, uint64_t heap, uint64_t arena)
{
	uint64_t first = heap + l->heap_header;

	return arena == first ? (first + l->state_size + 15) & ~15ull : first;
}

int glibc_regions(const struct glibc *g, const struct glibc_arena *a,
		  int (*fn)(void *arg, uint64_t start, uint64_t end, uint64_t first_chunk),
		  void *arg)
{
	uint64_t heap = a->top_addr & ~(GLIBC_HEAP_MAX - 1), total = 0;
	const struct glibc_layout *l = g->layout;
	struct heap_info h;
	int err;

	if (!a->system)
		return 0;
	if (a->main)
		return main_region(g, a, fn, arg);
	for (unsigned int i = 0; heap; i++, heap = h.prev) {
		err = memory_read(&g->mem, heap, &h, sizeof(h));
		if (err)
			return err;
		total += h.size;
		if (i == HEAPS_MAX || (heap & (GLIBC_HEAP_MAX - 1)) || h.arena != a->addr ||
		    h.size > GLIBC_HEAP_MAX || h.size < l->heap_header || total > a->system)
			return -ENODATA;
		err = fn(arg, heap, heap + h.size, first_chunk(l, heap, h.arena));
		if (err)
			return err;
	}
	return 0;
}
