// SPDX-License-Identifier: GPL-2.0
/* test_groups: processes added up by group; counters that never fall; rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/groups.h"
#include "model/machine.h"
#include "model/rules.h"

#define SECOND 1000000000ull

static struct machine_process process(uint32_t pid, const char *comm, uint64_t rss)
{
	return (struct machine_process){.pid = pid,
					.start_time = 1000 + pid,
					.comm = comm,
					.user = "root",
					.cmdline = "",
					.exe = "",
					.cgroup = "/system.slice/x",
					.unit = "",
					.rss = rss,
					.shared = 101};
}

static void tick(struct groups *g, const struct rules *r, struct machine_process *all, size_t n,
		 uint64_t seconds)
{
	struct machine m = {.processes = all, .nprocesses = n, .now_ns = seconds * SECOND};

	assert_int_equal(groups__tick(g, &m, r), 0);
}

static const struct group *find(const struct groups *g, const char *name)
{
	for (size_t i = 0; i < groups__count(g); i++)
		if (!strcmp(groups__at(g, i)->name, name))
			return groups__at(g, i);
	return NULL;
}

static struct groups *make(size_t limit)
{
	struct groups *g = groups__new(&(struct groups_config){
	    .by = GROUPS_BY_COMM, .limit = limit, .expire_ns = 60 * SECOND});

	assert_non_null(g);
	return g;
}

static void test_sums(void **state)
{
	struct machine_process all[] = {process(2, "nginx", 1009), process(3, "redis", 2003),
					process(5, "nginx", 4001), process(7, "kthread", 0)};
	struct groups *g = make(10);
	const struct group *nginx;

	(void)state;
	all[0].heap = (struct machine_heap){.held = MACHINE_EXACT,
					    .system = 503,
					    .mmapped = 211,
					    .quality = MACHINE_EXACT,
					    .in_use = 307,
					    .free = 407,
					    .resident = MACHINE_EXACT,
					    .free_resident = 103};
	all[2].heap = (struct machine_heap){.held = MACHINE_EXACT,
					    .system = 601,
					    .quality = MACHINE_ESTIMATED,
					    .in_use = 599,
					    .free = 2};
	all[0].has_growth = true;
	all[0].growth = -120;
	all[3].flags = MACHINE_KERNEL_THREAD;
	tick(g, NULL, all, 4, 1);
	assert_int_equal(groups__count(g), 2);
	nginx = groups__at(g, 0);
	assert_string_equal(nginx->name, "nginx");
	assert_int_equal(nginx->processes, 2);
	assert_int_equal(nginx->rss, 5010);
	assert_int_equal(nginx->unshared, 1009 + 4001 - 202);
	assert_int_equal(nginx->system, 503 + 211 + 601);
	assert_int_equal(nginx->in_use, 906);
	assert_int_equal(nginx->free, 409);
	assert_int_equal(nginx->resident_free, 103);
	assert_int_equal(nginx->with_resident_free, 1);
	assert_int_equal(nginx->exact, 1);
	assert_int_equal(nginx->estimated, 1);
	assert_int_equal(nginx->unknown, 0);
	assert_int_equal(nginx->with_growth, 1);
	assert_true(nginx->growth == -2);
	assert_int_equal(groups__at(g, 1)->unknown, 1);
	assert_string_equal(groups__at(g, 1)->name, "redis");
	groups__free(g);
}

/* A group's counter is what all its processes ever counted, the dead ones too. */
static void test_counters(void **state)
{
	struct machine_process all[] = {process(2, "a", 1), process(3, "a", 1)};
	struct groups *g = make(10);

	(void)state;
	all[0].has_events = all[1].has_events = true;
	all[0].events.brks = 100;
	all[1].events.brks = 7;
	tick(g, NULL, all, 2, 1);
	assert_int_equal(find(g, "a")->counters[GROUP_BRKS], 107);
	all[0].events.brks = 103;
	tick(g, NULL, all, 2, 2);
	assert_int_equal(find(g, "a")->counters[GROUP_BRKS], 110);
	tick(g, NULL, all, 1, 3); /* 3 has ended */
	assert_int_equal(find(g, "a")->processes, 1);
	assert_int_equal(find(g, "a")->counters[GROUP_BRKS], 110);
	/* Its last figures may come one tick later, and no more after that. */
	groups__count_up(g, 3, 1003, GROUP_EVENTS, 13);
	assert_int_equal(find(g, "a")->counters[GROUP_EVENTS], 13);
	tick(g, NULL, all, 1, 4);
	groups__count_up(g, 3, 1003, GROUP_EVENTS, 17);
	assert_null(groups__of(g, 3, 1003));
	assert_int_equal(find(g, "a")->counters[GROUP_EVENTS], 13);
	/* The pid again: another process, which counts from 0. */
	all[1].start_time = 5000;
	all[1].events.brks = 5;
	tick(g, NULL, all, 2, 5);
	assert_int_equal(find(g, "a")->counters[GROUP_BRKS], 115);
	/* A second attach starts at 0. */
	groups__count_up(g, 2, 1002, GROUP_HITS, 50);
	groups__count_up(g, 2, 1002, GROUP_HITS, 20);
	assert_int_equal(find(g, "a")->counters[GROUP_HITS], 70);
	/* exec: what it counts from now on is the new group's. */
	all[0].comm = "b";
	all[0].events.brks = 104;
	tick(g, NULL, all, 2, 6);
	assert_int_equal(find(g, "a")->counters[GROUP_BRKS], 115);
	assert_int_equal(find(g, "b")->counters[GROUP_BRKS], 1);
	groups__free(g);
}

