// SPDX-License-Identifier: GPL-2.0
/*
 * Estimates of traces: of made-up ones, where what is told is known to the byte wherever the
 * windows fall, and of real programs', recorded here (tests/bench/tracer.c), where it is not.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay_score.h"

#define BASE 0x7f0000000000ull

/* ---- made up ---- */

static struct trace_record allocated(uint64_t n, uint32_t size, uint32_t site)
{
	return (struct trace_record){.addr = BASE + n * 4096, .size = size, .site = site};
}

static struct snapshot_site told(const struct replay *r, uint32_t site)
{
	struct snapshot *s = ledger__snapshot(r->ledger, 0, 0);
	struct snapshot_site found = {0};

	assert_non_null(s);
	estimates_apply(&r->sampling.estimates, s, 0, 0);
	if (replay_told(s, site))
		found = *replay_told(s, site);
	snapshot__free(s);
	found.pc = NULL;
	return found;
}

/* Of 13 calls, 7, 3, 2 and 1 are of a site each: any 26 in a row, which are the samples of a window
 * of 39, show just that. */
static const uint32_t in_turn[13] = {1, 2, 1, 3, 1, 4, 1, 2, 1, 3, 1, 2, 1};
static const uint32_t asked[5] = {0, 41, 43, 47, 53};

static void test_proportions(void **state)
{
	const uint64_t calls = 39 * 101 * 7;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		const struct replay_plan plan = {.seen = 39, .every = 39 * 101, .seed = seed};
		struct replay_score score = {0};
		struct replay r;

		replay_start(&r, &plan);
		for (uint64_t i = 0; i < calls; i++) {
			struct trace_record c =
			    allocated(i, asked[in_turn[i % 13]], in_turn[i % 13]);

			replay_call(&r, &c, 0);
		}
		replay_judge(&r, &score);
		assert_int_equal(r.seen, 39 * 7);
		assert_int_equal(told(&r, 1).bytes, 41 * 7 * 101 * 21);
		assert_int_equal(told(&r, 2).bytes, 43 * 3 * 101 * 21);
		assert_int_equal(told(&r, 3).bytes, 47 * 2 * 101 * 21);
		assert_int_equal(told(&r, 4).bytes, 53 * 1 * 101 * 21);
		assert_int_equal(told(&r, 1).blocks, 7 * 101 * 21);
		assert_true(told(&r, 1).estimated);
		assert_int_equal(score.inside, 4);
		assert_int_equal(score.bars, 4);
		assert_float_equal(score.error, 0, 1e-6);
		replay_end(&r);
	}
}

/* Large blocks are what they are, though windows see one in 101, and of small ones two of three of
 * these are samples. */
static void test_large(void **state)
{
	const struct replay_plan plan = {.seen = 39, .every = 39 * 101, .large = true, .seed = 3};
	struct replay r;

	(void)state;
	replay_start(&r, &plan);
	for (uint64_t i = 0; i < 39 * 101 * 7; i++) {
		struct trace_record c = i % 13 == 3 ? allocated(i, 1033, 7) : allocated(i, 41, 1);

		replay_call(&r, &c, 0);
		/* Every other large one is freed again. */
		c = (struct trace_record){.addr = c.addr};
		if (i % 26 == 3)
			replay_free(&r, &c);
	}
	replay_look(&r);
	/* The 2121 that came each 13 calls, less the 1061 that went. */
	assert_int_equal(told(&r, 7).bytes, 1060 * 1033);
	assert_int_equal(told(&r, 7).low, 1060 * 1033);
	/* Of small ones of its no sample is there, so it has not many. */
	assert_int_equal(told(&r, 7).high, 1060 * 1033 + 3 * 101 * 41 * 3 / 2 + 1);
	assert_false(told(&r, 7).estimated);
	assert_int_equal(told(&r, 1).bytes, 12 * 101 * 21 * 41);
	replay_end(&r);
}

/* Where every call is in a window, each block stands for itself. */
static void test_all_seen(void **state)
{
	const struct replay_plan plan = {.seen = 1009, .every = 1009, .seed = 1};
	struct replay_score score = {0};
	struct replay r;

	(void)state;
	replay_start(&r, &plan);
	for (uint64_t i = 0; i < 5 * 1009; i++) {
		struct trace_record c = allocated(i % 211, 41, i % 2 ? 3 : 5);

		/* 211 addresses in turn, freed before they are used again. */
		if (i >= 211)
			replay_call(&r, &(struct trace_record){.addr = c.addr}, 0);
		replay_call(&r, &c, 0);
	}
	replay_judge(&r, &score);
	assert_int_equal(r.seen, 5 * 1009 + 5 * 1009 - 211);
	assert_int_equal(told(&r, 3).bytes + told(&r, 5).bytes, 211 * 41);
	assert_float_equal(score.error, 0, 0);
	assert_false(told(&r, 3).estimated);
	replay_end(&r);
}

