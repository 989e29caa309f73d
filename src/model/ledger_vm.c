// SPDX-License-Identifier: GPL-2.0
/* ledger_vm.c: what records of mappings mean. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger_parts.h"

#define PAGE_MASK 4095ull

static uint64_t whole_pages(uint64_t len)
{
	return (len + PAGE_MASK) & ~PAGE_MASK;
}

static enum mapping_owner owner_of(uint32_t flags)
{
	if (flags & HW_VM_NOACCESS)
		return MAPPING_RESERVED;
	return flags & HW_VM_IN_ALLOC ? MAPPING_ALLOCATOR : MAPPING_PROGRAM;
}

static void mapped(struct ledger *l, enum mapping_owner owner, uint32_t site, uint64_t bytes,
		   uint64_t extents)
{
	if (owner == MAPPING_PROGRAM)
		sites__allocated(l->sites, site, REPORT_MAP, bytes, extents);
}

static void uncross(void *arg, const struct crossing *c)
{
	if (c->settled)
		ledger_unsettle_site(arg, c->site);
}

static void lose(struct ledger *l, uint64_t addr, uint64_t len)
{
	crossings_lose(&l->crossings, addr, addr + len, uncross, l);
}

static int on_vm_map(struct ledger *l, const struct hw_vm_map *e)
{
	enum mapping_owner owner = owner_of(e->flags);
	uint32_t site = sites__find(l->sites, e->stack);
	uint64_t len = whole_pages(e->len);
	int err;

	lose(l, e->addr, len);
	if (e->flags & (HW_VM_FILE | HW_VM_SHARED))
		return mappings__remove(l->mappings, e->addr, len);
	err = mappings__add(l->mappings, e->addr, len, owner, site);
	if (!err)
		mapped(l, owner, site, len, 1);
	if (!err && owner == MAPPING_PROGRAM && l->seen.ever_less)
		err = crossings_map(&l->crossings, e->addr, len, site);
	return err;
}

static int on_vm_brk(struct ledger *l, const struct hw_vm_brk *e)
{
	uint64_t old = whole_pages(l->brk), brk = whole_pages(e->brk);
	uint32_t site = sites__find(l->sites, e->stack);
	enum mapping_owner owner = owner_of(e->flags & HW_VM_IN_ALLOC);
	int err = mappings__brk(l->mappings, e->brk, owner, site);

	if (err)
		return err;
	if (l->brk && brk > old)
		mapped(l, owner, site, brk - old, 1);
	if (brk < old)
		lose(l, brk, old - brk);
	l->brk = e->brk;
	return 0;
}

/* Where all are seen nobody stands for others, but those that the attach came into. */
static int on_heap_touch(struct ledger *l, const struct hw_heap_touch *e)
{
	if (!l->seen.ever_less)
		return 0;
	return crossings_touch(&l->crossings, e, sites__find(l->sites, e->stack), uncross, l);
}

struct listing {
	struct ledger *ledger;
	ledger_leave_fn leave;
	void *arg;
	struct crossing *out;
	size_t n;
};

static int list(void *arg, struct crossing *c)
{
	struct listing *to = arg;
	int err = c->settled ? 0 : ledger_settle_site(to->ledger, &c->site, to->leave, to->arg);

	c->settled |= !err;

	to->out[to->n++] = *c;
	return err;
}

int ledger__crossings(struct ledger *l, ledger_leave_fn leave, void *arg, struct crossing **out,
		      size_t *n)
{
	struct listing to = {.ledger = l, .leave = leave, .arg = arg};
	int err;

	*out = NULL;
	*n = 0;
	if (!l->crossings.n)
		return 0;
	to.out = calloc(l->crossings.n, sizeof(*to.out));
	if (!to.out)
		return -ENOMEM;
	err = crossings_each(&l->crossings, list, &to);
	if (err) {
		free(to.out);
		return err;
	}
	*out = to.out;
	*n = to.n;
	return 0;
}

