/* SPDX-License-Identifier: GPL-2.0 */
/* machine_fixture.h: a machine of a few processes, every figure of which is known. */
#ifndef MACHINE_FIXTURE_H
#define MACHINE_FIXTURE_H

#include <stdint.h>

#include "model/machine.h"

#define MIB		  (1024.0 * 1024)
#define FIXTURE_PROCESSES 8

static struct machine_process fixture_process(uint32_t pid, uint32_t ppid, const char *user,
					      const char *comm, const char *cmdline,
					      const char *unit, double rss)
{
	return (struct machine_process){.pid = pid,
					.ppid = ppid,
					.start_time = 100 + pid,
					.threads = 1,
					.state = 'S',
					.user = user,
					.comm = comm,
					.cmdline = cmdline,
					.exe = "",
					.cgroup = "",
					.unit = unit,
					.allocator = "",
					.callsite = "",
					.rss = (uint64_t)(rss * MIB),
					.heap.age_ns = UINT64_MAX};
}

static void fixture_heap(struct machine_process *p, double system, double top, double in_use,
			 double free_resident)
{
	p->allocator = "glibc 2.36";
	p->heap.held = MACHINE_EXACT;
	p->heap.system = (uint64_t)(system * MIB);
	p->heap.top = (uint64_t)(top * MIB);
	p->heap.arenas = 1;
	p->heap.in_use = (uint64_t)(in_use * MIB);
	p->heap.free = p->heap.system - p->heap.in_use;
	p->heap.quality = free_resident < 0 ? MACHINE_ESTIMATED : MACHINE_EXACT;
	if (free_resident >= 0) {
		p->heap.resident = MACHINE_EXACT;
		p->heap.free_resident = (uint64_t)(free_resident * MIB);
		p->heap.age_ns = 0;
	}
	p->mapped_otherwise = 3 << 20;
}

/* 1 init, 2 kthreadd, 3 a kernel thread; nginx with two workers, redis, a shell of ann's. */
static const struct machine *fixture_machine(void)
{
	static struct machine_process p[FIXTURE_PROCESSES];
	static const uint64_t rss[] = {1 << 20, 2 << 20, 4 << 20, 8 << 20},
			      heap[] = {0, 1 << 20, 2 << 20, 4 << 20};
	static struct machine m;

	p[0] = fixture_process(1, 0, "root", "init", "/sbin/init", "init.scope", 11);
	p[1] = fixture_process(2, 0, "root", "kthreadd", "", "", 0);
	p[2] = fixture_process(3, 2, "root", "kworker/0:1", "", "", 0);
	p[3] =
	    fixture_process(40, 1, "root", "nginx", "nginx: master process", "nginx.service", 7.5);
	p[4] = fixture_process(41, 40, "www-data", "nginx", "nginx: worker process",
			       "nginx.service", 120);
	p[5] = fixture_process(42, 40, "www-data", "nginx", "nginx: worker process",
			       "nginx.service", 96);
	p[6] = fixture_process(50, 1, "redis", "redis-server",
			       "/usr/bin/redis-server 127.0.0.1:6379", "docker 0123456789ab", 2300);
	p[7] =
	    fixture_process(61, 1, "ann", "bash", "-bash \xc3\xa9t\xc3\xa9", "session-3.scope", 5);
	p[1].flags = p[2].flags = MACHINE_KERNEL_THREAD;
	fixture_heap(&p[0], 4, 1, 3, -1);
	fixture_heap(&p[4], 100, 1, 30, 61);
	fixture_heap(&p[5], 80, 1, 76, 2.5);
	p[6].allocator = "jemalloc";
	p[7].flags = MACHINE_UNREADABLE;
	p[4].shared = 8 << 20;
	p[4].has_growth = p[5].has_growth = true;
	p[4].growth = 70 << 20;
	p[5].growth = -(3 << 20);
	for (int i = 0; i < FIXTURE_PROCESSES; i++)
		p[i].has_events = !(p[i].flags & MACHINE_KERNEL_THREAD);
	p[4].events.mmap_rate = 12.5;
	p[4].events.brk_rate = 3;
	p[4].callsite = "ngx_alloc (nginx)";
	p[4].callsite_bytes = 5 << 20;
	m = (struct machine){.tick = 7,
			     .took_ns = 1,
			     .memory = {.total = (uint64_t)(16384 * MIB),
					.free = (uint64_t)(8192 * MIB),
					.available = (uint64_t)(12000 * MIB),
					.buffers = (uint64_t)(1024 * MIB),
					.cached = (uint64_t)(3072 * MIB),
					.swap_total = (uint64_t)(1024 * MIB),
					.swap_free = (uint64_t)(512 * MIB)},
			     .load = {0.25, 1.5, 12},
			     .uptime = 93784,
			     .held = (uint64_t)(2400 * MIB),
			     .rss_sum = (uint64_t)(2540 * MIB),
			     .heap_system_sum = (uint64_t)(184 * MIB),
			     .heap_in_use_sum = (uint64_t)(109 * MIB),
			     .heaps_known = 3,
			     .heaps_pending = 1,
			     .heaps_denied = 1,
			     .kernel_threads = 2,
			     .threads = 31,
			     .running = 2,
			     .self = {.cpu = 0.004, .rss = (uint64_t)(6 * MIB)},
			     .events = "fentry",
			     .events_reason = "",
			     .nprocesses = FIXTURE_PROCESSES,
			     .processes = p,
			     .focus_pid = 41,
			     .history_step_ns = 2000000000,
			     .nhistory = 4,
			     .rss_history = rss,
			     .heap_history = heap};
	return &m;
}

#endif
