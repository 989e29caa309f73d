// SPDX-License-Identifier: GPL-2.0
/*
 * alloc.bpf.c: the malloc family.  One program serves all functions that give memory: the attach
 * cookie tells which (enum hw_fn); free has a small one of its own.  An allocator calls itself
 * (realloc(NULL), memalign): the outermost call counts. Nested calls are told by the stack pointer,
 * not by a count: a longjmp out of a call leaves a count wrong for ever, but a stack pointer above
 * the call's own shows that the call is over.
 */
#include "core.bpf.h"
#include "unwind.bpf.h"

const volatile __u32 hw_wake_bytes = 65536;

extern bool bpf_session_is_return(void) __weak __ksym;

/*
 * Is a call at this stack pointer one that a call under way makes?  At the same stack pointer it
 * is a jump out of it (glibc's realloc(NULL) jumps to malloc) if the return address is that of the
 * kernel's uretprobe trampoline; a real one means that the call under way was left by longjmp.
 */
static __always_inline bool hw_in_call(const struct hw_proc *p, struct hw_thread *t, __u64 sp,
				       __u64 link)
{
	__u64 ret = link;

	if (!hw_has_call(p, t) || sp > t->sp)
		return false;
	if (sp < t->sp)
		return true;
#ifdef __TARGET_ARCH_x86
	bpf_probe_read_user(&ret, sizeof(ret), (void *)sp);
#endif
	return !hw_after_call(ret);
}

static __always_inline void hw_on_realloc(struct hw_proc *p, __u32 tgid, __u32 tid, __u64 addr)
{
	struct hw_realloc_begin *e;
	void *ring;

	e = hw_reserve(p, tgid, HW_REALLOC_BEGIN, sizeof(*e), &ring);
	if (!e)
		return;
	e->addr = addr;
	e->tid = tid;
	e->pad = 0;
	hw_submit(e, ring, sizeof(*e));
}

/* n * size, or all ones where that overflows: the call is going to fail.  By halves: BPF has no
 * 128-bit product, which clang makes of the usual test by division. */
static __always_inline __u64 hw_product(__u64 n, __u64 size)
{
	__u64 big = n > size ? n : size, small = n > size ? size : n;
	__u64 high = (big >> 32) * small, low = (__u32)big * small;

	if (small >> 32 || high >> 32 || (high << 32) + low < low)
		return ~0ull;
	return (high << 32) + low;
}

#define HW_STRING_PARTS 64

/* The bytes of a string with its end, as its copy asked for.  One of over 64 KiB counts as a loss:
 * its size is more than what is told. */
static __always_inline __u64 hw_string(struct hw_proc *p, struct hw_thread *t, __u64 addr)
{
	__u64 size = 0;

	t->walk.top = 0;
	for (int i = 0; i < HW_STRING_PARTS; i++) {
		long n = bpf_probe_read_user_str(t->top, sizeof(t->top), (void *)(addr + size));

		/* What does not end within the room is cut, and an end is written behind it.  Of an
		 * empty one, which has an end too, not each kernel says 1. */
		if (n != sizeof(t->top))
			return n > 0 ? size + n : n ? size : size + 1;
		size += n - 1;
	}
	hw_count(&p->produced);
	hw_count(&p->lost);
	return size;
}

static __always_inline void hw_entered(struct hw_proc *p, __u64 cookie)
{
	hw_count(&p->hits);
	if (cookie & HW_COOKIE_STEPPED)
		hw_count(&p->stepped);
}

static __always_inline int hw_free(struct hw_proc *p, __u32 tgid, __u32 tid, __u64 addr, __u64 sp,
				   __u64 link)
{
	struct hw_thread *t = bpf_map_lookup_elem(&hw_threads, &tid);

	if (addr && (!t || !hw_in_call(p, t, sp, link)))
		hw_emit_free(p, tgid, addr);
	return 1;
}

/* glibc's: may a block of this size come from a thread's cache?  Its chunk has one word more. */
static __always_inline bool hw_small(__u64 size)
{
	return size <= HW_CACHED_CHUNK_MAX - 8;
}

