// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_heap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "inspect/glibc_locate.h"
#include "inspect/pagemap.h"
#include "inspect/procfs.h"
#include "model/modules.h"

#define SECOND 1000000000ull

/* A program that has just started may not have mapped its libc yet, or not called malloc. */
#define RETRY_FIRST (1 * SECOND)
#define RETRY_LATER (60 * SECOND)
#define TRIES	    4

/* So often in a row a heap that was read before may look like none. */
#define TORN_MOST 20

/* A heap is walked again after this, or after so many times what the walk took. */
#define WALK_AGAIN  (5 * SECOND)
#define WALK_FACTOR 50

void machine_heap_reset(struct machine_heap_reader *h)
{
	memset(h, 0, sizeof(*h));
}

/* Other allocators, by the files that hold them. */
static const char *other_allocator(const struct modules *m)
{
	static const char *const files[][2] = {
	    {"/libjemalloc.so", "jemalloc"}, {"/libtcmalloc", "tcmalloc"},
	    {"/libmimalloc", "mimalloc"},    {"/libsnmalloc", "snmalloc"},
	    {"/ld-musl-", "musl"},	     {"/libc.musl-", "musl"},
	};

	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *x = modules__at(m, i);
		const char *name = x->inode && x->exec ? strrchr(x->path, '/') : NULL;

		for (size_t k = 0; name && k < sizeof(files) / sizeof(*files); k++)
			if (!strncmp(name, files[k][0], strlen(files[k][0])))
				return files[k][1];
	}
	return NULL;
}

/* Does it tell of itself? */
static bool look_other(struct machine_heap_reader *h, pid_t pid, const struct modules *m,
		       uint64_t now_ns)
{
	struct allocator_figures now;
	int err = allocator_look(pid, m, &h->place, &now);

	if (!err) {
		h->told = now;
		h->told_ns = now_ns;
	} else if (err != -EAGAIN) {
		h->told_ns = 0;
	}
	return !err;
}

/* One that is in the program itself. */
static bool look_inside(struct machine_heap_reader *h, pid_t pid, const struct modules *m,
			uint64_t now_ns)
{
	if (!look_other(h, pid, m, now_ns))
		return false;
	h->state = HEAP_OTHER;
	h->inside = true;
	snprintf(h->name, sizeof(h->name), "%s", h->told.name);
	return true;
}

static void look(struct machine_heap_reader *h, pid_t pid, uint64_t size, const struct modules *m,
		 struct glibc_cache *cache, uint64_t now_ns)
{
	const char *other = other_allocator(m);
	unsigned int minor;
	int err;

	/* Its glibc, if it has one, serves only what comes before and beside: not the figures that
	 * are asked for. */
	if (other || h->inside) {
		if (other)
			snprintf(h->name, sizeof(h->name), "%s", other);
		h->state = HEAP_OTHER;
		look_other(h, pid, m, now_ns);
		return;
	}
	err = glibc_locate(pid, m, cache, &h->glibc, &minor);
	if (minor)
		snprintf(h->name, sizeof(h->name), "glibc 2.%u", minor);
	h->state = !err ? HEAP_FOUND : err == -EACCES || err == -EPERM ? HEAP_DENIED : HEAP_OTHER;
	h->glibc.limit = size;
	if (h->state == HEAP_OTHER)
		look_inside(h, pid, m, now_ns);
}

/* Nobody has called glibc's malloc, or another one in the program stands before it. */
static bool is_unused(const struct machine_heap_reader *h)
{
	return h->state == HEAP_FOUND && h->polled && !h->system && !h->mmapped;
}

void machine_heap_locate(struct machine_heap_reader *h, pid_t pid, uint64_t size,
			 struct glibc_cache *cache, uint64_t now_ns)
{
	uint64_t start = clock_thread_ns(), wait;
	struct modules *m;
	int err;

	if ((h->state != HEAP_NEW && h->state != HEAP_OTHER && !is_unused(h)) ||
	    now_ns < h->retry_ns)
		return;
	m = modules__new();
	err = m ? procfs_modules(pid, m) : -ENOMEM;
	if (err >= 0 && is_unused(h))
		look_inside(h, pid, m, now_ns);
	else if (err >= 0)
		look(h, pid, size, m, cache, now_ns);
	else if (err == -EACCES || err == -EPERM)
		h->state = HEAP_DENIED;
	modules__free(m);
	h->retry_ns = now_ns + (h->tries < TRIES ? RETRY_FIRST << h->tries : RETRY_LATER);
	h->tries++;
	if (h->told_ns == now_ns) {
		/* Figures are worth more than the hope for others. */
		wait = WALK_FACTOR * (clock_thread_ns() - start);
		h->retry_ns = now_ns + (wait > WALK_AGAIN ? wait : WALK_AGAIN);
	}
}

static int poll_state(struct machine_heap_reader *h, struct glibc_state *s, uint64_t now_ns)
{
	int err = glibc_poll(&h->glibc, s);

	if (!err) {
		h->polled = true;
		h->torn = 0;
		h->polled_ns = now_ns;
		h->system = s->sum.system;
		h->top = s->sum.top;
		h->mmapped = s->mmapped_bytes;
		h->arenas = (uint32_t)s->narenas;
	}
	return err;
}

