/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decode.h: bytes from a ring (or a recording) to a checked record.  Nothing behind this layer
 * looks at a record that did not pass it.
 */
#ifndef WIRE_DECODE_H
#define WIRE_DECODE_H

#include <stddef.h>

#include "heapwatch/event.h"

/* A record, by its kind.  Points into the caller's bytes: valid as long as they are. */
union wire_event {
	const struct hw_hdr *hdr;
	const struct hw_stack *stack;
	const struct hw_alloc *alloc;
	const struct hw_free *free;
	const struct hw_realloc_begin *realloc_begin;
	const struct hw_realloc_end *realloc_end;
	const struct hw_vm_map *vm_map;
	const struct hw_vm_range *vm_range;
	const struct hw_vm_brk *vm_brk;
	const struct hw_vm_remap *vm_remap;
	const struct hw_vm_advise *vm_advise;
	const struct hw_proc_exec *exec;
	const struct hw_proc_exit *exit;
	const struct hw_proc_fork *fork;
	const struct hw_module *module;
	const struct hw_heap_touch *heap_touch;
	const struct hw_request *request;
	const struct hw_level *level;
	const struct hw_code *code;
};

/*
 * Check len bytes at data (8-byte aligned) as one record: known kind, size field equal to len and
 * to what the kind demands, frames and names within the record, user addresses below 2^48 where an
 * address stands, ranges that do not wrap, stack key not 0 in HW_STACK. Returns 0 and *ev; -EBADMSG
 * for anything else, -EINVAL for misaligned data.
 */
int wire_decode(const void *data, size_t len, union wire_event *ev);

/* "alloc", "free" ... for messages; "?" for what is not a kind. */
const char *wire_kind_name(unsigned int kind);

#endif
