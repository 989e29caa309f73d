// SPDX-License-Identifier: GPL-2.0
/* test_store: what is recorded is what is read, at every tick and in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evolving_report.h"
#include "store/instant.h"
#include "store/recorder.h"
#include "store/recording.h"

#define TICKS 100

static char dir[] = "/tmp/heapwatch-store-XXXXXX";
static char file[64];
static char *texts[TICKS];
static uint64_t peak_bytes;
static size_t peak;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.hw", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	for (int i = 0; i < TICKS; i++)
		free(texts[i]);
	return rmdir(dir);
}

static uint64_t private_bytes(const struct report *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->nprocesses; i++) {
		const struct report_process *p = &r->processes[i];

		if (!p->exited && p->rss_bytes > p->shared_bytes)
			sum += p->rss_bytes - p->shared_bytes;
	}
	return sum;
}

/* As the recorder keeps it: an ended process's last inspection gets no older. */
static void record(struct recorder *r, struct evolving *e, int ticks)
{
	for (int i = 0; i < ticks; i++) {
		const struct report *report = ev_next(e);

		assert_int_equal(recorder__tick(r, report), 0);
		texts[i] = ev_text(report);
		if (private_bytes(report) > peak_bytes) {
			peak_bytes = private_bytes(report);
			peak = (size_t)i;
		}
		if (i == 10)
			assert_int_equal(
			    recorder__mark(r, report->time_ns + 5, "caf\xc3\xa9 </script>"), 0);
	}
}

static void test_write(void **state)
{
	struct evolving *e = malloc(sizeof(*e));
	struct recorder *r;

	(void)state;
	assert_non_null(e);
	ev_init(e, 1);
	assert_int_equal(recorder__new(file, false, &r), 0);
	assert_int_equal(recorder__note(r, "command", "app --all"), 0);
	record(r, e, TICKS);
	assert_int_equal(recorder__ticks(r), TICKS);
	assert_int_equal(recorder__close(r), 0);
	free(e);
}

static void equals(struct instant *i, size_t tick)
{
	const struct report *report;
	char *got;

	assert_int_equal(instant__seek(i, tick, &report), 0);
	got = ev_text(report);
	assert_string_equal(got, texts[tick]);
	free(got);
}

static void test_every_tick(void **state)
{
	struct recording *r;
	struct instant *i;

	(void)state;
	assert_int_equal(recording__open(file, 0, &r), 0);
	i = instant__new(r);
	assert_non_null(i);
	for (size_t t = 0; t < TICKS; t++)
		equals(i, t);
	for (size_t t = TICKS; t--;)
		equals(i, t);
	for (size_t t = 0; t < TICKS; t++)
		equals(i, t * 37 % TICKS);
	instant__free(i);
	recording__free(r);
}

/* Two of one recording do not disturb each other. */
static void test_two_instants(void **state)
{
	struct instant *a, *b;
	struct recording *r;

	(void)state;
	assert_int_equal(recording__open(file, 0, &r), 0);
	a = instant__new(r);
	b = instant__new(r);
	for (size_t t = 0; t < TICKS; t += 7) {
		equals(a, t);
		equals(b, TICKS - 1 - t);
	}
	instant__free(a);
	instant__free(b);
	recording__free(r);
}

