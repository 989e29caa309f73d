// SPDX-License-Identifier: GPL-2.0
#include "probe/feature.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "feature.skel.h"
#include "probe/calibrate.h"
#include "probe/links.h"
#include "probe/multi.h"
#include "probe/put.h"
#include "probe/seccomp.h"

/* PROC_PID_INIT_INO of include/uapi/linux/nsfs.h (include/linux/proc_ns.h before 6.18). */
#define INITIAL_PIDNS 0xEFFFFFFCu

bool feature_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

bool feature_ringbuf(void)
{
	return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
}

/* By a program that does it: what libbpf asks with knows only older kernels' words for a refusal.
 */
bool feature_reads(void)
{
	const struct bpf_insn insns[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
	    {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0},
	    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "hw_reads", "GPL", insns,
			       sizeof(insns) / sizeof(*insns), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool feature_initial_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == INITIAL_PIDNS;
}

int feature_tracefs(void)
{
	if (!access("/sys/kernel/tracing/events", F_OK) ||
	    !access("/sys/kernel/debug/tracing/events", F_OK))
		return 0;
	/* Nobody else is to see the mount.  In a chroot / is no mount, but /sys has to be one. */
	if (unshare(CLONE_NEWNS) ||
	    (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	     mount(NULL, "/sys", NULL, MS_REC | MS_PRIVATE, NULL)) ||
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL))
		return -errno;
	return 0;
}

/* One program of the skeleton, loaded alone: a neighbour that the kernel refuses says nothing. */
static int load_one(const char *prog, int attach_type, struct feature_bpf **out)
{
	struct feature_bpf *skel = feature_bpf__open();
	struct bpf_program *p;
	int err;

	if (!skel)
		return -errno;
	skel->rodata->hw_me = (unsigned int)getpid();
	p = bpf_object__find_program_by_name(skel->obj, prog);
	bpf_program__set_autoload(p, true);
	if (attach_type)
		bpf_program__set_expected_attach_type(p, (enum bpf_attach_type)attach_type);
	err = feature_bpf__load(skel);
	if (err) {
		feature_bpf__destroy(skel);
		return err;
	}
	*out = skel;
	return 0;
}

/* Take over a link that libbpf made, or say why it made none. */
static int keep(struct links *l, struct bpf_link *link)
{
	int err = libbpf_get_error(link);

	if (err)
		return err;
	err = links__add(l, 0, link, -1);
	if (err)
		bpf_link__destroy(link);
	return err;
}

/* Keep what a trial attached, or detach it; l is the trial's own where nobody wants them. */
static struct links *trial_links(struct links *left)
{
	return left ? left : links__new();
}

static void trial_end(struct links *l, const struct links *left)
{
	if (l != left)
		links__free(l);
}

/*
 * What forbids fentry forbids it before the kernel looks at which function is meant: asked with a
 * type that is no function (1 is a number), it says -EPERM rather than -EINVAL.  The real trial
 * would have libbpf read all of the kernel's BTF first.
 */
static int may_trace(void)
{
	/* r0 = 0; exit */
	static const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
						  {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "hw_t_none", "GPL", nothing, 2, &opts);

	if (fd >= 0)
		close(fd);
	return fd == -EPERM ? fd : 0;
}

int feature_kernel(enum kernel_kind kind, struct links *left)
{
	static const char *const progs[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = "hw_t_fentry",
	    [KERNEL_KPROBE] = "hw_t_kprobe",
	    [KERNEL_TRACEPOINT] = "hw_t_tp",
	};
	struct links *l = trial_links(left);
	struct feature_bpf *skel = NULL;
	struct bpf_link *link;
	int err;

	if (!l)
		return -ENOMEM;
	if (kind >= KERNEL_KINDS || !progs[kind])
		err = kind == KERNEL_NONE ? 0 : -EINVAL;
	else if (kind != KERNEL_FENTRY || !(err = may_trace()))
		err = load_one(progs[kind], 0, &skel);
	if (skel) {
		link =
		    bpf_program__attach(bpf_object__find_program_by_name(skel->obj, progs[kind]));
		err = keep(l, link);
		munmap(NULL, 0); /* refused, but seen */
		if (!err && !skel->bss->hw_hits[kind])
			err = -ENODATA;
	}
	feature_bpf__destroy(skel);
	trial_end(l, left);
	return err;
}

