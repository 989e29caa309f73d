// SPDX-License-Identifier: GPL-2.0
/* flood.bpf.c: records of a process that does not exist, as fast as they are asked for, by the same
 * reserve and submit as those of the probes. */
#include "core.bpf.h"

#define BASE  0x7f0000000000ull
#define SITES 997

const volatile __u32 hw_wake_bytes = 65536;

/* What bench_drain.c asks for. */
struct flood {
	__u64 at;   /* blocks that were allocated so far */
	__u64 live; /* how many are to be live */
	__u32 tgid;
	__u32 n; /* a round: a free, once enough are live, and an allocation */
};

struct rounds {
	struct hw_proc *p;
	__u64 at, live;
	__u32 tgid;
};

static long hw_site(__u64 i, struct rounds *r)
{
	const __u32 size = sizeof(struct hw_stack) + 2 * sizeof(__u64);
	struct hw_stack *e;
	void *ring;

	e = hw_reserve(r->p, r->tgid, HW_STACK, size, &ring);
	if (!e)
		return 0;
	e->stack = i + 1;
	e->nframes = 2;
	e->flags = 0;
	e->pad = 0;
	e->pc[0] = 0x1000 + 16 * i;
	e->pc[1] = 0x1000;
	hw_submit(e, ring, size);
	return 0;
}

static long hw_round(__u64 i, struct rounds *r)
{
	/* The oldest goes, and its place is taken: as a cache would have it. */
	__u64 k = r->at + i, addr = BASE + k % r->live * 64;
	struct hw_alloc *a;
	struct hw_free *f;
	void *ring;

	if (k >= r->live) {
		f = hw_reserve(r->p, r->tgid, HW_FREE, sizeof(*f), &ring);
		if (f) {
			f->addr = addr;
			hw_submit(f, ring, sizeof(*f));
		}
	}
	a = hw_reserve(r->p, r->tgid, HW_ALLOC, sizeof(*a), &ring);
	if (!a)
		return 0;
	a->addr = addr;
	a->size = 48;
	a->stack = 1 + k * 7919 % SITES;
	hw_submit(a, ring, sizeof(*a));
	return 0;
}

SEC("syscall") int hw_flood(struct flood *f)
{
	struct rounds r = {.at = f->at, .live = f->live, .tgid = f->tgid};

	r.p = bpf_map_lookup_elem(&hw_procs, &r.tgid);
	if (!r.p || !r.live)
		return 1;
	if (!r.at)
		bpf_loop(SITES, hw_site, &r, 0);
	bpf_loop(f->n, hw_round, &r, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