static void test_lists(void **state)
{
	const struct recording_tick *ticks;
	const struct recording_mark *marks;
	const struct recording_process *processes;
	struct recording *r;

	(void)state;
	assert_int_equal(recording__open(file, 0, &r), 0);
	assert_int_equal(recording__ticks(r, &ticks), TICKS);
	assert_int_equal(ticks[7].elapsed_ns, 700000049);
	assert_int_equal(ticks[7].time_ns, 1700000000700000049);
	assert_int_equal(recording__tick_at(r, 0), 0);
	assert_int_equal(recording__tick_at(r, 700000048), 6);
	assert_int_equal(recording__tick_at(r, 700000049), 7);
	assert_int_equal(recording__tick_at(r, UINT64_MAX), TICKS - 1);
	assert_int_equal(recording__peak(r), peak);
	assert_int_equal(ticks[peak].private_bytes, peak_bytes);
	/* Processes 0 to 6 begin at tick 3p and live for 41 ticks. */
	assert_int_equal(ticks[0].alive, 1);
	assert_int_equal(ticks[18].alive, 7);
	assert_int_equal(ticks[50].alive, 3);
	assert_int_equal(ticks[99].alive, 0);
	assert_int_equal(ticks[99].private_bytes, 0);
	assert_int_equal(recording__processes(r, &processes), EV_PROCESSES);
	assert_int_equal(processes[6].pid, 1006);
	assert_int_equal(processes[6].start_time, UINT64_MAX);
	/* The one that was said and the execs of process 3 at ticks 19 and 39. */
	assert_int_equal(recording__marks(r, &marks), 3);
	assert_string_equal(marks[0].text, "caf\xc3\xa9 </script>");
	assert_int_equal(marks[0].process, 0);
	assert_int_equal(marks[0].elapsed_ns, 1000000075);
	assert_string_equal(marks[1].text, "/usr/bin/other");
	assert_int_equal(marks[1].elapsed_ns, 19 * 100000007ull);
	assert_string_equal(marks[2].text, "/usr/bin/app");
	assert_int_equal(processes[marks[2].process - 1].pid, 1003);
	assert_string_equal(recording__note(r, "command"), "app --all");
	assert_null(recording__note(r, "host"));
	recording__free(r);
}

/* What ended, and does not change any more, takes no room. */
static void test_ended_cost_nothing(void **state)
{
	const struct recording_tick *ticks;
	struct recording *r;

	(void)state;
	assert_int_equal(recording__open(file, 0, &r), 0);
	recording__ticks(r, &ticks);
	assert_int_equal(ticks[30].samples, 7);
	assert_int_equal(ticks[98].samples, 0);
	recording__free(r);
}

/* A reader does not write, and needs no right to. */
static void test_read_only(void **state)
{
	struct stat before, after;
	struct recording *r;

	(void)state;
	assert_int_equal(chmod(file, 0444), 0);
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(recording__open(file, 0, &r), 0);
	recording__free(r);
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_size, after.st_size);
}

static void test_existing(void **state)
{
	struct recorder *r;
	struct stat before, after;
	char other[64];

	(void)state;
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(recorder__new(file, false, &r), -EEXIST);
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	snprintf(other, sizeof(other), "%s/b.hw", dir);
	assert_int_equal(symlink(file, other), 0);
	/* Not through a link, and no link is replaced. */
	assert_int_equal(recorder__new(other, false, &r), -EEXIST);
	assert_int_equal(recorder__new(other, true, &r), -EEXIST);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(recorder__new("/nonexistent/a.hw", false, &r), -ENOENT);
	assert_int_equal(recorder__new(file, true, &r), 0);
	assert_int_equal(recorder__close(r), 0);
}

/* A name that SQLite would take for something else is a file's. */
static void test_names(void **state)
{
	static const char *const names[] = {":memory:", "file:a?mode=memory", "a b%41"};
	struct recording *recording;
	struct recorder *r;
	struct stat st;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct report empty = {.elapsed_ns = 1};

		assert_int_equal(recorder__new(names[i], false, &r), 0);
		assert_int_equal(recorder__tick(r, &empty), 0);
		assert_int_equal(recorder__close(r), 0);
		assert_int_equal(stat(names[i], &st), 0);
		assert_true(st.st_size > 4096);
		assert_int_equal(recording__open(names[i], 0, &recording), 0);
		recording__free(recording);
		assert_int_equal(unlink(names[i]), 0);
	}
	assert_int_equal(fchdir(here), 0);
	close(here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_every_tick),
	    cmocka_unit_test(test_two_instants),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_ended_cost_nothing),
	    cmocka_unit_test(test_read_only),
	    cmocka_unit_test(test_existing),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