/*
 * Where only large blocks are seen: does the call under way neither take one nor give one back?
 * The size of the old one's chunk, with three flags below it, is in the word before it.
 */
static __always_inline bool hw_all_small(const struct hw_thread *t)
{
	__u64 word = 0;

	if (!hw_small(t->size))
		return false;
	if (!t->arg || t->fn == HW_FN_POSIX_MEMALIGN)
		return true;
	return !bpf_probe_read_user(&word, sizeof(word), (void *)(t->arg - 8)) &&
	       (word & ~7ull) <= HW_CACHED_CHUNK_MAX;
}

/* Returns 1 where the return is of no interest (a session's way to veto it). */
static __always_inline int hw_enter(struct pt_regs *ctx, struct hw_proc *p, __u32 tgid, __u32 tid,
				    __u32 fn)
{
	__u64 a = PT_REGS_PARM1(ctx), b = PT_REGS_PARM2(ctx), c = PT_REGS_PARM3(ctx);
	__u64 d = PT_REGS_PARM4(ctx);
	struct hw_regs regs = {.sp = PT_REGS_SP(ctx), .bp = PT_REGS_FP(ctx), .lr = HW_LINK(ctx)};
	struct hw_thread *t = hw_thread(p, tid);

	if (!t)
		return 1;
	if (hw_in_call(p, t, regs.sp, regs.lr))
		return 1;
	if (t->sp) {
		hw_count(&p->broken); /* left by longjmp, or its return was never seen */
		t->sp = 0;
	}
	t->arg = 0;
	switch (fn) {
	case HW_FN_MALLOC:
		t->size = a;
		break;
	case HW_FN_CALLOC:
		t->size = hw_product(a, b);
		break;
	case HW_FN_REALLOC:
		t->arg = a;
		t->size = b;
		break;
	case HW_FN_REALLOCARRAY:
		t->arg = a;
		t->size = hw_product(b, c);
		break;
	case HW_FN_MEMALIGN:
		t->size = b;
		break;
	case HW_FN_POSIX_MEMALIGN:
		t->arg = a;
		t->size = c;
		break;
	case HW_FN_HEAP_CALLOC:
		t->size = hw_product(b, c);
		break;
	case HW_FN_HEAP_REALLOC:
		t->arg = b;
		t->size = c;
		break;
	case HW_FN_HEAP_REALLOCARRAY:
		t->arg = b;
		t->size = hw_product(c, d);
		break;
	case HW_FN_RUST_REALLOC:
		t->arg = a;
		t->size = d;
		break;
	case HW_FN_STRING:
		break;
	case HW_FN_XALLOCX:
		t->arg = a;
		t->size = b;
		t->extra = c;
		break;
	case HW_FN_HEAP_DESTROY:
		/* Frees that nobody sees: what is told of the process from here on is too much. */
		hw_count(&p->produced);
		hw_count(&p->lost);
		return 1;
	default:
		return 1;
	}
	t->fn = fn;
	t->epoch = p->epoch;
	if (p->seen == HW_SEEN_LARGE && hw_all_small(t))
		return 1;
	t->stack = hw_stack(p, tgid, t, &regs);
	if (fn != HW_FN_POSIX_MEMALIGN && t->arg)
		hw_on_realloc(p, tgid, tid, t->arg);
	t->sp = regs.sp;
	return 0;
}

