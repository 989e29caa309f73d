// SPDX-License-Identifier: GPL-2.0
/* test_crew: jobs are handed to who is free, each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include "base/crew.h"

#define MOST 3

struct yard {
	sem_t begun, go;
	sem_t done;
};

struct job {
	unsigned int times;
};

static void work(void *arg, void *job)
{
	struct yard *y = arg;

	sem_post(&y->begun);
	sem_wait(&y->go);
	((struct job *)job)->times++;
	sem_post(&y->done);
}

static struct crew *crew(struct yard *y)
{
	struct crew *c;

	sem_init(&y->begun, 0, 0);
	sem_init(&y->go, 0, 0);
	sem_init(&y->done, 0, 0);
	assert_int_equal(crew__new(MOST, "a test's worker", work, y, &c), 0);
	return c;
}

static void test_as_many_as_there_are(void **state)
{
	struct job jobs[5] = {0};
	struct yard y;
	struct crew *c = crew(&y);

	(void)state;
	/* One is kept: two have work, and more find nobody. */
	assert_true(crew__hand(c, &jobs[0], 1));
	assert_true(crew__hand(c, &jobs[1], 1));
	assert_false(crew__hand(c, &jobs[2], 1));
	sem_wait(&y.begun);
	sem_wait(&y.begun);
	assert_false(crew__hand(c, &jobs[2], 1));
	/* ... but who may have the last one. */
	assert_true(crew__hand(c, &jobs[2], 0));
	assert_false(crew__hand(c, &jobs[3], 0));
	sem_wait(&y.begun);
	for (int i = 0; i < MOST; i++)
		sem_post(&y.go);
	for (int i = 0; i < MOST; i++)
		sem_wait(&y.done);
	/* Free again, a moment after it was done. */
	while (!crew__hand(c, &jobs[3], MOST - 1))
		;
	sem_post(&y.go);
	crew__free(c);
	for (int i = 0; i < 4; i++)
		assert_int_equal(jobs[i].times, 1);
	assert_int_equal(jobs[4].times, 0);
}

static void test_end_waits(void **state)
{
	struct job jobs[MOST] = {0};
	struct yard y;
	struct crew *c = crew(&y);

	(void)state;
	for (int i = 0; i < MOST; i++) {
		assert_true(crew__hand(c, &jobs[i], 0));
		sem_post(&y.go);
	}
	crew__free(c);
	for (int i = 0; i < MOST; i++)
		assert_int_equal(jobs[i].times, 1);
	crew__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_as_many_as_there_are),
	    cmocka_unit_test(test_end_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