/*
 * Blocks that live for less than it is from one window to the next, of two callsites of a size
 * each: when the heap is looked at, all addresses that were seen have other blocks.
 */
#define SLOTS	300 /* of each callsite */
#define BRIEF	8
#define BETWEEN 20000 /* calls, from one window to the next */

static const uint32_t brief[BRIEF] = {24, 40, 40, 104, 104, 264, 264, 520};

struct churn {
	struct replay r;
	uint64_t random, n;
	uint64_t slot[BRIEF][2 * SLOTS];  /* address, or 0 */
	uint64_t freed[BRIEF][4 * SLOTS]; /* of a size: what malloc gives again, the last first */
	size_t nfreed[BRIEF];
};

static uint64_t draw(struct churn *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (c->random >> 20) % below;
}

/* The first callsite of its size. */
static unsigned int size_of(unsigned int site)
{
	return site && brief[site] == brief[site - 1] ? site - 1 : site;
}

static void churn_once(struct churn *c)
{
	unsigned int site = (unsigned int)draw(c, BRIEF), size = size_of(site);
	uint64_t *slot = &c->slot[site][draw(c, 2 * SLOTS)];
	struct trace_record call = {.addr = *slot};

	if (*slot) {
		replay_call(&c->r, &call, 0);
		c->freed[size][c->nfreed[size]++] = *slot;
		*slot = 0;
		/* Of later callsites fewer stay empty. */
		if (draw(c, 16) > site + 6)
			return;
	}
	*slot = c->nfreed[size] ? c->freed[size][--c->nfreed[size]] : BASE + c->n++ * 4096;
	call = (struct trace_record){.addr = *slot, .size = brief[site], .site = site + 1};
	replay_call(&c->r, &call, 0);
}

static double held_by(const struct churn *c, unsigned int site)
{
	double sum = 0;

	for (unsigned int i = 0; i < 2 * SLOTS; i++)
		sum += c->slot[site][i] ? brief[site] : 0;
	return sum;
}

static void test_brief_lives(void **state)
{
	double inside = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		const struct replay_plan plan = {.seen = 800,
						 .every = BETWEEN,
						 .look = 4 * BETWEEN,
						 .large = true,
						 .seed = seed};
		struct replay_score score = {0};
		struct churn *c = calloc(1, sizeof(*c));

		assert_non_null(c);
		c->random = seed * 88172645463325252ull;
		replay_start(&c->r, &plan);
		while (c->r.calls < 60 * BETWEEN)
			churn_once(c);
		replay_judge(&c->r, &score);
		for (unsigned int s = 0; s < BRIEF; s++) {
			double holds = held_by(c, s), is = (double)told(&c->r, s + 1).bytes;

			assert_true(fabs(is - holds) <= 0.15 * holds);
			/* At most all of its size is its. */
			assert_true(told(&c->r, s + 1).high <= 3 * holds);
		}
		inside += score.inside;
		replay_end(&c->r);
		free(c);
	}
	assert_true(inside >= 0.9 * 5 * BRIEF);
}

/* ---- real ---- */

static const char query[] =
    "create table t(a integer primary key, b text);"
    "create table m(k text primary key, v blob);"
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) "
    "insert into t select i, printf('%d name %d', i * 7919 % 100003, i) from n;"
    "insert or replace into m select b, printf('%.*c', 10 + a * 7 % 890, 'x') from t;"
    "select count(*), max(length(g)) from (select substr(b, 1, 2) x, group_concat(b) g from t "
    "group by x);"
    "select json_group_array(json_object('a', a, 'b', b)) is not null from t where a % 3 = 0;";

static const char script[] =
    "import json, collections, re\n"
    "class Node:\n"
    "    def __init__(self, k, v): self.k = k; self.v = v; self.kids = []\n"
    "cache, nodes, index = collections.OrderedDict(), [], collections.defaultdict(list)\n"
    "for i in range(2500):\n"
    "    d = {'id': i, 'name': 'item %d' % i, 'tags': [str(i * 7919 % 1009 + k) for k in range(5)],"
    "         'kids': [{'x': k * 1.5, 'y': str(k)} for k in range(i * 31 % 6)]}\n"
    "    s = json.dumps(d)\n"
    "    cache[i] = json.loads(s)\n"
    "    if len(cache) > 300: cache.popitem(last=False)\n"
    "    if i % 3 == 0: nodes.append(Node(i, cache[i]['name']))\n"
    "    for w in re.findall(r'\\w+', s)[:6]: index[w].append(i)\n"
    "    if i % 500 == 499: nodes = nodes[::2]\n";

