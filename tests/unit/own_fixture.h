/* SPDX-License-Identifier: GPL-2.0 */
/* own_fixture.h: the fixture own, under an allocator, and what that says of itself. */
#ifndef UNIT_OWN_FIXTURE_H
#define UNIT_OWN_FIXTURE_H

#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect/allocator_ranges.h"
#include "inspect/glibc_cache.h"
#include "inspect/machine_heap.h"
#include "inspect/memory.h"
#include "inspect/pagemap.h"
#include "inspect/procfs.h"
#include "model/modules.h"

struct own {
	pid_t pid;
	int in;
	FILE *out;
	unsigned int n;
	struct {
		char name[64];
		uint64_t bytes;
	} said[16];
};

static inline uint64_t own_says(const struct own *o, const char *name)
{
	for (unsigned int i = 0; i < o->n; i++)
		if (!strcmp(o->said[i].name, name))
			return o->said[i].bytes;
	return UINT64_MAX;
}

static inline void own_end(struct own *o)
{
	close(o->in);
	fclose(o->out);
	waitpid(o->pid, NULL, 0);
}

/* program: own, own-tcmalloc ... beside the directory of this test; preload may be NULL.  False,
 * and the reason said, where it has not such an allocator. */
static inline int own_start(struct own *o, const char *program, const char *preload)
{
	/* No page goes back while the test looks. */
	char decommit[] = "MIMALLOC_ALLOW_DECOMMIT=0";
	char path[PATH_MAX], set[256], line[256], *argv[] = {path, NULL},
						  *env[] = {set, decommit, NULL};
	posix_spawn_file_actions_t acts;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	int in[2], out[2];
	char *slash;

	memset(o, 0, sizeof(*o));
	if (n <= 0 || pipe(in) || pipe(out))
		abort();
	path[n] = 0;
	slash = strrchr(path, '/');
	sprintf(slash, "/../fixtures/%s", program);
	snprintf(set, sizeof(set), "LD_PRELOAD=%s", preload ? preload : "");
	if (access(path, X_OK)) {
		printf("skip: %s was not built\n", program);
		return 0;
	}
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, in[0], 0);
	posix_spawn_file_actions_adddup2(&acts, out[1], 1);
	posix_spawn_file_actions_addclose(&acts, in[1]);
	posix_spawn_file_actions_addclose(&acts, out[0]);
	if (posix_spawn(&o->pid, path, &acts, NULL, argv, env))
		abort();
	posix_spawn_file_actions_destroy(&acts);
	close(in[0]);
	close(out[1]);
	o->in = in[1];
	o->out = fdopen(out[0], "r");
	while (fgets(line, sizeof(line), o->out) && strcmp(line, "ready\n"))
		if (o->n < 16 &&
		    sscanf(line, "%63[^=]=%lu", o->said[o->n].name, &o->said[o->n].bytes) == 2)
			o->n++;
	if (o->n)
		return 1;
	printf("skip: there is no %s\n", preload ? preload : program);
	own_end(o);
	return 0;
}

static inline struct modules *own_modules(const struct own *o)
{
	struct modules *m = modules__new();

	if (!m || procfs_modules(o->pid, m) < 0)
		abort();
	return m;
}

/* Start one, or skip the test; its mappings. */
static inline struct modules *own_begin(struct own *o, const char *program, const char *preload)
{
	if (!own_start(o, program, preload))
		skip();
	return own_modules(o);
}

static inline void own_finish(struct own *o, struct modules *m)
{
	modules__free(m);
	own_end(o);
}

/* Of ranges that are apart; more: they touch or overlap. */
static inline uint64_t own_sum(const struct allocator_ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < i; k++)
			assert_true(r->all[i].end <= r->all[k].start ||
				    r->all[k].end <= r->all[i].start);
		sum += r->all[i].end - r->all[i].start;
	}
	return sum;
}

