// SPDX-License-Identifier: GPL-2.0
/* The budget against programs that are made up, in simulated time. */
#include "budget_plant.h"

#include "heapwatch/event.h"

static void simulate(struct plant *m, const struct program *p, double share, double seconds,
		     int has_large)
{
	simulate_grace(m, p, share, seconds, has_large, 0);
}

/* Who allocates little is seen in whole, always. */
static void test_gentle(void **state)
{
	static const struct program p = {gentle, 0.1, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0.01, 60, 1);
	assert_int_equal(m.switches, 0);
	assert_int_equal(m.level, BUDGET_EXACT);
	assert_true(worst(&m, 0) < 0.0035 && worst(&m, 0) > 0.0025);
	assert_true(fabs(budget__percent(m.b) - 0.3) < 0.02);
	budget__free(m.b);
}

static void keep(const struct program *p, int has_large, struct plant *m)
{
	simulate(m, p, 0.01, 200, has_large);
	assert_true(worst(m, 1) <= 0.01);
}

static void test_storms(void **state)
{
	static const struct program p[] = {{storm, 0.1, one, 0, 0},
					   {storm, 0, one, 0, 0},
					   {storm, 0, eight, 0, 0},
					   {storm, 1, eight, 0, 0},
					   {busy, 0.05, one, 0, 0}};
	struct plant m;

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		keep(&p[i], 1, &m);
		assert_int_equal(m.level, BUDGET_SAMPLED);
		/* The budget is there to be used. */
		assert_true(between(&m, 20, 190) > 0.003);
		assert_true(m.window_s > 0.05);
		assert_true(m.all_s < 0.3);
		assert_true(budget__worst(m.b) <= 1.0);
		budget__free(m.b);
	}
}

/* Of children that live for less than a tick the scheduler counts little: a share is of what it
 * counts, but what a window takes is not. */
static void test_uncounted(void **state)
{
	static const struct program p[] = {{storm, 0, one, 0.7, 0},
					   {storm, 0.1, eight, 0.7, 0},
					   {busy, 0, one, 0.9, 0},
					   {in_turn, 0, one, 0.9, 0}};
	struct plant m;

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		keep(&p[i], 1, &m);
		assert_int_equal(m.level, BUDGET_SAMPLED);
		assert_true(m.window_s > 0.01);
		assert_true(budget__worst(m.b) <= 1.0);
		budget__free(m.b);
	}
}

/* Coming and going is dearer than the window: that is known before the first one. */
static void test_edges(void **state)
{
	static const struct program p[] = {
	    {storm, 0, one, 0, 4}, {storm, 0, eight, 0, 4}, {storm, 0.1, eight, 0.7, 4}};
	struct plant m;

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		keep(&p[i], 1, &m);
		assert_int_equal(m.level, BUDGET_SAMPLED);
		assert_true(m.window_s > 0.05);
		budget__free(m.b);
	}
}

/* Large ones at a third of the budget: what windows take beside is not theirs, and they stay. */
static void test_large_stays(void **state)
{
	static const struct program p = {busy, 0.013, one, 0, 0};
	struct plant m;

	(void)state;
	keep(&p, 1, &m);
	assert_int_equal(m.level, BUDGET_SAMPLED);
	assert_true(m.order.large);
	assert_int_equal(m.switches, 1);
	assert_true(m.window_s > 1);
	budget__free(m.b);
}

/* Its windows are worth what the budget has, and see it or do not. */
static void test_runs_by_turns(void **state)
{
	static const struct program p[] = {{storm, 0, tenth, 0, 0.1}, {storm, 0, turns, 0, 0.1}};
	struct plant m;

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		keep(&p[i], 1, &m);
		assert_int_equal(m.level, BUDGET_SAMPLED);
		assert_true(between(&m, 20, 190) > 0.005);
		budget__free(m.b);
	}
}

