// SPDX-License-Identifier: GPL-2.0
#include "probe/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/calibrate.h"

/* arch/x86/entry/syscalls/syscall_64.tbl; other machines' trampolines make no system call. */
#ifdef __x86_64__
#define SYS_URETPROBE 335
#else
#define SYS_URETPROBE 0
#endif
#define CALLS	     3
#define EXIT_UNTRIED 1
#define EXIT_KNOWN   2

bool seccomp_filtered(pid_t pid)
{
	char path[64], line[256];
	int mode = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	if (f)
		fclose(f);
	return mode == SECCOMP_MODE_FILTER;
}

static int install_filter(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_URETPROBE, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {.len = sizeof(code) / sizeof(*code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void on_sigill(int signal)
{
	(void)signal;
	_exit(EXIT_KNOWN);
}

/* How a child of ours exits that makes the call itself.  Where the kernel knows it the answer is
 * SIGILL, for only the trampoline may make it.  EXIT_* or 0, or -errno.  A thread may fork here
 * while others hold locks: nothing but system calls. */
static int exit_of_call(bool filtered)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		/* No core file where the signal is blocked, and kills. */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		signal(SIGILL, on_sigill);
		if (filtered && install_filter())
			_exit(EXIT_UNTRIED);
		syscall(SYS_URETPROBE);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_KNOWN;
}

/* The child that has the probe. */
static void child(int go)
{
	char byte;

	if (install_filter() || read(go, &byte, 1) != 1)
		_exit(EXIT_UNTRIED);
	calibrate_run(CALIBRATE_EMULATED, CALLS);
	_exit(0);
}

static int number_in(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	int n = -1;

	if (f && fscanf(f, format, &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

/* A return probe that only counts, on one function of one process. */
static int open_return(pid_t pid)
{
	static const char exe[] = "/proc/self/exe";
	struct perf_event_attr attr = {.size = sizeof(attr)};
	int type = number_in("/sys/bus/event_source/devices/uprobe/type", "%d");
	int bit = number_in("/sys/bus/event_source/devices/uprobe/format/retprobe", "config:%d");
	long fd;

	if (type < 0 || bit < 0)
		return -ENODEV;
	attr.type = (uint32_t)type;
	attr.config = 1ull << bit;
	attr.uprobe_path = (uintptr_t)exe;
	attr.probe_offset = calibrate_offset(CALIBRATE_EMULATED);
	fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

static int try_probe(void)
{
	int go[2], fd, status = 0, err = 0;
	uint64_t count = 0;
	pid_t pid;

	if (pipe(go))
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		child(go[0]);
	}
	fd = pid < 0 ? -errno : open_return(pid);
	if (fd < 0)
		err = fd;
	else if (write(go[1], "", 1) != 1)
		err = -errno;
	close(go[0]);
	close(go[1]);
	if (pid > 0 && waitpid(pid, &status, 0) < 0 && !err)
		err = -errno;
	if (!err && WIFSIGNALED(status))
		err = -EKEYREJECTED;
	else if (!err && (WEXITSTATUS(status) || read(fd, &count, sizeof(count)) < 0))
		err = -EIO;
	else if (!err && count != CALLS)
		err = -ENODATA;
	if (fd >= 0)
		close(fd);
	return err;
}

int seccomp_try_return(void)
{
	int status;

	if (!SYS_URETPROBE)
		return 0;
	status = exit_of_call(true);
	if (status < 0 || status == EXIT_UNTRIED)
		return status < 0 ? status : -EACCES;
	if (status == EXIT_KNOWN)
		return 0;
	/* A filter of our own may have answered for the kernel. */
	if (seccomp_filtered(getpid()))
		return try_probe();
	status = exit_of_call(false);
	return status == EXIT_KNOWN ? -EKEYREJECTED : status;
}