/* One that is in the program is looked for once its glibc is found to hold nothing. */
static inline void own_inside(const char *program, const char *name)
{
	struct glibc_cache *cache;
	struct machine_heap_reader h;
	struct machine_heap told;
	struct own own, *o = &own;

	if (!own_start(o, program, NULL))
		skip();
	cache = glibc_cache__new();
	machine_heap_reset(&h);
	machine_heap_locate(&h, o->pid, 1u << 30, cache, 1000);
	machine_heap_poll(&h, 1000);
	machine_heap_tell(&h, 1000, &told);
	assert_int_equal(told.held, MACHINE_UNKNOWN);
	machine_heap_locate(&h, o->pid, 1u << 30, cache, 1000001000);
	machine_heap_poll(&h, 1000001000);
	machine_heap_tell(&h, 1000001000, &told);
	assert_string_equal(h.name, name);
	assert_int_equal(told.held, MACHINE_EXACT);
	assert_int_equal(machine_heap_held(&h), told.system);
	assert_true(told.system > 40u << 20);
	/* And then read again like one in a library. */
	machine_heap_locate(&h, o->pid, 1u << 30, cache, 7000001000);
	machine_heap_tell(&h, 7000001000, &told);
	assert_int_equal(told.held, MACHINE_EXACT);
	glibc_cache__free(cache);
	own_end(o);
}

/* The view of the whole machine has these figures of it. */
static inline void own_in_machine(const struct own *o, const char *name, uint64_t system,
				  uint64_t in_use)
{
	struct machine_heap_reader h;
	struct machine_heap told;

	machine_heap_reset(&h);
	machine_heap_locate(&h, o->pid, 1u << 30, NULL, 1000);
	machine_heap_tell(&h, 1000, &told);
	assert_string_equal(h.name, name);
	assert_int_equal(told.held, MACHINE_EXACT);
	assert_int_equal(told.quality, MACHINE_EXACT);
	assert_int_equal(told.system, system);
	assert_int_equal(told.in_use, in_use);
	assert_int_equal(told.free, told.system - told.in_use);
	assert_int_equal(told.resident, MACHINE_UNKNOWN);
	/* Later it is what it was, and says how old it is; not looked at again within 5 s. */
	machine_heap_locate(&h, o->pid, 1u << 30, NULL, 4000001000);
	machine_heap_tell(&h, 4000001000, &told);
	assert_int_equal(told.held, MACHINE_ESTIMATED);
	assert_int_equal(told.age_ns, 4000000000);
}

/* Reads a process, but some words of it are wrong: the same each time. */
struct damage {
	struct memory real;
	uint64_t seed;
	uint32_t odds; /* one word in this many */
};

/* splitmix64 */
static inline uint64_t damage_of(const struct damage *d, uint64_t addr)
{
	uint64_t x = addr + d->seed * 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline int damage_read(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	static const uint64_t evil[] = {0,	   1,	       7,	   UINT64_MAX,
					INT64_MAX, 1ull << 47, 0xffffffff, 4096};
	const struct damage *d = m->arg;
	int err = d->real.read(&d->real, addr, buf, len);

	for (size_t i = 0; !err && i + 8 <= len; i += 8) {
		uint64_t word, x = damage_of(d, addr + i);

		if (x % d->odds)
			continue;
		x = damage_of(d, ~(addr + i));
		memcpy(&word, (char *)buf + i, 8);
		word = x & 1 ? word ^ 1ull << (x >> 1) % 64 : evil[(x >> 1) % 8];
		memcpy((char *)buf + i, &word, 8);
	}
	return err;
}

/* The ends that reading a damaged one may come to, and how often it did. */
struct damage_ends {
	const int *ends;
	size_t n;
	unsigned int seen[8];
};

static inline void damage_ended(struct damage_ends *e, int err)
{
	size_t i = 0;

	while (i < e->n && e->ends[i] != err)
		i++;
	assert_true(i < e->n);
	e->seen[i]++;
}

#endif
