// SPDX-License-Identifier: GPL-2.0
/* test_life: fork, exec and exit as the records tell them; what a child shares and does not.
 */
#include "ledger_records.h"

#include <stdlib.h>
#include <string.h>

#include "model/blocks.h"
#include "model/processes.h"
#include "model/seen.h"

#define PARENT 1009
#define CHILD  1013
#define OTHER  1019
#define LATER  (START + 9)

#define FEED(ps, pid, type, k, ...)                                                         \
	({                                                                                  \
		struct type e_ = {                                                          \
		    .hdr = {.tgid = (pid), .kind = (k), .size = sizeof(e_), .time = LATER}, \
		    __VA_ARGS__};                                                           \
		processes__apply(ps, &e_, sizeof(e_));                                      \
	})

static int feed_stack(struct processes *ps, uint32_t pid, uint64_t key)
{
	union {
		struct hw_stack s;
		uint64_t words[sizeof(struct hw_stack) / 8 + 1];
	} e = {.s = {{.tgid = pid, .kind = HW_STACK, .size = sizeof(e), .time = LATER},
		     .stack = key,
		     .nframes = 1}};

	e.words[sizeof(e.s) / 8] = key + 1;
	return processes__apply(ps, &e, sizeof(e));
}

static int feed_alloc(struct processes *ps, uint32_t pid, uint64_t p, uint64_t n, uint64_t key)
{
	return FEED(ps, pid, hw_alloc, HW_ALLOC, .addr = p, .size = n, .stack = key);
}

static int feed_free(struct processes *ps, uint32_t pid, uint64_t p)
{
	return FEED(ps, pid, hw_free, HW_FREE, .addr = p);
}

static int feed_fork(struct processes *ps, uint32_t pid, uint32_t child, uint32_t flags)
{
	return FEED(ps, pid, hw_proc_fork, HW_PROC_FORK, .child = child, .start = 77,
		    .flags = flags);
}

/* A parent with 17 and 19 bytes at A, 23 at B. */
static struct processes *family(void)
{
	struct processes *ps = processes__new();
	struct ledger *l = ledger__new(START);
	uint32_t id;