/* Put a program of the skeleton on one of our own functions. */
static int put_own(struct bpf_program *prog, enum user_kind kind, enum calibrate_fn fn,
		   enum put_how how, struct links *l)
{
	const struct put_file self = {.kind = kind, .pid = getpid(), .path = "/proc/self/exe"};
	const uint64_t offset = calibrate_offset(fn), cookie = 0;
	const struct put_at at = {1, &offset, &cookie};

	return put_program(&self, l, prog, how, &at);
}

/* Load an own program and attach it as probes of this kind are; both: at the return too. */
static int attach_trial(const char *name, enum user_kind kind, enum calibrate_fn fn, bool both,
			struct links *l, struct feature_bpf **skel)
{
	const bool session = kind == USER_SESSION && both;
	struct bpf_program *prog;
	int err = load_one(name,
			   kind == USER_PERF ? 0
			   : session	     ? MULTI_ATTACH_SESSION
					     : MULTI_ATTACH,
			   skel);

	if (err)
		return err;
	prog = bpf_object__find_program_by_name((*skel)->obj, name);
	err = put_own(prog, kind, fn, session ? PUT_SESSION : PUT_ENTRY, l);
	if (!err && both && !session)
		err = put_own(prog, kind, fn, PUT_RETURN, l);
	return err;
}

int feature_user(enum user_kind kind, struct links *left)
{
	struct links *l = trial_links(left);
	struct feature_bpf *skel = NULL;
	int err;

	if (!l)
		return -ENOMEM;
	/* The trial's return probe is on ourselves. */
	err = seccomp_filtered(getpid()) ? seccomp_try_return() : 0;
	if (!err)
		err = kind > USER_AUTO && kind < USER_KINDS
			  ? attach_trial("hw_t_user", kind, CALIBRATE_EMULATED, true, l, &skel)
			  : -EINVAL;
	if (!err) {
		calibrate_run(CALIBRATE_EMULATED, 1);
		if (skel->bss->hw_hits[4] != 2)
			err = -ENODATA;
	}
	feature_bpf__destroy(skel);
	trial_end(l, left);
	return err;
}

enum user_kind feature_best_user(struct links *left)
{
	for (enum user_kind k = USER_SESSION; k < USER_KINDS; k++)
		if (!feature_user(k, left))
			return k;
	return USER_AUTO;
}

enum kernel_kind feature_best_kernel(struct links *left)
{
	static const char *const there[] = {"/sys/kernel/tracing/events/syscalls/sys_exit_munmap",
					    "/sys/kernel/debug/tracing/events/syscalls/"
					    "sys_exit_munmap"};

	for (enum kernel_kind k = KERNEL_FENTRY; k < KERNEL_TRACEPOINT; k++)
		if (!feature_kernel(k, left))
			return k;
	return !access(there[0], F_OK) || !access(there[1], F_OK) ? KERNEL_TRACEPOINT : KERNEL_NONE;
}

/* ns that one run of a calibration function takes with an empty program at its entry, and at its
 * return too where both is set, less what it takes bare. */
static int time_trap(enum user_kind kind, enum calibrate_fn fn, bool both, double *ns)
{
	double bare = calibrate_time(fn, 5000);
	struct links *l = links__new();
	struct feature_bpf *skel = NULL;
	int err = l ? attach_trial("hw_t_empty", kind, fn, both, l, &skel) : -ENOMEM;

	if (!err)
		*ns = calibrate_time(fn, 5000) - bare;
	links__free(l);
	feature_bpf__destroy(skel);
	return err;
}

int feature_costs(enum user_kind kind, const atomic_bool *stop, struct feature_costs *out)
{
	const struct {
		enum calibrate_fn fn;
		bool both;
		double *ns;
	} each[] = {{CALIBRATE_EMULATED, false, &out->emulated},
		    {CALIBRATE_STEPPED, false, &out->stepped},
		    {CALIBRATE_EMULATED, true, &out->entry_return}};
	int err = 0;

	for (size_t i = 0; i < sizeof(each) / sizeof(*each) && !err; i++)
		err = stop && atomic_load(stop)
			  ? -ECANCELED
			  : time_trap(kind, each[i].fn, each[i].both, each[i].ns);
	return err;
}