static __always_inline int hw_leave(struct pt_regs *ctx, struct hw_proc *p, __u32 tgid, __u32 tid)
{
	__u64 addr = PT_REGS_RC(ctx);
	struct hw_realloc_end *re;
	struct hw_thread *t;
	void *ring;

	t = bpf_map_lookup_elem(&hw_threads, &tid);
	if (!t || !hw_has_call(p, t))
		return 0;
#ifdef __TARGET_ARCH_x86
	/* The return address is popped.  Any other stack pointer is an inner call's return. */
	if (PT_REGS_SP(ctx) != t->sp + 8)
		return 0;
#else
	if (PT_REGS_SP(ctx) != t->sp)
		return 0;
#endif
	t->sp = 0;
	if (t->fn == HW_FN_POSIX_MEMALIGN) {
		if ((__u32)addr) /* an error number: memptr is not written */
			return 0;
		if (bpf_probe_read_user(&addr, sizeof(addr), (void *)t->arg)) {
			hw_count(&p->broken);
			return 0;
		}
	}
	/* It returns what the block has now: at least what was asked for, or it is as it was. */
	if (t->fn == HW_FN_XALLOCX) {
		__u64 now = addr;

		addr = now < t->size ? 0 : t->arg;
		t->size = now - t->size < t->extra ? now : t->size + t->extra;
	}
	if (t->fn != HW_FN_POSIX_MEMALIGN && t->arg) {
		re = hw_reserve(p, tgid, HW_REALLOC_END, sizeof(*re), &ring);
		if (!re)
			return 0;
		re->old_addr = t->arg;
		re->addr = addr;
		re->size = t->size;
		/* A small block that comes of a large one: as if that had been freed. */
		if (addr && p->seen == HW_SEEN_LARGE && hw_small(t->size))
			re->addr = re->size = 0;
		re->stack = t->stack;
		re->tid = tid;
		re->pad = 0;
		hw_submit(re, ring, sizeof(*re));
		return 0;
	}
	if (!addr)
		return 0;
	if (t->fn == HW_FN_STRING)
		t->size = hw_string(p, t, addr);
	hw_emit_alloc(p, tgid, addr, t->size, t->stack);
	return 0;
}

/* A window is over, and its probes are on their way out: those that only it has. */
static __always_inline bool hw_is_muted(const struct hw_proc *p, __u8 fn)
{
	return p->muted && (p->seen == HW_SEEN_NONE || fn == HW_FN_MALLOC || fn == HW_FN_CALLOC ||
			    fn == HW_FN_FREE);
}

static __always_inline int hw_at_entry(struct pt_regs *ctx, __u64 began)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 tgid, tid;
	struct hw_proc *p = hw_current(&tgid, &tid);
	int veto;

	if (!p)
		return 1;
	hw_entered(p, cookie);
	if (hw_is_muted(p, (__u8)cookie))
		veto = 1;
	else if ((__u8)cookie == HW_FN_FREE)
		veto = hw_free(p, tgid, tid, PT_REGS_PARM1(ctx), PT_REGS_SP(ctx), HW_LINK(ctx));
	else
		veto = hw_enter(ctx, p, tgid, tid, (__u8)cookie);
	hw_clocked(p, began);
	return veto;
}

static __always_inline int hw_at_return(struct pt_regs *ctx, __u64 began)
{
	__u32 tgid, tid;
	struct hw_proc *p = hw_current(&tgid, &tid);

	if (!p)
		return 0;
	hw_count(&p->hits);
	hw_count(&p->returns);
	hw_leave(ctx, p, tgid, tid);
	hw_clocked(p, began);
	return 0;
}

SEC("?uprobe") int hw_session(struct pt_regs *ctx)
{
	__u64 began = hw_clock();

	if (bpf_session_is_return())
		return hw_at_return(ctx, began);
	return hw_at_entry(ctx, began);
}

SEC("?uprobe") int hw_frees(struct pt_regs *ctx)
{
	__u64 began = hw_clock(), cookie = bpf_get_attach_cookie(ctx);
	__u64 addr = PT_REGS_PARM1(ctx), sp = PT_REGS_SP(ctx), link = HW_LINK(ctx);
	__u32 tgid, tid;
	struct hw_proc *p = hw_current(&tgid, &tid);

	if (!p)
		return 0;
	hw_entered(p, cookie);
	if (!hw_is_muted(p, HW_FN_FREE))
		hw_free(p, tgid, tid, addr, sp, link);
	hw_clocked(p, began);
	return 0;
}

SEC("?uprobe") int hw_entry(struct pt_regs *ctx)
{
	hw_at_entry(ctx, hw_clock());
	return 0;
}

SEC("?uretprobe") int hw_return(struct pt_regs *ctx)
{
	return hw_at_return(ctx, hw_clock());
}

char LICENSE[] SEC("license") = "GPL";