	assert_non_null(ps);
	assert_int_equal(processes__add(ps, PARENT, l, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(feed_stack(ps, PARENT, A), 0);
	assert_int_equal(feed_stack(ps, PARENT, B), 0);
	assert_int_equal(feed_alloc(ps, PARENT, P, 17, A), 0);
	assert_int_equal(feed_alloc(ps, PARENT, P + 64, 19, A), 0);
	assert_int_equal(feed_alloc(ps, PARENT, Q, 23, B), 0);
	return ps;
}

static struct ledger *ledger_of(struct processes *ps, uint32_t pid)
{
	struct process *p = processes__find(ps, pid);

	assert_non_null(p);
	assert_non_null(p->ledger);
	return p->ledger;
}

static void test_fork(void **state)
{
	struct processes *ps = family();
	struct snapshot_site s;

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(processes__last(ps), 2);
	assert_int_equal(processes__get(ps, 2)->parent, 1);
	assert_true(processes__get(ps, 2)->forked);
	assert_int_equal(processes__get(ps, 2)->start_ns, 77);
	expect(ledger_of(ps, CHILD), 59, 3, 0, 0, 0);

	/* Each goes its own way from here on, at addresses that both have. */
	assert_int_equal(feed_free(ps, CHILD, P), 0);
	assert_int_equal(feed_alloc(ps, CHILD, P, 29, B), 0);
	assert_int_equal(feed_free(ps, PARENT, Q), 0);
	expect(ledger_of(ps, PARENT), 36, 2, 0, 0, 0);
	expect(ledger_of(ps, CHILD), 71, 3, 0, 0, 0);

	/* What the parent had allocated is not the child's doing. */
	s = site(ledger_of(ps, PARENT), A, REPORT_HEAP);
	assert_int_equal(s.bytes, 36);
	assert_int_equal(s.allocated_bytes, 36);
	assert_int_equal(s.allocated_blocks, 2);
	s = site(ledger_of(ps, CHILD), A, REPORT_HEAP);
	assert_int_equal(s.bytes, 19);
	assert_int_equal(s.allocated_bytes, 0);
	s = site(ledger_of(ps, CHILD), B, REPORT_HEAP);
	assert_int_equal(s.bytes, 52);
	assert_int_equal(s.allocated_bytes, 29);
	assert_int_equal(s.allocated_blocks, 1);
	processes__free(ps);
}

/* A child knows as little of its parent's blocks as the parent does. */
static void test_fork_of_part(void **state)
{
	struct processes *ps = family();
	struct seen_span *spans;
	bool partly;
	size_t n;

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(ledger__spans(ledger_of(ps, CHILD), &spans, &n, &partly), 0);
	assert_int_equal(n, 0);
	assert_false(partly);
	free(spans);
	processes__free(ps);

	ps = family();
	assert_int_equal(FEED(ps, PARENT, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .weight = 256),
			 0);
	assert_int_equal(FEED(ps, PARENT, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .window = 1),
			 0);
	assert_int_equal(FEED(ps, PARENT, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .weight = 7919),
			 0);
	assert_int_equal(FEED(ps, PARENT, hw_level, HW_LEVEL, .seen = HW_SEEN_ALL, .weight = 256),
			 0);
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(ledger__spans(ledger_of(ps, CHILD), &spans, &n, &partly), 0);
	assert_true(partly);
	/* Each with a moment of its own, though all in one second. */
	assert_int_equal(n, 3);
	assert_int_equal(spans[0].weight, 256);
	assert_false(spans[0].large);
	assert_int_equal(spans[1].weight, 7919);
	assert_false(spans[1].large);
	assert_int_equal(spans[2].weight, 256);
	assert_true(spans[2].large);
	assert_true(spans[0].moment < spans[1].moment && spans[1].moment < spans[2].moment);
	free(spans);
	processes__free(ps);
}

/* A stack is written once for parent and child together: each names it. */
static void test_stacks_shared(void **state)
{
	struct processes *ps = family();
	struct snapshot_site s;

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(feed_stack(ps, CHILD, 1021), 0);
	assert_int_equal(feed_alloc(ps, PARENT, Q + 64, 31, 1021), 0);
	s = site(ledger_of(ps, PARENT), 1021, REPORT_HEAP);
	assert_int_equal(s.bytes, 31);
	assert_int_equal(s.nframes, 1);
	s = site(ledger_of(ps, CHILD), 1021, REPORT_HEAP);
	assert_int_equal(s.stack, ~0ull); /* nothing of it there */
	processes__free(ps);
}

/* In the middle of a realloc in another thread: the child has no such thread. */
static void test_fork_in_realloc(void **state)
{
	struct processes *ps = family();

	(void)state;
	FEED(ps, PARENT, hw_realloc_begin, HW_REALLOC_BEGIN, .addr = P, .tid = T1);
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	expect(ledger_of(ps, CHILD), 42, 2, 0, 0, 0);
	FEED(ps, PARENT, hw_realloc_end, HW_REALLOC_END, .old_addr = P, .addr = 0, .size = 99,
	     .tid = T1);
	expect(ledger_of(ps, PARENT), 59, 3, 0, 0, 0);
	processes__free(ps);
}

/* vfork: its allocations come under its parent's number; its exec gives it memory of its own. */
static void test_shared_memory(void **state)
{
	struct processes *ps = family();

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, HW_FORK_SHARES), 0);
	expect(ledger_of(ps, CHILD), 0, 0, 0, 0, 0);
	assert_int_equal(
	    FEED(ps, CHILD, hw_proc_exec, HW_PROC_EXEC, .comm = "true", .path = "/bin/true"), 0);
	assert_int_equal(processes__get(ps, 2)->execs, 1);
	assert_string_equal(processes__get(ps, 2)->comm, "true");
	assert_string_equal(processes__get(ps, 2)->path, "/bin/true");
	assert_int_equal(feed_alloc(ps, CHILD, P, 7, A), 0);
	expect(ledger_of(ps, CHILD), 7, 1, 0, 0, 0);
	expect(ledger_of(ps, PARENT), 59, 3, 0, 0, 0);
	processes__free(ps);
}

/* A 32-bit program's children are what it is, until they exec. */
static void test_32_bit(void **state)
{
	struct processes *ps = family();

	(void)state;
	assert_false(processes__get(ps, 1)->is_32bit);
	FEED(ps, PARENT, hw_proc_exec, HW_PROC_EXEC, .flags = HW_EXEC_32BIT);
	assert_true(processes__get(ps, 1)->is_32bit);
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_true(processes__get(ps, 2)->is_32bit);
	FEED(ps, CHILD, hw_proc_exec, HW_PROC_EXEC, .comm = "true");
	assert_false(processes__get(ps, 2)->is_32bit);
	assert_true(processes__get(ps, 1)->is_32bit);
	processes__free(ps);
}

#define MANY 1009

/* What is left of a process with so many callsites, each with one block of 59 bytes. */
static struct process *ended(struct processes *ps, bool estimated)
{
	struct process *p;
	uint32_t id;

	assert_int_equal(processes__add(ps, PARENT, ledger__new(START), &id), 0);
	p = processes__get(ps, id);
	for (uint64_t i = 1; i <= MANY; i++) {
		assert_int_equal(feed_stack(ps, PARENT, i << 32), 0);
		assert_int_equal(feed_alloc(ps, PARENT, P + 64 * i, 59, i << 32), 0);
	}
	p->estimated = estimated;
	FEED(ps, PARENT, hw_proc_exit, HW_PROC_EXIT, .status = 0);
	assert_non_null(p->final);
	return p;
}

/* Where callsites' bytes are estimates each may have some, however few of its blocks are known. */
static void test_sites_kept(void **state)
{
	struct processes *ps = processes__new();
	const struct snapshot *s;

	(void)state;
	assert_non_null(ps);
	s = ended(ps, false)->final;
	assert_int_equal(s->nsites, PROCESSES_FINAL_SITES);
	assert_int_equal(s->hidden_bytes, (MANY - PROCESSES_FINAL_SITES) * 59);
	s = ended(ps, true)->final;
	assert_int_equal(s->nsites, MANY);
	assert_int_equal(s->hidden_bytes, 0);
	processes__free(ps);
}

