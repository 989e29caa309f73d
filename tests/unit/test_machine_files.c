// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/machine_files.h"

static void stat_line(void **state)
{
	struct machine_stat s;

	(void)state;
	assert_int_equal(
	    machine_parse_stat(
		"4242 (a) (b\x1b\xff) S 17 4242 4242 0 -1 4194560 83 0 0 0 1 2 0 0 20 0 9 0 "
		"777 1000000 250 18446744073709551615 94000000000000 1 1 0 0 0 0 0 0 0 0 0 17 0\n",
		&s),
	    0);
	assert_string_equal(s.comm, "a) (b?\xef\xbf\xbd");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.ppid, 17);
	assert_int_equal(s.threads, 9);
	assert_int_equal(s.start_time, 777);
	assert_int_equal(s.start_code, 94000000000000);
	assert_false(s.kernel_thread);
	assert_int_equal(
	    machine_parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 "
			       "18446744073709551615 0 0 0 0\n",
			       &s),
	    0);
	assert_true(s.kernel_thread);
}

static void stat_that_is_none(void **state)
{
	static const char *const texts[] = {
	    "",
	    "1",
	    "1 (x",
	    "1 x) S",
	    ") (",
	    "1 (x)",
	    "1 (x) ",
	    "1 (x) S",
	    "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22",
	    "1 (x) S one 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
	};
	struct machine_stat s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(machine_parse_stat(texts[i], &s), -EBADMSG);
}

static void small_files(void **state)
{
	struct machine_statm m;
	struct machine_status st;
	struct machine_memory mem;
	uint32_t running, threads;
	uint64_t pss;
	double load[3];

	(void)state;
	assert_int_equal(machine_parse_statm("1009 101 53 7 0 211 0\n", &m), 0);
	assert_int_equal(m.size, 1009);
	assert_int_equal(m.rss, 101);
	assert_int_equal(m.shared, 53);
	assert_int_equal(m.text, 7);
	assert_int_equal(machine_parse_statm("1009 101 53\n", &m), -EBADMSG);
	assert_int_equal(
	    machine_parse_status("Name:\tVmSwap:\t99\nUid:\t1\t1009\t2\t3\nVmSwap:\t      13 kB\n",
				 &st),
	    0);
	assert_int_equal(st.uid, 1009);
	assert_int_equal(st.swap, 13 * 1024);
	assert_int_equal(machine_parse_status("Name:\tkthreadd\n", &st), -EBADMSG);
	assert_int_equal(machine_parse_meminfo("MemTotal:  8000000 kB\nMemFree: 1000003 kB\n"
					       "Buffers: 7 kB\nCached: 11 kB\nSwapCached: 5 kB\n"
					       "AnonPages: 17 kB\nMapped:  13 kB\n",
					       &mem),
			 0);
	assert_int_equal(mem.total, 8000000ull * 1024);
	assert_int_equal(mem.free, 1000003ull * 1024);
	assert_int_equal(mem.cached, 11 * 1024);
	assert_int_equal(mem.anon, 17 * 1024);
	assert_int_equal(mem.mapped, 13 * 1024);
	assert_int_equal(mem.swap_total, 0);
	assert_int_equal(
	    machine_parse_loadavg("0.25 1.50 12.75 3/1234 999\n", load, &running, &threads), 0);
	assert_true(load[0] == 0.25 && load[1] == 1.5 && load[2] == 12.75);
	assert_int_equal(running, 3);
	assert_int_equal(threads, 1234);
	assert_int_equal(machine_parse_loadavg("0.25 x", load, &running, &threads), -EBADMSG);
	assert_int_equal(machine_parse_pss("5560-7fff ---p 00000000 00:00 0 [rollup]\nRss: 10 kB\n"
					   "Pss:        7 kB\nPss_Dirty: 3 kB\n",
					   &pss),
			 0);
	assert_int_equal(pss, 7 * 1024);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void cgroups(void **state)
{
	static const struct {
		const char *path, *unit;
		bool container;
	} cases[] = {
	    {"/", "", false},
	    {"", "", false},
	    {"/system.slice/nginx.service", "nginx.service", false},
	    {"/system.slice/nginx.service/worker/3", "nginx.service", false},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope", "a.scope", false},
	    {"/build/one", "one", false},
	    {"/system.slice/docker-" ID ".scope", "docker 0123456789ab", true},
	    {"/docker/" ID, "docker 0123456789ab", true},
	    {"/machine.slice/libpod-" ID ".scope/container", "podman 0123456789ab", true},
	    {"/kubepods.slice/x.slice/cri-containerd-" ID ".scope", "containerd 0123456789ab",
	     true},
	    {"/kubepods/besteffort/pod1/" ID, "kube 0123456789ab", true},
	    /* Not of an engine, or not an id. */
	    {"/" ID, ID, false},
	    {"/docker/" ID "0", ID "0", false},
	    {"/lxc.payload.web/system.slice", "lxc web", true},
	    {"/lxc/web/init.scope", "lxc web", true},
	};
	char unit[256], path[64];
	bool container;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		machine_cgroup_unit(cases[i].path, unit, sizeof(unit), &container);
		assert_string_equal(unit, cases[i].unit);
		assert_int_equal(container, cases[i].container);
	}
	machine_parse_cgroup("0::/a\x07"
			     "b\n",
			     path, sizeof(path));
	assert_string_equal(path, "/a?b");
	machine_parse_cgroup("12:cpu,cpuacct:/c\n5:memory:/m\n0::/u\n", path, sizeof(path));
	assert_string_equal(path, "/m");
	machine_parse_cgroup("0::/u\n5:memory:/m\n12:cpu,cpuacct:/c\n", path, sizeof(path));
	assert_string_equal(path, "/m");
	machine_parse_cgroup("nonsense", path, sizeof(path));
	assert_string_equal(path, "");
}

static void arguments(void **state)
{
	static const char args[] = "prog\0-x\0a\nb\0\x1b[31m\0\0";
	char buf[64], small[6];

	(void)state;
	assert_string_equal(machine_join_args(buf, sizeof(buf), args, sizeof(args) - 1),
			    "prog -x a b ?[31m");
	assert_string_equal(machine_join_args(small, sizeof(small), args, sizeof(args) - 1),
			    "prog ");
	assert_string_equal(machine_join_args(buf, sizeof(buf), "", 0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stat_line),   cmocka_unit_test(stat_that_is_none),
	    cmocka_unit_test(small_files), cmocka_unit_test(cgroups),
	    cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
