/* SPDX-License-Identifier: GPL-2.0 */
/*
 * multi.h: uprobe_multi links by hand: libbpf 1.1, which Debian 12 has, does not know them.
 * The layout is that of union bpf_attr in include/uapi/linux/bpf.h (kernel commits 89ae89f53d20,
 * "Add multi uprobe link", 6.6, and d920179b3d48, "Add support for uprobe multi session", 6.13).
 */
#ifndef PROBE_MULTI_H
#define PROBE_MULTI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* enum bpf_attach_type */
#define MULTI_ATTACH	     48
#define MULTI_ATTACH_SESSION 57

struct multi_spec {
	int prog_fd;
	int attach_type;
	int on_return;	  /* MULTI_ATTACH only: a uretprobe */
	const char *path; /* resolved by the kernel: /proc/PID/map_files/... is fine */
	pid_t pid;	  /* whose address space; 0: whoever maps the file */
	size_t n;
	const uint64_t *offsets; /* in the file */
	const uint64_t *cookies;
};

/* A link's descriptor, closed on exec; closing it detaches.  Or -errno. */
int multi_attach(const struct multi_spec *spec);

#endif
