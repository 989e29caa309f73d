// SPDX-License-Identifier: GPL-2.0
#include "store/fields.h"

#include <stdbool.h>
#include <string.h>

#include "model/report.h"
#include "store/words.h"

#define F(type, member, kind)                       \
	{                                           \
		offsetof(struct type, member), kind \
	}
#define LIST(name, list) const struct fields name = {list, sizeof(list) / sizeof(*(list))}

static const struct field report_list[] = {
    F(report, time_ns, FIELD_U64),
    F(report, elapsed_ns, FIELD_U64),
    F(report, last, FIELD_BOOL),
};

static const struct field process_list[] = {
    F(report_process, pid, FIELD_U32),
    F(report_process, start_time, FIELD_U64),
    F(report_process, comm, FIELD_NAME),
    F(report_process, exe, FIELD_NAME),
    F(report_process, exited, FIELD_BOOL),
    F(report_process, user_probes, FIELD_NAME),
    F(report_process, kernel_probes, FIELD_NAME),
    F(report_process, mode, FIELD_NAME),
    F(report_process, rss_bytes, FIELD_U64),
    F(report_process, shared_bytes, FIELD_U64),
    F(report_process, outstanding_bytes, FIELD_U64),
    F(report_process, outstanding_blocks, FIELD_U64),
    F(report_process, older_freed_bytes, FIELD_U64),
    F(report_process, older_freed_blocks, FIELD_U64),
    F(report_process, mapped_bytes, FIELD_U64),
    F(report_process, mapped_reserved_bytes, FIELD_U64),
    F(report_process, mapped_allocator_bytes, FIELD_U64),
    F(report_process, mapped_older_bytes, FIELD_U64),
    F(report_process, advised_bytes, FIELD_U64),
    F(report_process, unexplained_bytes, FIELD_U64),
    F(report_process, events, FIELD_U64),
    F(report_process, lost_events, FIELD_U64),
    F(report_process, probe_hits, FIELD_U64),
    F(report_process, repaired_blocks, FIELD_U64),
    F(report_process, inspection_age, FIELD_DOUBLE),
    F(report_process, inspection_time, FIELD_DOUBLE),
    F(report_process, sparse_pages, FIELD_U64),
    F(report_process, sparse_free_bytes, FIELD_U64),
    F(report_process, sites_total, FIELD_SIZE),
    F(report_process, hidden_bytes, FIELD_U64),
    F(report_process, stacks, FIELD_U64),
    F(report_process, allocated_blocks, FIELD_U64),
    F(report_process, overhead_percent, FIELD_DOUBLE),
    F(report_process, overhead_worst_percent, FIELD_DOUBLE),
    F(report_process, windows, FIELD_U64),
    F(report_process, ppid, FIELD_U32),
    F(report_process, status, FIELD_U32),
    F(report_process, seen_from, FIELD_NAME),
    F(report_process, late_ns, FIELD_U64),
    F(report_process, began_ns, FIELD_U64),
    F(report_process, ended_ns, FIELD_U64),
    F(report_process, unfollowed, FIELD_U64),
    F(report_process, peak_rss_bytes, FIELD_U64),
    F(report_process, pss_bytes, FIELD_U64),
    F(report_process, estimates, FIELD_TEXT),
    F(report_process, estimates_older, FIELD_DOUBLE),
};

static const struct field allocator_list[] = {
    F(report_allocator, name, FIELD_NAME),
    F(report_allocator, version, FIELD_TEXT),
    F(report_allocator, told, FIELD_BOOL),
    F(report_allocator, confidence, FIELD_NAME),
    F(report_allocator, system_bytes, FIELD_U64),
    F(report_allocator, in_use_bytes, FIELD_U64),
    F(report_allocator, free_bytes, FIELD_U64),
    F(report_allocator, tcache_bytes, FIELD_U64),
    F(report_allocator, resident_free_bytes, FIELD_U64),
    F(report_allocator, trimmable_bytes, FIELD_U64),
    F(report_allocator, mmapped_bytes, FIELD_U64),
    F(report_allocator, mmapped_blocks, FIELD_U64),
    F(report_allocator, searched, FIELD_TEXT),
    F(report_allocator, own_name, FIELD_TEXT),
    F(report_allocator, own_quality, FIELD_TEXT),
    F(report_allocator, own_held_bytes, FIELD_U64),
    F(report_allocator, own_in_use_bytes, FIELD_U64),
};

static const struct field arena_list[] = {
    F(report_arena, address, FIELD_U64),    F(report_arena, main, FIELD_BOOL),
    F(report_arena, threads, FIELD_U64),    F(report_arena, system, FIELD_U64),
    F(report_arena, max_system, FIELD_U64), F(report_arena, in_use, FIELD_U64),
    F(report_arena, free, FIELD_U64),	    F(report_arena, resident_free, FIELD_U64),
    F(report_arena, trimmable, FIELD_U64),  F(report_arena, confidence, FIELD_NAME),
};

static const struct field line_list[] = {
    F(report_line, what, FIELD_NAME),
    F(report_line, bytes, FIELD_U64), /* signed: the bits are kept */
    F(report_line, quality, FIELD_NAME),
};

