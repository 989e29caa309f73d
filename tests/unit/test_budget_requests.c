// SPDX-License-Identifier: GPL-2.0
/* What requests for large chunks may take of a budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/budget.h"

struct day {
	struct budget *b;
	uint64_t ms, large_ns;
	unsigned int changes;
	bool on, lacking;	    /* lacking: there is no place for them */
	unsigned int windows, both; /* both: with a change */
};

/* A storm, of whose run time requests take this part while they are told of. */
static void pass(struct day *d, uint64_t ms, double part)
{
	for (uint64_t end = d->ms + ms; d->ms < end; d->ms += 10) {
		const struct budget_input in = {.now_ns = d->ms * 1000000 + 1000000000,
						.run_ns = d->ms * 1000000,
						.cost_ns = d->large_ns,
						.large_ns = d->large_ns,
						.has_requests = !d->lacking};
		struct budget_order o;

		budget__step(d->b, &in, &o);
		d->changes += o.requests != d->on;
		d->windows += o.window_ns > 0;
		d->both += o.window_ns && o.requests != d->on;
		d->on = o.requests;
		if (d->on)
			d->large_ns += (uint64_t)(part * 1e7);
	}
}

/* Two fifths of the budget are theirs, and a burst, once; where they take more they are left alone,
 * for longer each time. */
static void test_budget(void **state)
{
	struct day d = {.b = budget__new(&(struct budget_config){
			    .share = 0.01, .most = BUDGET_SAMPLED, .every_ns = 50000000})};

	(void)state;
	assert_non_null(d.b);
	pass(&d, 70000, 0.0039);
	assert_true(d.on);
	assert_int_equal(d.changes, 1);
	/* One step that seems to have taken 50 ms: a hit that lost its CPU. */
	pass(&d, 10, 5);
	pass(&d, 10000, 0.001);
	assert_true(d.on);
	pass(&d, 60, 0.5);
	assert_false(d.on);
	assert_int_equal(d.changes, 2);
	pass(&d, 9900, 0.5);
	assert_false(d.on);
	/* Once more, for 40 ms, and then for twice as long not. */
	pass(&d, 200, 0.5);
	assert_int_equal(d.changes, 4);
	pass(&d, 19700, 0.5);
	assert_int_equal(d.changes, 4);
	pass(&d, 300, 0.001);
	assert_int_equal(d.changes, 5);
	pass(&d, 10100, 0.001);
	assert_true(d.on);
	/* A little more than is theirs: the burst lasts for a while. */
	pass(&d, 4000, 0.006);
	assert_true(d.on);
	pass(&d, 4000, 0.006);
	assert_false(d.on);
	budget__free(d.b);
}

/* A window is not ordered with a change, which is what would be done then, but a step later. */
static void test_apart(void **state)
{
	struct day d = {.b = budget__new(&(struct budget_config){
			    .share = 0.01, .most = BUDGET_SAMPLED, .every_ns = 10000000})};
	unsigned int windows;

	(void)state;
	assert_non_null(d.b);
	pass(&d, 3000, 0);
	for (unsigned int i = 0; i < 50; i++) {
		windows = d.windows;
		d.lacking = !d.lacking;
		pass(&d, 200, 0);
		assert_int_equal(d.changes, i + 2);
		assert_true(d.windows > windows);
	}
	assert_int_equal(d.both, 0);
	budget__free(d.b);
}

/* One for which others left nothing has to last for a second first. */
static void test_young(void **state)
{
	struct day d = {
	    .b = budget__new(&(struct budget_config){
		.share = 0.01, .most = BUDGET_SAMPLED, .poor = true, .every_ns = 50000000})};

	(void)state;
	assert_non_null(d.b);
	pass(&d, 1000, 0);
	assert_int_equal(d.changes, 0);
	pass(&d, 20, 0);
	assert_true(d.on);
	budget__free(d.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_apart),
	    cmocka_unit_test(test_young),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
