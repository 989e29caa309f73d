// SPDX-License-Identifier: GPL-2.0
/*
 * bench_ledger: what a live block costs in bytes and what a record costs in time.  One figure a
 * line, plain text.  An argument is the largest count of blocks, if 10 million are too many.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "heapwatch/event.h"
#include "model/blocks.h"
#include "model/ledger.h"

#define BASE   0x7f0000000000ull
#define STACKS 4001
#define LIVE   1000003 /* of the ledger, in the long run */
#define EVENTS 8000009

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_ledger: %s\n", what);
	exit(1);
}

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	check(f && fscanf(f, "%*u %lu", &pages) == 1, "no /proc/self/statm");
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	return rng_state ^= rng_state << 17;
}

/* Addresses as malloc gives them: near each other, 16 bytes apart at least. */
static uint64_t addr_of(uint64_t i)
{
	return BASE + i * 16 + (i >> 20 << 26);
}

static void put_all(struct blocks *b, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		struct block blk = {addr_of(i), 64 + i % 101, (uint32_t)(i % STACKS), 1};

		check(!blocks__put(b, &blk, NULL), "put failed");
	}
}

static void print_memory(const struct blocks *b, size_t rss_before)
{
	double n = (double)blocks__count(b);

	printf("bytes per live block at %zu: %.2f (resident %.2f)\n", blocks__count(b),
	       (double)blocks__memory(b) / n, (double)(resident() - rss_before) / n);
}

/* Right after a growth memory is at its worst: looked for on the way, apart from the timings. */
static void bench_worst(uint64_t n)
{
	struct blocks *b = blocks__new();
	double worst = 0;
	size_t at = 0;

	check(b, "no memory");
	for (uint64_t i = 0; i < n; i += 199) {
		double each;

		put_all(b, i, i + 199);
		each = (double)blocks__memory(b) / (double)(i + 199);
		if (i > 1000 && each > worst) {
			worst = each;
			at = i + 199;
		}
	}
	printf("bytes per live block, worst from 1000 to %llu: %.2f (at %zu)\n",
	       (unsigned long long)n, worst, at);
	blocks__free(b);
}

static void bench_fork(struct blocks *b)
{
	double t0 = now(), t1, t2;
	struct blocks *child = blocks__fork(b);
	struct block blk = {addr_of(7919), 13, 1, 1};

	check(child, "fork failed");
	t1 = now();
	check(blocks__put(child, &blk, NULL) == 1, "put failed");
	t2 = now();
	printf("fork of %zu blocks: %.1f us; the first write after it: %.1f us\n", blocks__count(b),
	       1e6 * (t1 - t0), 1e6 * (t2 - t1));
	blocks__free(child);
}

static void bench_blocks(uint64_t most)
{
	size_t rss = resident();
	struct blocks *b = blocks__new();
	const uint64_t mid = most < 1000000 ? most : 1000000, ops = 2000003;
	double t = now();

	check(b, "no memory");
	put_all(b, 0, mid);
	printf("put, growing to %llu: %.1f ns\n", (unsigned long long)mid,
	       1e9 * (now() - t) / (double)mid);
	print_memory(b, rss);
	bench_fork(b);
	t = now();
	put_all(b, mid, most);
	if (most > mid) {
		printf("put, growing to %llu: %.1f ns\n", (unsigned long long)most,
		       1e9 * (now() - t) / (double)(most - mid));
		print_memory(b, rss);
	}

	/* A random block leaves and comes back: the cache holds none of them. */
	t = now();
	for (uint64_t i = 0; i < ops; i++) {
		struct block blk;

		check(!blocks__take(b, addr_of(rng() % most), &blk), "take failed");
		check(!blocks__put(b, &blk, NULL), "put failed");
	}
	printf("take and put of a random one of %zu: %.1f ns\n", blocks__count(b),
	       1e9 * (now() - t) / (double)ops);
	t = now();
	for (uint64_t i = 0; i < most; i++)
		check(!blocks__take(b, addr_of(i), NULL), "take failed");
	printf("take, shrinking to 0: %.1f ns\n", 1e9 * (now() - t) / (double)most);
	printf("bytes of the table when empty again: %zu\n", blocks__memory(b));
	blocks__free(b);
}

static void apply(struct ledger *l, const void *record)
{
	union wire_event ev = {.hdr = record};

	check(!ledger__apply(l, &ev), "apply failed");
}

static void add_stacks(struct ledger *l)
{
	union {
		struct hw_stack s;
		uint64_t words[sizeof(struct hw_stack) / 8 + 16];
	} e = {.s = {.hdr = {1, HW_STACK, sizeof(e), 1}, .nframes = 16}};

	for (e.s.stack = 1; e.s.stack <= STACKS; e.s.stack++)
		apply(l, &e);
}

/* Random blocks are freed where they are live and allocated where not: half of them are. */
static void bench_apply(void)
{
	struct hw_alloc a = {.hdr = {1, HW_ALLOC, sizeof(a), 2}};
	struct hw_free f = {.hdr = {1, HW_FREE, sizeof(f), 3}};
	struct ledger *l = ledger__new(1);
	bool *live = calloc(2 * LIVE, sizeof(*live));
	struct snapshot *s;
	double t;

	check(l && live, "no memory");
	add_stacks(l);
	t = now();
	for (uint64_t k = 0; k < EVENTS; k++) {
		uint64_t r = rng(), i = r % (2 * LIVE);

		if (live[i]) {
			f.addr = addr_of(i);
			apply(l, &f);
		} else {
			a.addr = addr_of(i);
			a.size = r >> 52;
			a.stack = 1 + (r >> 32) % STACKS;
			apply(l, &a);
		}
		live[i] = !live[i];
	}
	t = now() - t;
	printf("events applied, 1 million live, %d stacks: %.2f million/s (%.1f ns)\n", STACKS,
	       1e-6 * EVENTS / t, 1e9 * t / EVENTS);

	t = now();
	s = ledger__snapshot(l, 50, 0);
	check(s && !s->overwritten && !s->older_freed_blocks, "wrong sums");
	printf("snapshot, top 50 of %zu sites: %.1f us\n", s->sites_total, 1e6 * (now() - t));
	printf("ledger of %llu blocks: %.2f bytes a block\n",
	       (unsigned long long)s->outstanding_blocks,
	       (double)ledger__memory(l) / (double)s->outstanding_blocks);
	snapshot__free(s);
	ledger__free(l);
	free(live);
}

int main(int argc, char **argv)
{
	uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;

	check(most >= 10000, "at least 10000 blocks");
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_blocks(most);
	bench_worst(most < 3000000 ? most : 3000000);
	bench_apply();
	return 0;
}