static const struct field pinned_list[] = {
    F(report_pinned, bytes, FIELD_U64),
    F(report_pinned, pages, FIELD_U64),
    F(report_pinned, blocks, FIELD_TEXT),
};

static const struct field advice_list[] = {
    F(report_advice, what, FIELD_NAME),
    F(report_advice, gives_back_bytes, FIELD_U64),
    F(report_advice, how, FIELD_NAME),
};

static const struct field cut_list[] = {
    F(report_cut, reason, FIELD_NAME),
    F(report_cut, stacks, FIELD_U64),
    F(report_cut, allocated_blocks, FIELD_U64),
};

static const struct field tree_list[] = {
    F(report_tree, alive, FIELD_SIZE),
    F(report_tree, ended, FIELD_SIZE),
    F(report_tree, forgotten, FIELD_U64),
    F(report_tree, rss_bytes, FIELD_U64),
    F(report_tree, private_bytes, FIELD_U64),
    F(report_tree, outstanding_bytes, FIELD_U64),
    F(report_tree, outstanding_blocks, FIELD_U64),
    F(report_tree, held_bytes, FIELD_U64),
    F(report_tree, in_use_bytes, FIELD_U64),
    F(report_tree, peak_ns, FIELD_U64),
    F(report_tree, peak_private_bytes, FIELD_U64),
    F(report_tree, peak_rss_bytes, FIELD_U64),
    F(report_tree, peak_pss_bytes, FIELD_U64),
    F(report_tree, forgotten_bytes, FIELD_U64),
    F(report_tree, forgotten_blocks, FIELD_U64),
    F(report_tree, forgotten_lost, FIELD_U64),
};

static const struct field share_list[] = {
    F(report_share, pid, FIELD_U32),	       F(report_share, comm, FIELD_NAME),
    F(report_share, private_bytes, FIELD_U64), F(report_share, rss_bytes, FIELD_U64),
    F(report_share, pss_bytes, FIELD_U64),     F(report_share, outstanding_bytes, FIELD_U64),
    F(report_share, held_bytes, FIELD_U64),    F(report_share, in_use_bytes, FIELD_U64),
};

LIST(fields_report, report_list);
LIST(fields_tree, tree_list);
LIST(fields_share, share_list);
LIST(fields_process, process_list);
LIST(fields_allocator, allocator_list);
LIST(fields_arena, arena_list);
LIST(fields_line, line_list);
LIST(fields_pinned, pinned_list);
LIST(fields_advice, advice_list);
LIST(fields_cut, cut_list);

static uint64_t value_of(const struct field *f, const char *at, fields_number_fn number, void *arg)
{
	const char *text;
	uint64_t u64;
	uint32_t u32;
	size_t size;
	bool truth;

	switch ((enum field_kind)f->kind) {
	case FIELD_U32:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	case FIELD_SIZE:
		memcpy(&size, at, sizeof(size));
		return size;
	case FIELD_BOOL:
		memcpy(&truth, at, sizeof(truth));
		return truth;
	case FIELD_TEXT:
	case FIELD_NAME:
		memcpy(&text, at, sizeof(text));
		return number(arg, text || f->kind == FIELD_TEXT ? text : "");
	case FIELD_U64:
	case FIELD_DOUBLE:
		break;
	}
	memcpy(&u64, at, sizeof(u64));
	return u64;
}

void fields_put(const struct fields *f, const void *object, struct words *out,
		fields_number_fn number, void *arg)
{
	words__add(out, f->n);
	for (size_t i = 0; i < f->n; i++)
		words__add(out, value_of(&f->list[i], (const char *)object + f->list[i].offset,
					 number, arg));
}

static void set_value(const struct field *f, char *at, uint64_t word, struct words_reader *r,
		      fields_text_fn text, const void *arg)
{
	const char *s = NULL;
	uint32_t u32 = (uint32_t)word;
	size_t size = (size_t)word;
	bool truth = word == 1;

	switch ((enum field_kind)f->kind) {
	case FIELD_U64:
	case FIELD_DOUBLE:
		memcpy(at, &word, sizeof(word));
		return;
	case FIELD_U32:
		r->bad |= word > UINT32_MAX;
		memcpy(at, &u32, sizeof(u32));
		return;
	case FIELD_SIZE:
		memcpy(at, &size, sizeof(size));
		return;
	case FIELD_BOOL:
		r->bad |= word > 1;
		memcpy(at, &truth, sizeof(truth));
		return;
	case FIELD_TEXT:
	case FIELD_NAME:
		s = word ? text(arg, word) : NULL;
		r->bad |= !s && (word || f->kind == FIELD_NAME);
		memcpy(at, &s, sizeof(s));
		return;
	}
}

void fields_get(const struct fields *f, void *object, struct words_reader *r, fields_text_fn text,
		const void *arg)
{
	uint64_t n = words__take(r);

	for (uint64_t i = 0; i < n && !r->bad; i++) {
		uint64_t word = words__take(r);

		if (i < f->n)
			set_value(&f->list[i], (char *)object + f->list[i].offset, word, r, text,
				  arg);
	}
	/* Older recordings have fewer. */
	for (size_t i = n; i < f->n && !r->bad; i++)
		if (f->list[i].kind == FIELD_NAME)
			r->bad = true;
}