static void test_limit_and_expiry(void **state)
{
	struct machine_process all[] = {process(2, "small", 10), process(3, "big", 1000),
					process(5, "middle", 100), process(7, "tiny", 1)};
	struct groups *g = make(2);

	(void)state;
	/* The largest two have a name. */
	tick(g, NULL, all, 4, 1);
	assert_int_equal(groups__count(g), 3);
	assert_non_null(find(g, "big"));
	assert_non_null(find(g, "middle"));
	assert_int_equal(find(g, "other")->processes, 2);
	assert_int_equal(find(g, "other")->rss, 11);
	assert_int_equal(groups__folded(g), 2);
	/* An empty group keeps its place until it expires. */
	tick(g, NULL, all, 1, 30);
	assert_int_equal(find(g, "big")->processes, 0);
	assert_int_equal(find(g, "other")->processes, 1);
	tick(g, NULL, all, 1, 60);
	assert_non_null(find(g, "big"));
	tick(g, NULL, all, 1, 61);
	assert_null(find(g, "big"));
	assert_null(find(g, "middle"));
	tick(g, NULL, all, 1, 62);
	assert_int_equal(find(g, "small")->processes, 1);
	assert_int_equal(groups__folded(g), 0);
	tick(g, NULL, all, 1, 130);
	assert_null(find(g, "other"));
	assert_int_equal(groups__count(g), 1);
	groups__free(g);
}

static void test_by_cgroup(void **state)
{
	struct machine_process all[] = {process(2, "a", 1), process(3, "b", 1), process(5, "c", 1)};
	struct groups *g = groups__new(&(struct groups_config){.by = GROUPS_BY_CGROUP, .limit = 9});

	(void)state;
	all[0].unit = "nginx.service";
	all[2].cgroup = "";
	tick(g, NULL, all, 3, 1);
	assert_int_equal(groups__count(g), 3);
	assert_string_equal(groups__at(g, 0)->name, "/system.slice/x");
	assert_string_equal(groups__at(g, 1)->name, "nginx.service");
	assert_string_equal(groups__at(g, 2)->name, "none");
	groups__free(g);
}

static struct rules *parsed(const char *text)
{
	struct rules *r = rules__new();
	char error[256] = "";
	int err = rules__parse(r, text, strlen(text), error, sizeof(error));

	if (err)
		fail_msg("%s", error);
	return r;
}