/* Nothing is saved up for a trial of large blocks that is more than can be: there are windows. */
static void test_small_budget(void **state)
{
	static const struct program p = {storm, 0.9, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0.005, 200, 1);
	assert_true(worst(&m, 1) <= 0.005);
	assert_int_equal(m.level, BUDGET_SAMPLED);
	assert_true(between(&m, 20, 190) > 0.0015);
	budget__free(m.b);
}

/* Of 50 million calls a second a thousand are large, which take a tenth of the budget: they are
 * seen all the time, whatever the storm's first moments took. */
static void test_few_large(void **state)
{
	static const struct program p = {storm, 2e-5, eight, 0, 0};
	struct plant m;

	(void)state;
	keep(&p, 1, &m);
	assert_true(m.unseen_s == 0 && m.all_s < 0.3 && m.window_s > 0.05);
	budget__free(m.b);
}

/* One more allocator, whose large blocks nothing is known of. */
static void test_no_large_any_more(void **state)
{
	static const struct program p = {storm, 2e-5, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0.01, 20, 1);
	assert_true(m.order.large);
	m.in.now_ns += 10000000;
	m.in.has_large = false;
	budget__step(m.b, &m.in, &m.order);
	assert_false(m.order.large);
	budget__free(m.b);
}

/* A storm that comes later: a second of it at most is over the budget. */
static void test_surprise(void **state)
{
	static const struct program p = {later, 0, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0.01, 120, 1);
	assert_true(between(&m, 31, 119) <= 0.01);
	assert_true(worst(&m, 31) <= 0.01);
	/* What it took until the probes were gone. */
	assert_true(m.paid[310] - m.paid[300] < 150 * MS);
	budget__free(m.b);
}

static void test_in_turn(void **state)
{
	static const struct program p[] = {{in_turn, 0, one, 0, 0},
					   {in_turn, 0, half, 0, 0},
					   {seldom, 0.1, one, 0, 0},
					   {seldom, 0.1, half, 0, 0}};
	struct plant m;

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		simulate(&m, &p[i], 0.01, 300, 1);
		/* The last two are quiet for long enough to be seen in whole again, so that each
		 * storm is a surprise: its first second is allowed to be over the budget. */
		assert_true(worst(&m, 1) <= (i >= 2 ? 0.02 : 0.01));
		/* It does not go up and down with each storm. */
		assert_true(m.switches <= 16);
		budget__free(m.b);
	}
}

/* Quiet again for long enough, all of it is seen again. */
static double early(double s)
{
	return s < 5 ? 50e6 : 1000;
}
static void test_climbs(void **state)
{
	static const struct program p = {early, 0, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0.01, 60, 1);
	assert_int_equal(m.level, BUDGET_EXACT);
	assert_true(m.all_s > 30);
	budget__free(m.b);
}

static void test_none_and_all(void **state)
{
	static const struct program p = {storm, 0.1, one, 0, 0};
	struct plant m;

	(void)state;
	simulate(&m, &p, 0, 20, 1);
	assert_int_equal(m.level, BUDGET_PASSIVE);
	assert_true(m.cost == 0);
	budget__free(m.b);
	simulate(&m, &p, -1, 20, 1);
	assert_int_equal(m.level, BUDGET_EXACT);
	assert_true(m.all_s > 19);
	assert_true(fabs(budget__percent(m.b) - 100 * 50.0 / 51) < 0.5);
	budget__free(m.b);
}

static void test_cost(void **state)
{
	static const struct budget_costs k = {.emulated = 700, .stepped = 10000, .returned = 400};
	static const struct hw_proc c = {.hits = 107,
					 .stepped = 3,
					 .returns = 50,
					 .run_ns = 11,
					 .large_hits = 13,
					 .large_ns = 7};
	enum budget_level level;

	(void)state;
	assert_int_equal(budget_cost_ns(&k, &c), 54 * 700 + 3 * 10000 + 50 * 400 + 11);
	assert_int_equal(budget_large_ns(&k, &c), 13 * 700 + 7);
	assert_string_equal(budget_level_name(BUDGET_EXACT), "exact");
	assert_string_equal(budget_level_name(BUDGET_PASSIVE), "passive");
	assert_true(budget_level_parse("large", &level));
	assert_int_equal(level, BUDGET_LARGE);
	assert_false(budget_level_parse("larger", &level));
}

