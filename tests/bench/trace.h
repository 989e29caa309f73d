/* SPDX-License-Identifier: GPL-2.0 */
/* trace.h: a trace of malloc's calls, as tracer.c writes it.  Behind one whose
 * address is 0 it goes on with frees of all that lived to the end. */
#ifndef TESTS_TRACE_H
#define TESTS_TRACE_H

#include <stdint.h>

struct trace_record {
	uint64_t addr;
	uint32_t size; /* asked for, bytes; of a free: the block's signature (model/signature.h) */
	uint32_t site; /* of an allocation; 0: it is freed */
};

/* Such a site: no call, but what the block begins with is this by now (signature_content). */
#define TRACE_CONTENT 0xffffffffu

#endif
