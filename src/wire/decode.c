// SPDX-License-Identifier: GPL-2.0
#include "wire/decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "heapwatch/python.h"

#define USER_END (1ull << 48)

static const struct {
	const char *name;
	uint16_t size;
} kinds[HW_KIND_END] = {
    [HW_STACK] = {"stack", sizeof(struct hw_stack)},
    [HW_ALLOC] = {"alloc", sizeof(struct hw_alloc)},
    [HW_FREE] = {"free", sizeof(struct hw_free)},
    [HW_REALLOC_BEGIN] = {"realloc_begin", sizeof(struct hw_realloc_begin)},
    [HW_REALLOC_END] = {"realloc_end", sizeof(struct hw_realloc_end)},
    [HW_VM_MAP] = {"vm_map", sizeof(struct hw_vm_map)},
    [HW_VM_UNMAP] = {"vm_unmap", sizeof(struct hw_vm_range)},
    [HW_VM_UNMAP_FAIL] = {"vm_unmap_fail", sizeof(struct hw_vm_range)},
    [HW_VM_BRK] = {"vm_brk", sizeof(struct hw_vm_brk)},
    [HW_VM_REMAP_BEGIN] = {"vm_remap_begin", sizeof(struct hw_vm_range)},
    [HW_VM_REMAP_END] = {"vm_remap_end", sizeof(struct hw_vm_remap)},
    [HW_VM_ADVISE] = {"vm_advise", sizeof(struct hw_vm_advise)},
    [HW_PROC_EXEC] = {"proc_exec", sizeof(struct hw_proc_exec)},
    [HW_PROC_EXIT] = {"proc_exit", sizeof(struct hw_proc_exit)},
    [HW_LEVEL] = {"level", sizeof(struct hw_level)},
    [HW_CODE] = {"code", sizeof(struct hw_code)},
    [HW_MODULE] = {"module", sizeof(struct hw_module)},
    [HW_HEAP_TOUCH] = {"heap_touch", sizeof(struct hw_heap_touch)},
    [HW_REQUEST] = {"request", sizeof(struct hw_request)},
    [HW_PROC_FORK] = {"proc_fork", sizeof(struct hw_proc_fork)},
};

static bool is_block(uint64_t addr)
{
	return addr && addr < USER_END;
}

static bool is_range(uint64_t addr, uint64_t len)
{
	return addr < USER_END && len <= USER_END - addr;
}

static bool is_stack(const struct hw_stack *s, size_t len)
{
	return s->stack && s->nframes <= HW_MAX_FRAMES &&
	       len == sizeof(*s) + s->nframes * sizeof(s->pc[0]);
}

static bool is_text(unsigned int size, unsigned int kind, unsigned int room)
{
	return (kind == 1 || kind == 2 || kind == 4) && size <= room && size % kind == 0;
}

static bool is_code(const struct hw_code *c, size_t len)
{
	return c->code <= HW_PC_CODE_MASK && c->table_size <= len - sizeof(*c) &&
	       is_text(c->name_size, c->name_kind, HW_CODE_NAME) &&
	       is_text(c->file_size, c->file_kind, HW_CODE_FILE);
}

static bool is_remap(const struct hw_vm_remap *r)
{
	return is_range(r->old_addr, r->old_len) && is_range(r->addr, r->len);
}

/* malloc/malloc.c: chunks are of 32 bytes at least, and all begin at multiples of 16. */
static bool is_touch(const struct hw_heap_touch *e)
{
	return e->start && e->end < USER_END && e->start < e->end && e->end - e->start >= 32 &&
	       !(e->start & 15) && !(e->end & 15) && e->pages && e->faults;
}

/* No smaller ones come by there. */
static bool is_request(const struct hw_request *e)
{
	return e->chunk > HW_CACHED_CHUNK_MAX && e->chunk < USER_END && !(e->chunk & 15);
}

static bool well_formed(const union wire_event *ev, size_t len)
{
	unsigned int kind = ev->hdr->kind;

	if (kind == HW_STACK)
		return len >= kinds[kind].size && is_stack(ev->stack, len);
	if (kind == HW_CODE)
		return len >= kinds[kind].size && is_code(ev->code, len);
	if (len != kinds[kind].size)
		return false;
	switch (kind) {
	case HW_ALLOC:
		return is_block(ev->alloc->addr);
	case HW_FREE:
		return is_block(ev->free->addr);
	case HW_REALLOC_BEGIN:
		return is_block(ev->realloc_begin->addr);
	case HW_REALLOC_END:
		return is_block(ev->realloc_end->old_addr) && ev->realloc_end->addr < USER_END;
	case HW_VM_MAP:
		return is_range(ev->vm_map->addr, ev->vm_map->len);
	case HW_VM_UNMAP:
	case HW_VM_UNMAP_FAIL:
	case HW_VM_REMAP_BEGIN:
		return is_range(ev->vm_range->addr, ev->vm_range->len);
	case HW_VM_BRK:
		return ev->vm_brk->brk < USER_END;
	case HW_HEAP_TOUCH:
		return is_touch(ev->heap_touch);
	case HW_REQUEST:
		return is_request(ev->request);
	case HW_VM_REMAP_END:
		return is_remap(ev->vm_remap);
	case HW_PROC_EXEC:
		return !ev->exec->comm[HW_COMM - 1] && !ev->exec->path[HW_EXEC_PATH - 1];
	case HW_PROC_FORK:
		return ev->fork->child && ev->fork->child != ev->hdr->tgid;
	case HW_MODULE:
		return ev->module->len && is_range(ev->module->addr, ev->module->len);
	case HW_VM_ADVISE:
		return is_range(ev->vm_advise->addr, ev->vm_advise->len);
	case HW_LEVEL:
		return ev->level->seen <= HW_SEEN_NONE && ev->level->window <= 1 &&
		       ev->level->requests <= 1;
	}
	return true;
}

int wire_decode(const void *data, size_t len, union wire_event *ev)
{
	const struct hw_hdr *h = data;

	if ((uintptr_t)data & 7)
		return -EINVAL;
	ev->hdr = h;
	if (len < sizeof(*h) || h->size != len || h->kind >= HW_KIND_END || !kinds[h->kind].size ||
	    !well_formed(ev, len))
		return -EBADMSG;
	return 0;
}

const char *wire_kind_name(unsigned int kind)
{
	return kind < HW_KIND_END && kinds[kind].name ? kinds[kind].name : "?";
}
