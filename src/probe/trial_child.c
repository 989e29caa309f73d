// SPDX-License-Identifier: GPL-2.0
/*
 * trial_child.c: calls of malloc, calloc and free of which each writes down when it was and what it
 * gave.  Sizes and orders are made for glibc (malloc/malloc.c): what a thread's cache serves, what
 * an arena's, what a mapping of its own, and what is left where an arena has no more.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/trial.h"

#define MIB    (1ul << 20)
#define BIG    (20 * MIB) /* three of these fill a heap of an arena, which has 64 MiB */
#define CACHED 7	  /* how many blocks of a size a thread's cache holds */
#define SECOND 1000000000l

struct child {
	struct trial_log *log;
	void *block[4]; /* what one thread leaves for another */
	bool failed;
};

/* Another thread, which does what it is told to while the first one waits. */
struct worker {
	struct child *child;
	pthread_t thread;
	sem_t ask, answer;
	void (*job)(struct child *c); /* NULL: end */
};

/* The compiler knows these functions: by these it must call them. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void (*volatile do_free)(void *) = free;

static void note(struct child *c, uint64_t began, const void *block, size_t bytes, bool frees,
		 enum choice_size size)
{
	struct trial_log *log = c->log;

	if (!block || log->n == TRIAL_CALLS) {
		c->failed = true;
		return;
	}
	log->calls[log->n++] = (struct choice_call){.began = began,
						    .ended = clock_now_ns(),
						    .block = (uintptr_t)block,
						    .bytes = bytes,
						    .tid = (uint32_t)syscall(SYS_gettid),
						    .frees = frees,
						    .size = (uint16_t)size};
}

static void *take(struct child *c, size_t bytes, bool zeroed, enum choice_size size)
{
	uint64_t began = clock_now_ns();
	void *p = zeroed ? do_calloc(1, bytes) : do_malloc(bytes);

	note(c, began, p, bytes, false, size);
	return p;
}

static void give(struct child *c, void *p, enum choice_size size)
{
	uint64_t began = clock_now_ns();

	do_free(p);
	note(c, began, p, 0, true, size);
}

/* ---- what each thread does ---- */

/* calloc never takes from the cache before 2.41, and does from then on: it may be either. */
static void small(struct child *c)
{
	static const size_t sizes[] = {24, 104, 504, 1032};
	void *p[CACHED + 3];

	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		give(c, take(c, sizes[k], false, CHOICE_SMALL), CHOICE_CACHED);
		give(c, take(c, sizes[k], false, CHOICE_CACHED), CHOICE_CACHED);
		give(c, take(c, sizes[k], true, CHOICE_SMALL), CHOICE_SMALL);
		for (int i = 0; i < CACHED + 3; i++)
			p[i] = take(c, sizes[k], false, CHOICE_SMALL);
		for (int i = 0; i < CACHED; i++)
			give(c, p[i], CHOICE_SMALL);
		for (int i = CACHED; i < CACHED + 3; i++)
			give(c, p[i], CHOICE_SMALL);
	}
}

/* From the top, then from where others went back to: alone, beside one that is free, before one. */
static void large(struct child *c, bool zeroed)
{
	static const size_t sizes[] = {1033, 2003, 4999, 20011, 60013, 99991};
	enum { N = sizeof(sizes) / sizeof(*sizes) };
	void *p[N];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			p[i] = take(c, sizes[i], zeroed, CHOICE_LARGE);
		for (int i = 0; i < N; i++)
			give(c, p[round == 1 ? N - 1 - i : (i * 5 + round) % N], CHOICE_LARGE);
	}
	/* Shorter than the hole that it is cut from, and the hole itself again. */
	p[0] = take(c, 30011, zeroed, CHOICE_LARGE);
	p[1] = take(c, 1999, zeroed, CHOICE_LARGE);
	give(c, p[0], CHOICE_LARGE);
	p[0] = take(c, 5003, zeroed, CHOICE_LARGE);
	p[2] = take(c, 30011, zeroed, CHOICE_LARGE);
	for (int i = 0; i < 3; i++)
		give(c, p[i], CHOICE_LARGE);
}

/* In a mapping of its own; when it is freed the limit becomes its size, so each is larger. */
static void mapped(struct child *c, size_t first)
{
	for (int i = 0; i < 2; i++) {
		give(c, take(c, first, i, CHOICE_LARGE), CHOICE_LARGE);
		first += 100 * 1024;
	}
}

static void all(struct child *c)
{
	small(c);
	large(c, false);
	large(c, true);
}

static void other_all(struct child *c)
{
	all(c);
	mapped(c, 600 * 1024);
}

static void leave_some(struct child *c)
{
	for (int i = 0; i < 4; i++)
		c->block[i] = take(c, 3001 + 997 * (size_t)i, i & 1, CHOICE_LARGE);
}

