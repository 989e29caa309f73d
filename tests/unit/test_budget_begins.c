// SPDX-License-Identifier: GPL-2.0
/* test_budget_begins: what a program's first seconds may take, a trial of large blocks among it,
 * and that windows follow. */
#include "budget_plant.h"

/* Large blocks that take half of its time are not tried again each ten seconds: what that takes is
 * for windows. */
static void test_far_too_dear(void **state)
{
	static const struct program p = {storm, 0.02, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_as(&m, &p, &(struct budget_config){.share = 0.01}, 200, 1);
	assert_true(worst(&m, 1) <= 0.01);
	assert_int_equal(m.level, BUDGET_SAMPLED);
	/* To large blocks, to none, and once more after 320 s, which do not come. */
	assert_int_equal(m.switches, 2);
	assert_true(between(&m, 20, 190) > 0.005);
	budget__free(m.b);
}

/* Who is found to be a storm at the attach has windows soon, not after the ten seconds that were
 * spent at once: the first second is not the budget's. */
static void test_forgiven(void **state)
{
	static const struct program p = {storm, 0.02, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_as(&m, &p, &(struct budget_config){.share = 0.01, .forgives = true}, 200, 1);
	assert_true(worst(&m, 1) <= 0.01);
	assert_true(m.first_window_s > 0.05 && m.first_window_s < 0.4);
	assert_true(between(&m, 1, 11) > 0.005);
	budget__free(m.b);
	simulate_as(&m, &p, &(struct budget_config){.share = 0.01}, 20, 1);
	assert_true(m.first_window_s > 1);
	budget__free(m.b);
}

/* With a command large blocks are tried before the budget begins: there are windows soon after. */
static void test_tried_in_grace(void **state)
{
	static const struct program p = {storm, 0.02, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_grace(&m, &p, 0.01, 20, 1, 300000000);
	assert_true(worst(&m, 1) <= 0.01);
	assert_true(m.first_window_s > 0.3 && m.first_window_s < 0.6);
	assert_true(between(&m, 1, 3) > 0.003);
	budget__free(m.b);
}

/* A command's first moments are seen in whole, and not paid back: windows come as soon as ever. */
static void test_grace(void **state)
{
	static const struct program p = {storm, 0, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_grace(&m, &p, 0.01, 200, 1, 700000000);
	assert_true(worst(&m, 1) <= 0.01);
	assert_true(m.all_s > 0.69 && m.all_s < 0.75);
	/* As soon as the probes are gone that saw it all. */
	assert_true(m.first_window_s > 0.75 && m.first_window_s < 0.85);
	assert_true(between(&m, 1, 11) > 0.003);
	assert_true(between(&m, 1, 11) <= 0.01);
	budget__free(m.b);
}

/* A command that is over after a second has been seen in many windows by then: what is left over in
 * its first seconds is for them, and the ten seconds' budget is kept all the same. */
static void test_early_windows(void **state)
{
	static const struct program p = {storm, 0.02, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_grace(&m, &p, 0.01, 60, 1, 300000000);
	assert_in_range(m.early, 12, 22);
	assert_true(worst(&m, 1) <= 0.01);
	/* As many as before, later on. */
	assert_true(between(&m, 20, 50) > 0.006);
	budget__free(m.b);
}

/* As the governor has it (app/governor.c). */
static const struct budget_config command = {.share = 0.01,
					     .grace_ns = 300000000,
					     .forgives = true,
					     .every_ns = 50000000,
					     .burst_ns = 8000000};

/* What is left of a command's first second has many windows, an eighth of the time, and the budget
 * is kept from then on. */
static void test_burst(void **state)
{
	static const struct program p = {storm, 0.02, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_as(&m, &p, &command, 60, 1);
	assert_true(m.all_s > 0.29 && m.all_s < 0.33);
	assert_true(m.first_window_s > 0.3 && m.first_window_s < 0.36);
	assert_in_range(m.early, 75, 105);
	assert_true(between(&m, 0.5, 0.9) > 0.1 && between(&m, 0.5, 0.9) < 0.2);
	/* Large blocks' places would take as much as it runs: windows said so, and there is no
	 * trial. */
	assert_int_equal(m.tries, 4);
	assert_int_equal(m.switches, 1);
	assert_true(worst(&m, 1.2) <= 0.01);
	assert_true(between(&m, 20, 50) > 0.006);
	budget__free(m.b);
	simulate_as(&m, &p, &command, 60, 0);
	assert_int_equal(m.tries, 0);
	budget__free(m.b);
}

/* There they take little: windows say so, and they are seen from then on. */
static void test_burst_with_large(void **state)
{
	static const struct program p = {storm, 1e-5, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_as(&m, &p, &command, 20, 1);
	assert_int_equal(m.tries, 4);
	assert_int_equal(m.switches, 2);
	assert_true(m.order.large);
	assert_true(m.unseen_s < 0.1);
	assert_in_range(m.early, 70, 105);
	assert_true(worst(&m, 1.2) <= 0.01);
	budget__free(m.b);
}

/* One that becomes a storm later on has no such second: large blocks are seen at once. */
static void test_later(void **state)
{
	static const struct program p = {later, 1e-5, one, 0, 0};
	struct plant m;

	(void)state;
	simulate_as(&m, &p, &command, 60, 1);
	assert_int_equal(m.tries, 0);
	assert_int_equal(m.switches, 1);
	assert_true(m.order.large);
	assert_true(m.unseen_s < 0.01);
	budget__free(m.b);
}

/* What the last of many windows of a storm on so many cores stands for; each differs from the one
 * before by what is not known of its cost. */
static double weight_of(unsigned int cores)
{
	static const unsigned int cost[] = {1040, 910, 970, 1100, 930};
	struct budget *b =
	    budget__new(&(struct budget_config){.share = 0.01, .poor = true, .every_ns = 50000000});
	struct budget_input in = {.now_ns = 5000000000};
	struct budget_order order;
	uint32_t last = 0;

	assert_non_null(b);
	for (unsigned int i = 0; i < 5000; i++) {
		struct budget_seen seen = {1000000, cores * 1000000,
					   cores * (i < 2000 ? 1000 : cost[i % 5]) * 1000, 0,
					   cores * 1000000};

		in.now_ns += 1000000;
		in.run_ns += cores * 1000000;
		budget__step(b, &in, &order);
		if (!order.window_ns)
			continue;
		in.cost_ns += cores * 1000000;
		budget__window(b, &seen);
		if (i < 2000)
			continue;
		if (last)
			assert_in_range(budget__weight(b), last / 2, last * 2ull);
		last = budget__weight(b);
	}
	budget__free(b);
	return last / 256.0;
}

/* A storm's windows are nearly all the probes': what is left is less than what is known of these,
 * and says nothing of what a window stands for. */
static void test_dense_windows(void **state)
{
	const double alone = weight_of(1);

	(void)state;
	/* One each 130 ms, of which 2 % of a millisecond are the program's. */
	assert_true(alone > 5500 && alone < 7500);
	assert_float_equal(weight_of(8) / alone, 1, 0.1);
	assert_float_equal(weight_of(32) / alone, 1, 0.1);
}

/* One window that takes 28 ms, as seen where the machine was busy, is not the last for seconds. */
static void test_one_dear_window(void **state)
{
	static const struct program p = {storm, 0, one, 0, 0};
	struct plant m = {.p = &p, .b = budget__new(&(struct budget_config){.share = 0.01})};
	unsigned int windows = 0;

	(void)state;
	assert_non_null(m.b);
	m.order.all = true;
	while (m.now < 12e9) {
		m.in = (struct budget_input){.now_ns = (uint64_t)m.now + 1,
					     .run_ns = (uint64_t)m.run,
					     .cost_ns = (uint64_t)m.cost};
		budget__step(m.b, &m.in, &m.order);
		if (m.order.window_ns) {
			double cost = m.cost;

			go(&m, (double)m.order.window_ns, 1, 0);
			cost = m.cost - cost;
			if (++windows == 3)
				m.cost += 28 * MS;
			budget__window(m.b,
				       &(struct budget_seen){
					   m.order.window_ns, m.order.window_ns, (uint64_t)cost, 0,
					   (uint64_t)(cost + (windows == 3 ? 28 * MS : MS / 10))});
		}
		go(&m, 10 * MS, m.order.all, 0);
	}
	/* Before: 3, and one a second later on. */
	assert_in_range(windows, 20, 120);
	assert_true(worst(&m, 1) <= 0.0125);
	budget__free(m.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_far_too_dear),
					   cmocka_unit_test(test_forgiven),
					   cmocka_unit_test(test_tried_in_grace),
					   cmocka_unit_test(test_grace),
					   cmocka_unit_test(test_early_windows),
					   cmocka_unit_test(test_burst),
					   cmocka_unit_test(test_burst_with_large),
					   cmocka_unit_test(test_dense_windows),
					   cmocka_unit_test(test_later),
					   cmocka_unit_test(test_one_dear_window)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
