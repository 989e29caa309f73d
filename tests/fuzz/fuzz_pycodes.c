// SPDX-License-Identifier: GPL-2.0
/* fuzz_pycodes: a code object's record and a word of a stack: names and lines of any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strpool.h"
#include "heapwatch/python.h"
#include "symbol/pycodes.h"
#include "symbol/pylines.h"
#include "wire/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

static void name(const struct hw_code *code, uint64_t unit)
{
	struct strpool *strings = strpool__new();
	struct pycodes *p = pycodes__new(strings);
	struct pycode out;

	must(!pycodes__add(p, code));
	must(!pycodes__find(p, HW_PC_PYTHON | unit << HW_PC_UNIT_SHIFT | code->code, &out));
	must(!out.function == !code->name_size && !out.file == !code->file_size);
	pycodes__free(p);
	strpool__free(strings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t where[2];
	union wire_event ev;
	struct hw_code *code;

	if (size < sizeof(where))
		return 0;
	memcpy(where, data, sizeof(where));
	data += sizeof(where);
	size -= sizeof(where);
	for (unsigned int minor = 9; minor < 14; minor++)
		pylines_find(minor, data, size, where[0], where[1]);
	/* A record: what is missing of its head is 0. */
	if (size > 4096)
		return 0;
	code = calloc(1, sizeof(*code) + 4096);
	must(code != NULL);
	memcpy(code, data, size);
	if (size < sizeof(*code))
		size = sizeof(*code);
	code->hdr.kind = HW_CODE;
	code->hdr.size = (uint16_t)size;
	code->code &= HW_PC_CODE_MASK;
	code->name_kind = (uint8_t)(1 << code->name_kind % 3);
	code->file_kind = (uint8_t)(1 << code->file_kind % 3);
	if (!wire_decode(code, size, &ev))
		name(ev.code, where[0] & HW_PC_UNIT_MAX);
	free(code);
	return 0;
}