static void free_them(struct child *c)
{
	for (int i = 0; i < 4; i++)
		give(c, c->block[i], CHOICE_LARGE);
}

/* ---- arenas without memory ---- */

static void fill(struct child *c)
{
	for (int i = 0; i < 3; i++)
		c->block[i] = take(c, BIG, false, CHOICE_LARGE);
}

static void unfill(struct child *c)
{
	for (int i = 0; i < 3; i++)
		give(c, c->block[i], CHOICE_LARGE);
}

/* More than its own arena has left; the other one has it.  Which arena is tried next goes round,
 * and may be the same again: then there is none. */
static void borrow(struct child *c)
{
	const size_t bytes = 6 * MIB + 4099;
	unsigned int done = 0;

	for (int i = 0; i < 16; i++) {
		uint64_t began = clock_now_ns();
		void *p = i & 1 ? do_calloc(1, bytes) : do_malloc(bytes);

		if (!p)
			continue;
		note(c, began, p, bytes, false, CHOICE_LARGE);
		give(c, p, CHOICE_LARGE);
		done |= 1u << (i & 1);
	}
	c->failed |= done != 3;
}

static uint64_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* So much more than it has now, or again as much as it likes. */
static void limit(struct child *c, bool on, size_t more)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_AS, &r))
		c->failed = true;
	r.rlim_cur = on ? address_space() + more : r.rlim_max;
	if (setrlimit(RLIMIT_AS, &r))
		c->failed = true;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		while (sem_wait(&w->ask))
			;
		if (!w->job)
			return NULL;
		w->job(w->child);
		sem_post(&w->answer);
	}
}

static bool begin(struct child *c, struct worker *w)
{
	w->child = c;
	if (sem_init(&w->ask, 0, 0) || sem_init(&w->answer, 0, 0) ||
	    pthread_create(&w->thread, NULL, work, w))
		c->failed = true;
	return !c->failed;
}

static void ask(struct worker *w, void (*job)(struct child *c))
{
	w->job = job;
	sem_post(&w->ask);
	while (job && sem_wait(&w->answer))
		;
}

static void finish(struct worker *w)
{
	ask(w, NULL);
	pthread_join(w->thread, NULL);
}

/* A thread that has no arena yet, and gets none: a mapping is all that is left. */
static void without_arena(struct child *c)
{
	for (int i = 0; i < 2; i++)
		give(c, take(c, MIB + 11, i, CHOICE_LARGE), CHOICE_LARGE);
}

/* The other thread's arena has no room, the main one's top has; then the other way round. */
static void without_memory(struct child *c, struct worker *w)
{
	void *p;

	/* No more mappings of their own for these, and the top stays. */
	if (!mallopt(M_MMAP_THRESHOLD, 32 * MIB) || !mallopt(M_TRIM_THRESHOLD, 1 << 30))
		c->failed = true;
	ask(w, fill);
	p = take(c, BIG, false, CHOICE_LARGE);
	give(c, p, CHOICE_LARGE);
	limit(c, true, 0);
	ask(w, borrow);
	limit(c, false, 0);
	ask(w, unfill);
	malloc_trim(0);
	limit(c, true, 0);
	borrow(c);
	limit(c, false, 0);
}

/* An arena takes 64 MiB of addresses at once. */
static void last_thread(struct child *c)
{
	struct worker w;

	if (!begin(c, &w))
		return;
	limit(c, true, 8 * MIB);
	ask(&w, without_arena);
	limit(c, false, 0);
	finish(&w);
}

static void have_arena(struct child *c)
{
	(void)c;
	do_free(do_malloc(5003));
}

static void run(struct child *c)
{
	struct worker w, third;

	/* glibc looks at this once only. */
	if (!mallopt(M_ARENA_MAX, 3))
		c->failed = true;
	all(c);
	mapped(c, 200 * 1024);
	if (!begin(c, &w))
		return;
	all(c);
	mapped(c, 400 * 1024);
	ask(&w, other_all);
	ask(&w, leave_some);
	free_them(c);
	leave_some(c);
	ask(&w, free_them);
	last_thread(c);
	if (begin(c, &third)) {
		/* From here on there are as many arenas as may be. */
		ask(&third, have_arena);
		without_memory(c, &w);
		finish(&third);
	}
	finish(&w);
}

int trial_child(void)
{
	struct child c = {.failed = false};
	char byte = 0;

	alarm(20); /* whatever happens, it is not left behind */
	c.log = mmap(NULL, sizeof(*c.log), PROT_READ | PROT_WRITE, MAP_SHARED, TRIAL_LOG_FD, 0);
	if (c.log == MAP_FAILED)
		return 1;
	if (write(TRIAL_SELF_FD, &byte, 1) != 1 || read(TRIAL_SELF_FD, &byte, 1) != 1)
		return 1;
	run(&c);
	c.log->done = !c.failed;
	return c.failed;
}
