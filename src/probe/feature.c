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
#include "probe/multi.h"

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

int feature_kernel(enum kernel_kind kind)
{
	static const char *const progs[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = "hw_t_fentry",
	    [KERNEL_KPROBE] = "hw_t_kprobe",
	    [KERNEL_TRACEPOINT] = "hw_t_tp",
	};
	struct feature_bpf *skel;
	struct bpf_link *link;
	int err;

	if (kind >= KERNEL_KINDS || !progs[kind])
		return kind == KERNEL_NONE ? 0 : -EINVAL;
	err = load_one(progs[kind], 0, &skel);
	if (err)
		return err;
	link = bpf_program__attach(bpf_object__find_program_by_name(skel->obj, progs[kind]));
	err = libbpf_get_error(link);
	if (!err) {
		munmap(NULL, 0); /* refused, but seen */
		if (!skel->bss->hw_hits[kind])
			err = -ENODATA;
		bpf_link__destroy(link);
	}
	feature_bpf__destroy(skel);
	return err;
}

static int try_session(void)
{
	uint64_t offset = calibrate_offset(CALIBRATE_EMULATED), cookie = 0;
	struct multi_spec spec = {
	    .attach_type = MULTI_ATTACH_SESSION,
	    .path = "/proc/self/exe",
	    .pid = getpid(),
	    .n = 1,
	    .offsets = &offset,
	    .cookies = &cookie,
	};
	struct feature_bpf *skel;
	int fd, err;

	err = load_one("hw_t_session", MULTI_ATTACH_SESSION, &skel);
	if (err)
		return err;
	spec.prog_fd = bpf_program__fd(skel->progs.hw_t_session);
	fd = multi_attach(&spec);
	err = fd < 0 ? fd : 0;
	if (!err) {
		calibrate_run(CALIBRATE_EMULATED, 1);
		if (!skel->bss->hw_hits[4] || !skel->bss->hw_hits[5])
			err = -ENODATA;
		close(fd);
	}
	feature_bpf__destroy(skel);
	return err;
}

/* ns that one run of a calibration function takes with an empty program at its entry, and at its
 * return too where both is set, less what it takes bare. */
static int time_trap(enum user_kind kind, enum calibrate_fn fn, bool both, double *ns)
{
	const int session = kind == USER_SESSION && both;
	uint64_t offset = calibrate_offset(fn), cookie = 0;
	struct multi_spec spec = {
	    .attach_type = session ? MULTI_ATTACH_SESSION : MULTI_ATTACH,
	    .path = "/proc/self/exe",
	    .pid = getpid(),
	    .n = 1,
	    .offsets = &offset,
	    .cookies = &cookie,
	};
	struct bpf_link *link[2] = {NULL, NULL};
	struct feature_bpf *skel[2] = {NULL, NULL};
	int fd[2] = {-1, -1}, err = 0;
	double bare = calibrate_time(fn, 20000);

	for (int i = 0; i < (both && !session ? 2 : 1) && !err; i++) {
		const char *name = session ? "hw_t_session" : i ? "hw_t_uretprobe" : "hw_t_uprobe";
		struct bpf_program *p;

		err = load_one(name, kind == USER_PERF ? 0 : spec.attach_type, &skel[i]);
		if (err)
			break;
		p = bpf_object__find_program_by_name(skel[i]->obj, name);
		if (kind == USER_PERF) {
			link[i] =
			    bpf_program__attach_uprobe(p, i, getpid(), "/proc/self/exe", offset);
			err = libbpf_get_error(link[i]);
			if (err)
				link[i] = NULL;
		} else {
			spec.prog_fd = bpf_program__fd(p);
			spec.on_return = i;
			fd[i] = multi_attach(&spec);
			err = fd[i] < 0 ? fd[i] : 0;
		}
	}
	if (!err)
		*ns = calibrate_time(fn, 20000) - bare;
	for (int i = 0; i < 2; i++) {
		bpf_link__destroy(link[i]);
		if (fd[i] >= 0)
			close(fd[i]);
		feature_bpf__destroy(skel[i]);
	}
	return err;
}

int feature_user(enum user_kind kind)
{
	double ns;

	if (kind == USER_SESSION)
		return try_session();
	if (kind == USER_MULTI || kind == USER_PERF)
		return time_trap(kind, CALIBRATE_EMULATED, true, &ns);
	return -EINVAL;
}

enum user_kind feature_best_user(void)
{
	for (enum user_kind k = USER_SESSION; k < USER_KINDS; k++)
		if (!feature_user(k))
			return k;
	return USER_AUTO;
}

enum kernel_kind feature_best_kernel(void)
{
	for (enum kernel_kind k = KERNEL_FENTRY; k < KERNEL_NONE; k++)
		if (!feature_kernel(k))
			return k;
	return KERNEL_NONE;
}

int feature_costs(enum user_kind kind, struct feature_costs *out)
{
	int err;

	err = time_trap(kind, CALIBRATE_EMULATED, false, &out->emulated);
	if (!err)
		err = time_trap(kind, CALIBRATE_STEPPED, false, &out->stepped);
	if (!err)
		err = time_trap(kind, CALIBRATE_EMULATED, true, &out->entry_return);
	return err;
}
