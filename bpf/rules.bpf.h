/* SPDX-License-Identifier: GPL-2.0 */
/* rules.bpf.h: the rows of heapwatch/unwind.h in maps, and the one that a pc goes by. */
#ifndef HW_RULES_BPF_H
#define HW_RULES_BPF_H

#include "walk.bpf.h"

/* The daemon puts arrays of all sizes into it, which BPF_F_INNER_MAP permits (Linux 5.10), and
 * writes them as memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HW_ROW_ARRAYS);
	__type(key, __u32);
	__array(
	    values, struct {
		    __uint(type, BPF_MAP_TYPE_ARRAY);
		    __uint(map_flags, HW_ROW_ARRAY_FLAGS);
		    __uint(max_entries, 1);
		    __uint(key_size, sizeof(__u32));
		    __uint(value_size, sizeof(struct hw_row_page));
	    });
} hw_rows __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* --max-processes */
	__type(key, __u32);	   /* tgid */
	__type(value, struct hw_space);
} hw_spaces __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct hw_rule_key);
	__type(value, struct hw_row);
} hw_rules __weak SEC(".maps");

/* A word of the stack: most are in the copy that was made at once, and is made anew further up. */
static __always_inline bool hw_word(struct hw_thread *t, __u64 addr, __u64 *out)
{
	struct hw_walk *w = &t->walk;
	__u64 i = (addr - w->top) >> 3;

	if (w->top && addr > w->top && i >= HW_STACK_WORDS && !(addr & 7)) {
		w->top = bpf_probe_read_user(t->top, sizeof(t->top), (void *)addr) ? 0 : addr;
		i = 0;
	}
	if (w->top && i < HW_STACK_WORDS && !(addr & 7)) {
		*out = t->top[i & (HW_STACK_WORDS - 1)];
		return true;
	}
	/* Not to the BPF stack: there the verifier (6.18) loses track of what a helper wrote when
	 * it asks, one frame later, where a number came from ("callback leftover stack slots"). */
	if (bpf_probe_read_user(&t->word, sizeof(t->word), (void *)addr))
		return false;
	*out = t->word;
	return true;
}

/*
 * Binary searches keep their bounds in the thread's slot: what is read from a map is any number to
 * the verifier, so all ways through a loop look the same to it after each turn.  Of bounds in
 * registers it would follow each of the 2^n ways.
 */
#define HW_BOUND(t, which) (*(volatile __u32 *)&(t)->which)

/* The range that holds pc, or NULL. */
static __always_inline struct hw_range *hw_range_of(struct hw_thread *t, struct hw_space *s,
						    __u64 pc)
{
	__u32 low, i;

	HW_BOUND(t, low) = 0;
	HW_BOUND(t, high) = s->n;
	for (i = 0; i < 9; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		if (low >= high)
			break;
		mid = (low + high) / 2 & (HW_RANGES - 1);
		if (s->range[mid].end <= pc)
			HW_BOUND(t, low) = mid + 1;
		else
			HW_BOUND(t, high) = mid;
	}
	low = HW_BOUND(t, low);
	if (low >= HW_RANGES || low >= s->n || s->range[low].start > pc)
		return NULL;
	return &s->range[low];
}

/* The row for a link-time address: first its page, then within it. */
static __always_inline bool hw_row_of(struct hw_thread *t, const struct hw_range *r, __u32 pc,
				      struct hw_row *out)
{
	__u32 array = r->page >> HW_ROW_ARRAY_SHIFT, first = r->page & HW_ROW_PAGE_MASK, low, i;
	void *rows = bpf_map_lookup_elem(&hw_rows, &array);
	struct hw_row_page *p;

	if (!rows)
		return false;
	HW_BOUND(t, low) = first;
	HW_BOUND(t, high) = first + r->npages;
	for (i = 0; i < 16; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		if (low + 1 >= high)
			break;
		mid = (low + high) / 2;
		p = bpf_map_lookup_elem(rows, &mid);
		if (!p)
			return false;
		if (p->row[0].pc <= pc)
			HW_BOUND(t, low) = mid;
		else
			HW_BOUND(t, high) = mid;
	}
	low = HW_BOUND(t, low);
	p = bpf_map_lookup_elem(rows, &low);
	if (!p)
		return false;
	HW_BOUND(t, low) = 0;
	HW_BOUND(t, high) = HW_PAGE_ROWS;
	for (i = 0; i < HW_PAGE_BITS; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		mid = (low + high) / 2 & (HW_PAGE_ROWS - 1);
		if (p->row[mid].pc <= pc)
			HW_BOUND(t, low) = mid;
		else
			HW_BOUND(t, high) = mid;
	}
	*out = p->row[HW_BOUND(t, low) & (HW_PAGE_ROWS - 1)];
	return true;
}

/* The rule for the frame under way; HW_ROW_NONE where there is none.  False: no module has it. */
static __always_inline bool hw_find_rule(struct hw_ctx *c, struct hw_row *out)
{
	struct hw_walk *w = &c->t->walk;
	/* The call before a return address may be its function's last instruction. */
	__u64 pc = w->exact ? w->ip : w->ip - 1;
	struct hw_rule_key key = {.pc = pc, .tgid = w->tgid, .generation = c->space->generation};
	struct hw_row *known = bpf_map_lookup_elem(&hw_rules, &key);
	struct hw_range *r;

	if (known) {
		*out = *known;
		return true;
	}
	r = hw_range_of(c->t, c->space, pc);
	if (!r)
		return false;
	if (r->page == HW_RANGE_JIT) {
		/* Not one of those worth a place in the cache. */
		*out = (struct hw_row){.kind = HW_ROW_JIT};
		return true;
	}
	if (!r->npages || !hw_row_of(c->t, r, pc - r->bias, out))
		*out = (struct hw_row){.kind = HW_ROW_NONE};
	bpf_map_update_elem(&hw_rules, &key, out, BPF_ANY);
	return true;
}

#endif