static uint16_t machine(const char *path)
{
	FILE *f = fopen(path, "rb");
	Elf64_Ehdr h = {0};

	if (f) {
		if (fread(&h, sizeof(h), 1, f) != 1)
			h.e_machine = 0;
		fclose(f);
	}
	return h.e_machine;
}

/* The trace of a run; the caller's, with *n calls.  Not one: it skips, with what is missing. */
static struct trace_record *trace_of(char *const argv[], size_t *n)
{
	char out[] = "/tmp/heapwatch-trace-XXXXXX", file[64], path[PATH_MAX],
	     preload[PATH_MAX + 64],
	     *env[] = {preload, file, "PYTHONMALLOC=malloc", "PYTHONHASHSEED=0", "LC_ALL=C", NULL};
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	posix_spawn_file_actions_t acts;
	struct trace_record *t;
	int fd, status, before;
	pid_t pid;
	FILE *f;

	assert_true(len > 0);
	path[len] = 0;
#ifndef __x86_64__
	printf("skip: under an emulator a preloaded tracer is not the program's\n");
	skip();
#endif
	if (machine(argv[0]) != machine(path)) {
		printf("skip: no %s for this machine\n", argv[0]);
		skip();
	}
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = 0;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s/bench/tracer.so", path);
	fd = mkstemp(out);
	assert_true(fd >= 0);
	close(fd);
	snprintf(file, sizeof(file), "TRACER_OUT=%s", out);
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_addopen(&acts, 1, "/dev/null", O_WRONLY, 0);
	/* The same addresses in each run, and so the same sites. */
	before = personality(0xffffffff);
	personality((unsigned long)before | ADDR_NO_RANDOMIZE);
	assert_int_equal(posix_spawn(&pid, argv[0], &acts, NULL, argv, env), 0);
	personality((unsigned long)before);
	posix_spawn_file_actions_destroy(&acts);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	f = fopen(out, "rb");
	assert_non_null(f);
	unlink(out);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f) / sizeof(*t);
	rewind(f);
	t = malloc(*n * sizeof(*t) + 1);
	assert_non_null(t);
	assert_int_equal(fread(t, sizeof(*t), *n, f), *n);
	fclose(f);
	return t;
}

#define SEEDS	 3
#define INSTANTS 5

/* One call in ten is seen, in windows of 500. */
static struct replay_score replay_all(const struct trace_record *t, size_t n)
{
	struct replay_score score = {0};
	uint32_t *signatures = replay_signatures(t, &n);

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		const struct replay_plan plan = {.seen = 500,
						 .every = 5000,
						 .delay = 500,
						 .look = 30000,
						 .large = true,
						 .seed = seed};
		struct replay r;

		replay_start(&r, &plan);
		for (size_t i = 0; i < n; i++) {
			replay_call(&r, &t[i], signatures[i]);
			if ((i + 1) % (n / (INSTANTS + 1)) == 0 && i + 1 < n)
				replay_judge(&r, &score);
		}
		replay_end(&r);
	}
	free(signatures);
	printf("%zu calls: error %.3f, of the largest %.0f of %.0f inside, of all %.0f of %.0f\n",
	       n, score.error / score.n, score.inside10, score.bars10, score.inside, score.bars);
	return score;
}

static void test_sqlite(void **state)
{
	char *const argv[] = {"/usr/bin/sqlite3", ":memory:", (char *)(uintptr_t)query, NULL};
	struct replay_score s;
	struct trace_record *t;
	size_t n;

	(void)state;
	t = trace_of(argv, &n);
	s = replay_all(t, n);
	assert_true(n > 100000);
	assert_true(s.error <= 0.13 * s.n);
	assert_true(s.inside10 >= 0.95 * s.bars10);
	assert_true(s.inside >= 0.9 * s.bars);
	free(t);
}

static void test_python(void **state)
{
	char *const argv[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)script, NULL};
	struct replay_score s;
	struct trace_record *t;
	size_t n;

	(void)state;
	t = trace_of(argv, &n);
	s = replay_all(t, n);
	assert_true(n > 500000);
	/* 0.16 on one system, 0.27 on another. */
	assert_true(s.error <= 0.3 * s.n);
	assert_true(s.inside10 >= 0.86 * s.bars10);
	assert_true(s.inside >= 0.88 * s.bars);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_proportions), cmocka_unit_test(test_large),
	    cmocka_unit_test(test_all_seen),	cmocka_unit_test(test_brief_lives),
	    cmocka_unit_test(test_sqlite),	cmocka_unit_test(test_python),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