uint32_t ledger__crossed(const struct ledger *l)
{
	return l->crossings.changes;
}

/*
 * Only remembers: the range is moved at the END.  If another thread maps the vacated range before
 * that END is written, its new mapping is taken for the old one and moved away.  The window is
 * the return path of one system call, and only bytes by site are wrong, until that is unmapped.
 */
static int on_vm_remap_begin(struct ledger *l, const struct hw_vm_range *e)
{
	struct pending_call p, fresh = {.tid = e->tid, .kind = PENDING_REMAP, .addr = e->addr};

	if (pending__take(l->pending, fresh.tid, fresh.kind, &p))
		ledger_settle(l, &p);
	if (pending__reserve(l->pending))
		return -ENOMEM;
	pending__put(l->pending, &fresh);
	return 0;
}

static int on_vm_remap_end(struct ledger *l, const struct hw_vm_remap *e)
{
	uint64_t old_len = whole_pages(e->old_len), len = whole_pages(e->len);
	enum mapping_owner owner = owner_of(e->flags & HW_VM_IN_ALLOC);
	struct pending_call p;
	struct mapping from;
	int err;

	if (!pending__take(l->pending, e->tid, PENDING_REMAP, &p) || p.addr != e->old_addr)
		l->unsettled++;
	if (!e->addr)
		return 0;
	lose(l, e->old_addr, old_len);
	lose(l, e->addr, len);
	/* What is not known is a file's, or shared, and stays uncounted, growth included. */
	if (!mappings__find(l->mappings, e->old_addr + old_len - 1, &from) &&
	    !mappings__find(l->mappings, e->old_addr, &from)) {
		err = mappings__remove(l->mappings, e->addr, len);
		if (err || e->flags & HW_VM_DONTUNMAP)
			return err;
		return mappings__remove(l->mappings, e->old_addr, old_len);
	}
	if (e->flags & HW_VM_DONTUNMAP) {
		err = mappings__add(l->mappings, e->addr, len, from.owner, from.site);
		if (!err)
			mapped(l, from.owner, from.site, len, 1);
		return err;
	}
	err = mappings__move(l->mappings, e->old_addr, old_len, e->addr, len, owner,
			     sites__find(l->sites, e->stack));
	if (!err && len > old_len)
		mapped(l, from.owner, from.site, len - old_len, 0);
	/* As realloc does it: whose block it is from here on. */
	if (!err && owner == MAPPING_PROGRAM && l->seen.ever_less)
		err = crossings_map(&l->crossings, e->addr, len, sites__find(l->sites, e->stack));
	return err;
}

int ledger_vm_apply(struct ledger *l, const union wire_event *ev)
{
	switch (ev->hdr->kind) {
	case HW_VM_MAP:
		return on_vm_map(l, ev->vm_map);
	case HW_VM_UNMAP:
		lose(l, ev->vm_range->addr, whole_pages(ev->vm_range->len));
		return mappings__remove(l->mappings, ev->vm_range->addr,
					whole_pages(ev->vm_range->len));
	case HW_VM_UNMAP_FAIL:
		l->unsettled++;
		return 0;
	case HW_VM_BRK:
		return on_vm_brk(l, ev->vm_brk);
	case HW_VM_REMAP_BEGIN:
		return on_vm_remap_begin(l, ev->vm_range);
	case HW_VM_REMAP_END:
		return on_vm_remap_end(l, ev->vm_remap);
	case HW_VM_ADVISE:
		l->advised_bytes += whole_pages(ev->vm_advise->len);
		crossings_empty(&l->crossings, ev->vm_advise->addr,
				ev->vm_advise->addr + whole_pages(ev->vm_advise->len), uncross, l);
		return 0;
	case HW_HEAP_TOUCH:
		return on_heap_touch(l, ev->heap_touch);
	}
	return 0;
}