static void test_rules(void **state)
{
	struct rules *r = parsed("# what we run\n"
				 "\n"
				 "group web comm=nginx*\t user=www-data # workers\n"
				 "ignore comm=nginx\r\n"
				 "  group \"{user} {comm}\" \"cmdline=*-m http.server *\"\n"
				 "watch comm=redis-server\n"
				 "watch unit=web?.service");
	struct machine_process all[] = {process(2, "nginx", 1), process(3, "nginx", 2),
					process(5, "python3", 4), process(7, "redis-server", 8)};
	struct groups *g = make(10);

	(void)state;
	all[0].user = "www-data";
	all[2].cmdline = "python3 -m http.server 8000";
	assert_int_equal(rules__watches(r), 2);
	assert_false(rules__watch(r, &all[0]));
	assert_true(rules__watch(r, &all[3]));
	all[0].unit = "web1.service";
	assert_true(rules__watch(r, &all[0]));
	all[0].unit = "web10.service";
	assert_false(rules__watch(r, &all[0]));
	tick(g, r, all, 4, 1);
	assert_int_equal(groups__count(g), 3);
	assert_string_equal(groups__at(g, 0)->name, "redis-server");
	assert_string_equal(groups__at(g, 1)->name, "root python3");
	assert_string_equal(groups__at(g, 2)->name, "web");
	assert_int_equal(groups__at(g, 2)->rss, 1);
	groups__free(g);
	rules__free(r);
}

static void test_rule_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"group a comm=b\nfoo comm=a\n",
	     "line 2: a rule starts with group, ignore or watch, not 'foo'"},
	    {"group\n", "line 1: a group needs a name"},
	    {"group comm=x\n", "line 1: a group needs a name before 'comm=x'"},
	    {"group \"\" comm=x\n", "line 1: a group needs a name"},
	    {"\n\nwatch\n", "line 3: a rule needs at least one KEY=PATTERN"},
	    {"watch redis", "line 1: KEY=PATTERN was expected, not 'redis'"},
	    {"watch pid=1", "line 1: a key is comm, exe, cmdline, cgroup, unit or user, not 'pid'"},
	    {"watch comm=", "line 1: a key without a pattern: 'comm'"},
	    {"watch comm=a comm=b", "line 1: a key stands twice in one rule: 'comm'"},
	    {"watch \"comm=a", "line 1: a quotation mark without a second"},
	    {"group {pid} comm=a",
	     "line 1: a name may hold {comm}, {exe}, {cgroup}, {unit}, {user}, not '{pid}'"},
	    {"group {comm comm=a",
	     "line 1: a name may hold {comm}, {exe}, {cgroup}, {unit}, {user}, not '{comm'"},
	};
	struct rules *r = parsed("watch comm=kept");
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(
		    rules__parse(r, cases[i].text, strlen(cases[i].text), error, sizeof(error)),
		    -EINVAL);
		assert_string_equal(error, cases[i].error);
		assert_int_equal(rules__watches(r), 1);
	}
	assert_int_equal(rules__parse(r, "watch comm=a\n\0", 14, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "line 2: this is no text: a byte is 0");
	assert_int_equal(rules__parse_watch(r, "nginx", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "KEY=PATTERN was expected, not 'nginx'");
	assert_int_equal(rules__parse_watch(r, "comm=nginx user=root", error, sizeof(error)), 0);
	assert_int_equal(rules__watches(r), 2);
	rules__free(r);
}

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
	    {"", "", true},	  {"", "a", false},	      {"*", "", true},
	    {"a*", "a", true},	  {"a*c", "abbc", true},      {"a*c", "abb", false},
	    {"?", "", false},	  {"??", "ab", true},	      {"*b*", "abc", true},
	    {"*ab", "aab", true}, {"*a*b*c", "xaybzc", true}, {"a", "ab", false},
	    {"ab", "a", false},	  {"**", "x", true},
	};
	char text[4097], pattern[129];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(rules_match(cases[i].pattern, cases[i].text), cases[i].matches);
	/* What takes for ever where each star is tried at each place. */
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (size_t i = 0; i < 64; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	memcpy(pattern + 126, "*b", 3);
	assert_false(rules_match(pattern, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_counters),
	    cmocka_unit_test(test_limit_and_expiry),
	    cmocka_unit_test(test_by_cgroup),
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_rule_errors),
	    cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
