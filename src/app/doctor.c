// SPDX-License-Identifier: GPL-2.0
/* doctor.c: what this kernel and these privileges permit, what a probe costs here, what is missing.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/command.h"
#include "app/prover.h"
#include "base/log.h"
#include "probe/feature.h"
#include "probe/seccomp.h"
#include "probe/touches.h"

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static void line(const char *what, const char *answer, const char *remedy)
{
	printf("  %-26s %s\n", what, answer);
	if (remedy)
		printf("  %-26s -> %s\n", "", remedy);
}

static const char *because(int err)
{
	static char text[64];

	if (!err)
		return "yes";
	if (err == -ENODATA)
		return "no: attaches, but sees nothing";
	if (err == -EKEYREJECTED)
		return "no: it kills (CVE-2025-21834)";
	snprintf(text, sizeof(text), "no: %s", strerror(-err));
	return text;
}

static bool needed(void)
{
	bool btf = feature_btf(), rings = feature_ringbuf(), pids = feature_initial_pidns();
	bool reads = feature_reads();

	puts("needed");
	line("root", geteuid() ? "no" : "yes", geteuid() ? "run it with sudo" : NULL);
	line("kernel types (BTF)", btf ? "yes" : "no",
	     btf ? NULL : "a kernel with CONFIG_DEBUG_INFO_BTF=y");
	line("BPF ring buffer", rings ? "yes" : "no",
	     rings ? NULL : "Linux 5.17 or later and CAP_BPF");
	line("reading kernel memory", reads ? "yes" : "no",
	     reads ? NULL
		   : "boot without lockdown=confidentiality (/sys/kernel/security/lockdown)");
	line("initial pid namespace", pids ? "yes" : "no",
	     pids ? NULL : "run outside the container, or with --pid=host");
	return !geteuid() && btf && rings && reads && pids;
}

static enum user_kind user_side(void)
{
	enum user_kind best = USER_AUTO;

	puts("probes on malloc and free (the first that works is used)");
	for (enum user_kind k = USER_SESSION; k < USER_KINDS; k++) {
		int err = feature_user(k, NULL);

		if (!err && best == USER_AUTO)
			best = k;
		line(user_kind_name(k), because(err),
		     !err		 ? NULL
		     : k == USER_SESSION ? "needs Linux 6.13; the next kind does the same with a "
					   "dearer return"
		     : k == USER_MULTI	 ? "needs Linux 6.6; the next kind attaches more slowly"
					 : "needs CONFIG_UPROBE_EVENTS=y and CAP_SYS_ADMIN");
	}
	return best;
}

/* A process may get a filter at any time: where that is deadly no return probe is put on any. */
static int under_filter(void)
{
	int err = seccomp_try_return();

	line("under a seccomp filter", because(err),
	     err == -EKEYREJECTED
		 ? "Linux 6.12.13 or 6.13.2 mends it; until then malloc gets no probes"
	     : err ? "it cannot be tried: malloc gets no probes"
		   : NULL);
	return err;
}

static void kernel_side(void)
{
	static const char *const remedy[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = "needs CONFIG_FUNCTION_TRACER=y and kernel.ftrace_enabled=1",
	    [KERNEL_KPROBE] = "needs CONFIG_KPROBES=y",
	    [KERNEL_TRACEPOINT] = "needs CONFIG_FTRACE_SYSCALLS=y and tracefs: mount -t "
				  "tracefs tracefs /sys/kernel/tracing",
	};

	puts("probes on brk, mmap, munmap, mremap, madvise (the first that works is "
	     "used)");
	for (enum kernel_kind k = KERNEL_FENTRY; k < KERNEL_NONE; k++) {
		int err = feature_kernel(k, NULL);

		line(kernel_kind_name(k), because(err), err ? remedy[k] : NULL);
	}
}

static void page_faults(void)
{
	int err = touches_try();

	puts("page faults (callsites without a probe on malloc)");
	line("perf event of faults", because(err),
	     err ? "needs CONFIG_PERF_EVENTS=y and CAP_PERFMON; else passive names no callsites"
		 : NULL);
}

static void costs(enum user_kind kind)
{
	struct feature_costs c;
	char text[64];
	int err = feature_costs(kind, NULL, &c);

	puts("cost of one probe hit here, measured with an empty program");
	if (err) {
		line("not measured", strerror(-err), NULL);
		return;
	}
	snprintf(text, sizeof(text), "%.0f ns", c.emulated);
	line("emulated instruction", text, NULL);
	snprintf(text, sizeof(text), "%.0f ns", c.stepped);
	line("single-stepped instruction", text, NULL);
	snprintf(text, sizeof(text), "%.0f ns", c.entry_return);
	line("entry and return", text, NULL);
}

/* What --max-overhead has besides windows. */
static void behind_the_cache(enum user_kind kind)
{
	struct behind b;
	char text[128];
	bool remembered;
	int err = prover_find(kind, &b, &remembered);

	puts("places behind glibc's thread cache (level large of --max-overhead)");
	if (err) {
		line("none",
		     err == -ENOTSUP   ? "the C library here is not glibc for x86-64"
		     : err == -ENOENT  ? "no place saw each large block once"
		     : err == -ENODATA ? "the trial did not come to its end"
				       : strerror(-err),
		     "a budget is kept with windows alone");
		return;
	}
	snprintf(text, sizeof(text), "%zu, %s, build-id %s", b.n,
		 remembered ? "proven earlier" : "proven now", b.build_id);
	line("this system's C library", text, NULL);
	snprintf(text, sizeof(text), "0x%" PRIx64, b.request.offset);
	line("requests for large chunks", b.request.cookie ? text : "no place", NULL);
}

int command_doctor(int argc, char **argv)
{
	struct utsname u;
	enum user_kind best;
	int err;

	(void)argv;
	if (argc > 1) {
		log_error("doctor takes no arguments");
		return 2;
	}
	uname(&u);
	printf("%s %s on %s\n", u.sysname, u.release, u.machine);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(quiet);
	if (!needed()) {
		puts("heapwatch cannot watch anything here until the lines with -> are mended");
		return 1;
	}
	err = feature_tracefs();
	if (err)
		line("tracefs", because(err), "mount -t tracefs tracefs /sys/kernel/tracing");
	best = user_side();
	err = under_filter();
	kernel_side();
	page_faults();
	if (best == USER_AUTO || err) {
		puts("no probe can be put on malloc here");
		return 1;
	}
	costs(best);
	behind_the_cache(best);
	return 0;
}
