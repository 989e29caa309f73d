/* SPDX-License-Identifier: GPL-2.0 */
/* trace.h: a trace of malloc's calls, as tracer.c writes it. */
#ifndef TESTS_TRACE_H
#define TESTS_TRACE_H

#include <stdint.h>

struct trace_record {
	uint64_t addr;
	uint32_t size; /* asked for, bytes */
	uint32_t site; /* never 0 of an allocation; 0: it is freed */
};

#endif