static void failed(struct machine_heap_reader *h, int err, uint64_t now_ns)
{
	uint32_t tries = h->tries;

	if (err == -EPERM || err == -EACCES) {
		h->state = HEAP_DENIED;
	} else if (err == -ENODATA && h->polled && ++h->torn < TORN_MOST) {
		/* It allocates so fast that its top was never where it was said to be. */
		return;
	} else if (err == -EFAULT || err == -ENODATA) {
		/* Not where it was: another program, or malloc was not called yet. */
		machine_heap_reset(h);
		h->tries = tries;
		h->retry_ns = now_ns + (tries < TRIES ? RETRY_FIRST << tries : RETRY_LATER);
	}
}

void machine_heap_poll(struct machine_heap_reader *h, uint64_t now_ns)
{
	struct glibc_state s;
	int err;

	if (h->state != HEAP_FOUND)
		return;
	err = poll_state(h, &s, now_ns);
	glibc_state_free(&s);
	if (err)
		failed(h, err, now_ns);
}

static void keep_walk(struct machine_heap_reader *h, const struct glibc_state *s, uint64_t now_ns)
{
	h->walked = h->walk_paged = true;
	/* Where a heap could only be counted by its lists, where its free memory is is not known.
	 */
	for (size_t i = 0; i < s->narenas; i++)
		if (s->arenas[i].system && !s->arenas[i].walked)
			h->walk_paged = false;
	h->confidence = s->confidence;
	h->walked_ns = now_ns;
	h->walk_system = s->sum.system;
	h->walk_top = s->sum.top;
	h->walk_mmapped = s->mmapped_bytes;
	h->walk_in_use = s->sum.in_use + s->mmapped_bytes;
	h->walk_resident = s->sum.free_resident;
}

void machine_heap_walk(struct machine_heap_reader *h, uint64_t budget_ns, uint64_t now_ns)
{
	uint64_t start = clock_thread_ns(), wait;
	struct pagemap *pages = NULL;
	struct glibc_state s = {0};
	int err;

	if (h->state != HEAP_FOUND || now_ns < h->next_walk_ns)
		return;
	err = pagemap__new(h->glibc.mem.pid, &pages);
	if (!err)
		err = poll_state(h, &s, now_ns);
	if (!err)
		err = glibc_walk(&h->glibc, pages, budget_ns, NULL, &s);
	if (!err && s.confidence != GLIBC_UNKNOWN)
		keep_walk(h, &s, now_ns);
	glibc_state_free(&s);
	pagemap__free(pages);
	h->walk_cost_ns = clock_thread_ns() - start;
	wait = WALK_FACTOR * h->walk_cost_ns;
	h->next_walk_ns = now_ns + (err ? RETRY_LATER : wait > WALK_AGAIN ? wait : WALK_AGAIN);
}

uint64_t machine_heap_held(const struct machine_heap_reader *h)
{
	if (h->state == HEAP_OTHER)
		return h->told_ns ? h->told.system : 0;
	return h->system + h->mmapped;
}

/* what + change, not below 0. */
static uint64_t moved(uint64_t what, uint64_t from, uint64_t to)
{
	return to >= from ? what + (to - from) : what > from - to ? what - (from - to) : 0;
}

static void tell_other(const struct machine_heap_reader *h, uint64_t now_ns,
		       struct machine_heap *out)
{
	bool now = h->told_ns == now_ns;

	out->age_ns = now_ns - h->told_ns;
	out->held = now && h->told.steady ? MACHINE_EXACT : MACHINE_ESTIMATED;
	out->quality = out->held;
	out->system = h->told.system;
	out->in_use = h->told.in_use;
	out->free = out->system - out->in_use;
}

void machine_heap_tell(const struct machine_heap_reader *h, uint64_t now_ns,
		       struct machine_heap *out)
{
	uint64_t total = h->system + h->mmapped;

	*out = (struct machine_heap){.age_ns = UINT64_MAX};
	if (h->state == HEAP_OTHER && h->told_ns)
		tell_other(h, now_ns, out);
	if (h->state == HEAP_OTHER)
		return;
	/* That glibc holds nothing is nothing to tell: who does is not known. */
	if (!h->polled || is_unused(h))
		return;
	out->held = h->polled_ns == now_ns ? MACHINE_EXACT : MACHINE_ESTIMATED;
	out->system = h->system;
	out->top = h->top;
	out->mmapped = h->mmapped;
	out->arenas = h->arenas;
	out->quality = MACHINE_ESTIMATED;
	out->in_use = total - h->top;
	if (h->walked) {
		out->age_ns = now_ns - h->walked_ns;
		out->in_use = moved(h->walk_in_use, h->walk_system + h->walk_mmapped - h->walk_top,
				    total - h->top);
		if (!out->age_ns && h->confidence == GLIBC_EXACT)
			out->quality = MACHINE_EXACT;
	}
	if (out->in_use > total)
		out->in_use = total;
	out->free = total - out->in_use;
	if (h->walked && h->walk_paged) {
		out->resident = out->quality;
		out->free_resident = h->walk_resident < out->free ? h->walk_resident : out->free;
	}
}
