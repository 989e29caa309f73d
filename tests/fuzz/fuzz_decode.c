// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_decode: bytes as records.  The input is a row of records, each after a byte that says how
 * many words it has; what passes the decoder is applied to the ledgers of a process and of its
 * children, whose sums must hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/processes.h"
#include "wire/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

static void feed(struct processes *ps, const uint8_t *data, size_t len)
{
	/* Of that very size, so that ASan sees a read behind the end. */
	void *record = malloc(len ? len : 1);
	union wire_event ev;
	int err;

	must(record != NULL);
	memcpy(record, data, len);
	if (len >= 4) {
		/* Mostly of the process that is watched, or nothing is tried behind the decoder. */
		uint32_t tgid = 1 + (data[0] > 250);

		memcpy(record, &tgid, sizeof(tgid));
	}
	err = wire_decode(record, len, &ev);
	if (!err) {
		must(ev.hdr->size == len && wire_kind_name(ev.hdr->kind)[0] != '?');
		must(ev.hdr->kind != HW_STACK ||
		     len == sizeof(struct hw_stack) + ev.stack->nframes * 8u);
	}
	processes__apply(ps, record, len);
	free(record);
}

static void check(const struct process *p)
{
	uint64_t bytes = 0, blocks = 0, mapped = 0;
	struct snapshot *s;

	must(p != NULL && !p->ledger == p->exited);
	if (p->exited)
		return;
	s = ledger__snapshot(p->ledger, 0, 0);
	must(s != NULL);
	for (size_t i = 0; i < s->nsites; i++) {
		if (s->sites[i].kind == REPORT_MAP) {
			mapped += s->sites[i].bytes;
			continue;
		}
		bytes += s->sites[i].bytes;
		blocks += s->sites[i].blocks;
	}
	must(bytes == s->outstanding_bytes && blocks == s->outstanding_blocks);
	must(mapped == s->mappings.bytes[MAPPING_PROGRAM]);
	snapshot__free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct processes *ps = processes__new();
	struct ledger *l = ledger__new(0);
	uint32_t id;

	must(ps && l && !processes__add(ps, 1, l, &id));
	while (size) {
		size_t len = data[0] % 80 * 8u;

		data++;
		size--;
		if (len > size)
			len = size;
		feed(ps, data, len);
		data += len;
		size -= len;
	}
	for (id = 1; id <= processes__last(ps); id++)
		check(processes__get(ps, id));
	processes__free(ps);
	return 0;
}