/* Others have spent what it could: it begins without probes, and has no advance for windows. */
static void test_poor(void **state)
{
	static const struct program p = {storm, 0.1, one, 0, 2}, quiet = {gentle, 0.1, one, 0, 0};
	static const struct budget_config config = {.share = 0.01, .poor = true};
	struct plant m;

	(void)state;
	assert_false(budget_begins_whole(&config));
	simulate_as(&m, &p, &config, 0.3, 0);
	assert_int_equal(m.level, BUDGET_SAMPLED);
	assert_true(m.cost == 0);
	budget__free(m.b);
	simulate_as(&m, &p, &config, 60, 0);
	assert_true(m.window_s > 0 && m.all_s == 0 && worst(&m, 0) <= 0.01);
	budget__free(m.b);
	simulate_as(&m, &quiet, &config, 60, 0);
	assert_int_equal(m.level, BUDGET_EXACT);
	budget__free(m.b);
}

/* No more is seen than was asked for, however little it would take. */
static void test_most(void **state)
{
	static const struct program p = {gentle, 0.1, one, 0, 0};
	struct budget_config config = {.share = 0.01, .most = BUDGET_LARGE, .grace_ns = 300000000};
	struct plant m;

	(void)state;
	assert_false(budget_begins_whole(&config));
	simulate_as(&m, &p, &config, 60, 1);
	assert_int_equal(m.level, BUDGET_LARGE);
	assert_true(m.all_s == 0 && m.window_s == 0 && m.unseen_s < 0.1);
	budget__free(m.b);
	simulate_as(&m, &p, &config, 60, 0);
	assert_int_equal(m.level, BUDGET_PASSIVE);
	assert_true(m.cost == 0);
	budget__free(m.b);
	config.most = BUDGET_SAMPLED;
	simulate_as(&m, &p, &config, 60, 1);
	assert_int_equal(m.level, BUDGET_SAMPLED);
	assert_true(m.all_s == 0 && m.window_s > 1 && m.unseen_s < 0.1);
	budget__free(m.b);
}

/* Who is seen in whole for little is not any more when its forks pay too much for it. */
static void test_forks(void **state)
{
	struct budget *b = budget__new(&(struct budget_config){.share = 0.01});
	struct budget_input in = {.now_ns = 1000000000};
	struct budget_order order;

	(void)state;
	assert_non_null(b);
	budget__step(b, &in, &order);
	assert_true(order.all);
	for (int i = 0; i < 4000; i++) {
		in.now_ns += 10000000;
		in.run_ns += 1000000;
		in.forks_dear = i >= 100 && i < 2000;
		budget__step(b, &in, &order);
		if (i == 99 || i == 3999)
			assert_true(order.all);
		if (i == 100 || i == 1999 || i == 2900)
			assert_false(order.all);
		if (order.window_ns)
			budget__window(b, &(struct budget_seen){order.window_ns,
								order.window_ns / 10, 10, 0, 20});
	}
	budget__free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_gentle),	  cmocka_unit_test(test_storms),
	    cmocka_unit_test(test_surprise),	  cmocka_unit_test(test_in_turn),
	    cmocka_unit_test(test_climbs),	  cmocka_unit_test(test_none_and_all),
	    cmocka_unit_test(test_cost),	  cmocka_unit_test(test_uncounted),
	    cmocka_unit_test(test_runs_by_turns), cmocka_unit_test(test_small_budget),
	    cmocka_unit_test(test_edges),	  cmocka_unit_test(test_large_stays),
	    cmocka_unit_test(test_few_large),	  cmocka_unit_test(test_no_large_any_more),
	    cmocka_unit_test(test_poor),	  cmocka_unit_test(test_most),
	    cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