static void test_exit(void **state)
{
	struct processes *ps = family();
	struct process *p = processes__get(ps, 1);
	uint32_t id;

	(void)state;
	FEED(ps, PARENT, hw_proc_exit, HW_PROC_EXIT, .status = 256, .max_rss_pages = 41, .hits = 43,
	     .lost = 2);
	assert_true(p->exited);
	assert_null(p->ledger);
	assert_int_equal(p->status, 256);
	assert_int_equal(p->max_rss_pages, 41);
	assert_int_equal(p->counters.hits, 43);
	assert_int_equal(p->counters.lost, 2);
	assert_non_null(p->final);
	assert_int_equal(p->final->outstanding_bytes, 59);
	assert_int_equal(p->final->outstanding_blocks, 3);
	assert_int_equal(p->final->nsites, 2);

	/* The pid again: another process. */
	assert_int_equal(processes__add(ps, PARENT, ledger__new(LATER), &id), 0);
	assert_int_equal(id, 2);
	expect(ledger_of(ps, PARENT), 0, 0, 0, 0, 0);
	assert_ptr_equal(processes__get(ps, 1), p);
	processes__free(ps);
}

/* A child's pid is one that was there before; that one's end was lost. */
static void test_pid_again(void **state)
{
	struct processes *ps = family();

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(feed_fork(ps, PARENT, CHILD, 0), 0);
	assert_int_equal(processes__last(ps), 3);
	assert_true(processes__get(ps, 2)->exited);
	assert_int_equal(processes__find(ps, CHILD)->id, 3);
	processes__free(ps);
}

/* Records of a pid that nobody told of: a fork that was lost, not nothing. */
static void test_orphan(void **state)
{
	struct processes *ps = family();

	(void)state;
	assert_int_equal(feed_alloc(ps, OTHER, P, 37, A), 0);
	assert_int_equal(processes__last(ps), 2);
	assert_true(processes__get(ps, 2)->orphan);
	assert_int_equal(processes__get(ps, 2)->parent, 0);
	expect(ledger_of(ps, OTHER), 37, 1, 0, 0, 0);
	processes__free(ps);
}

/* The daemon changes what is seen of a process that ends at that moment: no new one comes of it. */
static void test_level_after_end(void **state)
{
	struct processes *ps = family();

	(void)state;
	FEED(ps, PARENT, hw_proc_exit, HW_PROC_EXIT, .status = 0);
	assert_int_equal(FEED(ps, PARENT, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE), -ESRCH);
	assert_int_equal(processes__last(ps), 1);
	assert_int_equal(FEED(ps, OTHER, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE), -ESRCH);
	assert_int_equal(processes__last(ps), 1);
	processes__free(ps);
}

/* A child that is to be left alone is told of for its breakpoints' sake only. */
static void test_fork_alone(void **state)
{
	struct processes *ps = family();

	(void)state;
	assert_int_equal(feed_fork(ps, PARENT, CHILD, HW_FORK_ALONE), 0);
	assert_int_equal(processes__last(ps), 1);
	assert_null(processes__find(ps, CHILD));
	processes__free(ps);
}

static void test_drop(void **state)
{
	struct processes *ps = family();
	uint32_t id;

	(void)state;
	processes__drop(ps, 1);
	assert_null(processes__get(ps, 1));
	assert_null(processes__find(ps, PARENT));
	assert_int_equal(feed_free(ps, PARENT, P), -ESRCH);
	assert_int_equal(processes__last(ps), 1);
	assert_int_equal(processes__add(ps, PARENT, ledger__new(LATER), &id), 0);
	assert_int_equal(id, 2);
	processes__drop(ps, 3);
	processes__free(ps);
}

/* A hundred children of a process with many blocks: what they change is theirs, and nothing else.
 */
static void test_many_children(void **state)
{
	const uint32_t n = 20011, children = 101;
	struct processes *ps = processes__new();
	uint32_t id;

	(void)state;
	assert_int_equal(processes__add(ps, PARENT, ledger__new(START), &id), 0);
	assert_int_equal(feed_stack(ps, PARENT, A), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(feed_alloc(ps, PARENT, P + 32ull * i, 5, A), 0);
	for (uint32_t i = 0; i < children; i++) {
		assert_int_equal(feed_fork(ps, PARENT, CHILD + i, 0), 0);
		assert_int_equal(feed_free(ps, CHILD + i, P + 32ull * i), 0);
		expect(ledger_of(ps, CHILD + i), 5ull * (n - 1), n - 1, 0, 0, 0);
	}
	expect(ledger_of(ps, PARENT), 5ull * n, n, 0, 0, 0);
	processes__free(ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fork),		 TEST(fork_of_part), TEST(stacks_shared), TEST(fork_in_realloc),
	    TEST(shared_memory), TEST(32_bit),	     TEST(exit),	  TEST(pid_again),
	    TEST(orphan),	 TEST(drop),	     TEST(many_children), TEST(level_after_end),
	    TEST(fork_alone),	 TEST(sites_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
