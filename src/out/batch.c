// SPDX-License-Identifier: GPL-2.0
#include "out/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* ---- text ---- */

static void write_head(FILE *f, const struct machine *m)
{
	char a[MACHINE_CELL], b[MACHINE_CELL], c[MACHINE_CELL], d[MACHINE_CELL];

	fprintf(f, "heapwatch: %zu processes, %u kernel threads, load %.2f %.2f %.2f\n",
		m->nprocesses - m->kernel_threads, m->kernel_threads, m->load[0], m->load[1],
		m->load[2]);
	fprintf(
	    f, "memory: %s, %s available; held by processes: %s, each page once (RSS sums to %s)\n",
	    machine_bytes_text(a, (double)m->memory.total),
	    machine_bytes_text(b, (double)m->memory.available),
	    machine_bytes_text(c, (double)m->held), machine_bytes_text(d, (double)m->rss_sum));
	fprintf(f, "malloc: %s in %u processes, %s in use",
		machine_bytes_text(a, (double)m->heap_system_sum), m->heaps_known,
		machine_bytes_text(b, (double)m->heap_in_use_sum));
	if (m->heaps_pending)
		fprintf(f, ", %u not looked at yet", m->heaps_pending);
	if (m->heaps_denied)
		fprintf(f, ", %u may not be read", m->heaps_denied);
	fprintf(f, "\nkernel side: %s", m->events[0] ? m->events : "none");
	if (!m->events[0] && m->events_reason[0])
		fprintf(f, ", %s", m->events_reason);
	fprintf(f, "; heapwatch: %.1f%% CPU, %s%s\n\n", 100 * m->self.cpu,
		machine_bytes_text(a, (double)m->self.rss),
		m->hidden ? "; others' processes are hidden" : "");
}

static void write_cell(FILE *f, const struct machine_column_info *info, const char *text, bool last)
{
	if (!info->width)
		fprintf(f, "%s%s", text, last ? "" : "  ");
	else if (info->kind == COLUMN_IS_TEXT)
		fprintf(f, "%-*.*s ", info->width, info->width, text);
	else
		fprintf(f, "%*s ", info->width, text);
}

static void write_row(FILE *f, const struct batch *b, const struct machine_row *row)
{
	const struct machine_process *p = row->process;
	char text[MACHINE_CELL];

	for (size_t i = 0; i < b->columns.n; i++) {
		enum machine_column c = b->columns.v[i];
		const struct machine_column_info *info = machine_column_info(c);
		bool last = i + 1 == b->columns.n;

		if (c == COLUMN_COMMAND && row->depth)
			fprintf(f, "%*s", 2 * (int)row->depth, "");
		if (row->group && c == COLUMN_PID)
			fprintf(f, "%*u ", info->width, row->members);
		else if (c == COLUMN_COMMAND && !p->cmdline[0])
			fprintf(f, "[%s]%s", p->comm, last ? "" : "  ");
		else
			write_cell(f, info, machine_column_text(c, p, text), last);
	}
	fputc('\n', f);
}

static void write_text(FILE *f, const struct batch *b, const struct machine *m,
		       const struct machine_rows *rows)
{
	write_head(f, m);
	for (size_t i = 0; i < b->columns.n; i++) {
		const struct machine_column_info *info = machine_column_info(b->columns.v[i]);

		write_cell(f, info, info->title, i + 1 == b->columns.n);
	}
	fputc('\n', f);
	for (size_t i = 0; i < machine_rows__count(rows); i++)
		write_row(f, b, machine_rows__at(rows, i));
	fputc('\n', f);
}

/* ---- CSV: RFC 4180 ---- */

static void write_csv_text(FILE *f, const char *s)
{
	if (!strpbrk(s, "\",\n\r")) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* Whole numbers as such; an unknown one is an empty field. */
static void write_csv_value(FILE *f, enum machine_column c, const struct machine_process *p)
{
	struct machine_value v = machine_column_value(c, p);
	enum machine_column_kind kind = machine_column_info(c)->kind;

	if (v.text)
		write_csv_text(f, v.text);
	else if (v.quality != MACHINE_UNKNOWN)
		fprintf(f, kind == COLUMN_IS_RATE || kind == COLUMN_IS_PERCENT ? "%.3f" : "%.0f",
			v.number);
}

static void write_csv(FILE *f, const struct batch *b, const struct machine *m,
		      const struct machine_rows *rows)
{
	if (b->heading) {
		fputs("time", f);
		for (size_t i = 0; i < b->columns.n; i++)
			fprintf(f, ",%s", machine_column_info(b->columns.v[i])->name);
		fputs("\r\n", f);
	}
	for (size_t i = 0; i < machine_rows__count(rows); i++) {
		fprintf(f, "%" PRIu64 ".%03" PRIu64, m->time_ns / 1000000000,
			m->time_ns / 1000000 % 1000);
		for (size_t k = 0; k < b->columns.n; k++) {
			fputc(',', f);
			write_csv_value(f, b->columns.v[k], machine_rows__at(rows, i)->process);
		}
		fputs("\r\n", f);
	}
}

/* ---- JSON ---- */

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

struct field {
	const char *key;
	uint64_t value;
};

static void set_fields(json_t *o, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, fields[i].key, count(fields[i].value));
}

#define SET(o, fields) set_fields(o, fields, sizeof(fields) / sizeof(*(fields)))

static const char *quality(enum machine_quality q)
{
	return q == MACHINE_EXACT ? "exact" : q == MACHINE_ESTIMATED ? "estimated" : "unknown";
}

static json_t *heap(const struct machine_process *p)
{
	const struct machine_heap *h = &p->heap;
	const struct field held[] = {
	    {"system_bytes", h->system},
	    {"top_bytes", h->top},
	    {"mmapped_bytes", h->mmapped},
	    {"arenas", h->arenas},
	    {"in_use_bytes", h->in_use},
	    {"free_bytes", h->free},
	    {"mapped_otherwise_bytes", p->mapped_otherwise},
	};
	json_t *o = json_pack("{ss ss}", "held", quality(h->held), "quality", quality(h->quality));

	if (h->held != MACHINE_UNKNOWN)
		SET(o, held);
	if (h->resident != MACHINE_UNKNOWN)
		json_object_set_new(o, "free_resident_bytes", count(h->free_resident));
	if (h->age_ns != UINT64_MAX)
		json_object_set_new(o, "age_seconds", json_real((double)h->age_ns / 1e9));
	return o;
}

static json_t *events(const struct machine_process *p)
{
	const struct field fields[] = {
	    {"brks", p->events.brks},
	    {"mmaps", p->events.mmaps},
	    {"munmaps", p->events.munmaps},
	    {"mapped_bytes", p->events.mapped_bytes},
	    {"unmapped_bytes", p->events.unmapped_bytes},
	};
	json_t *o = json_pack("{sf sf sf}", "brk_per_second", p->events.brk_rate, "mmap_per_second",
			      p->events.mmap_rate, "munmap_per_second", p->events.munmap_rate);

	SET(o, fields);
	return o;
}

static json_t *process(const struct machine_process *p)
{
	char state[2] = {p->state, 0};
	const struct field fields[] = {
	    {"pid", p->pid},
	    {"ppid", p->ppid},
	    {"start_time", p->start_time},
	    {"uid", p->uid},
	    {"threads", p->threads},
	    {"rss_bytes", p->rss},
	    {"shared_bytes", p->shared},
	    {"swap_bytes", p->swap},
	};
	json_t *o = json_pack("{ss ss ss ss ss ss ss ss}", "user", p->user, "comm", p->comm,
			      "cmdline", p->cmdline, "exe", p->exe, "cgroup", p->cgroup, "unit",
			      p->unit, "allocator", p->allocator, "callsite", p->callsite);

	if (!o)
		return NULL;
	SET(o, fields);
	/* A letter of the kernel's. */
	json_object_set_new(o, "state", json_string(state));
	json_object_set_new(o, "kernel_thread", json_boolean(p->flags & MACHINE_KERNEL_THREAD));
	json_object_set_new(o, "unreadable", json_boolean(p->flags & MACHINE_UNREADABLE));
	json_object_set_new(o, "watched", json_boolean(p->flags & MACHINE_WATCHED));
	json_object_set_new(o, "container", json_boolean(p->flags & MACHINE_CONTAINER));
	if (p->has_pss)
		json_object_set_new(o, "pss_bytes", count(p->pss));
	if (p->has_growth)
		json_object_set_new(o, "growth_bytes_per_minute",
				    json_integer((json_int_t)p->growth));
	json_object_set_new(o, "heap", heap(p));
	if (p->has_events)
		json_object_set_new(o, "events", events(p));
	if (p->callsite_bytes)
		json_object_set_new(o, "callsite_bytes", count(p->callsite_bytes));
	return o;
}

static json_t *totals(const struct machine *m)
{
	const struct field memory[] = {
	    {"total_bytes", m->memory.total},	      {"free_bytes", m->memory.free},
	    {"available_bytes", m->memory.available}, {"buffers_bytes", m->memory.buffers},
	    {"cached_bytes", m->memory.cached},	      {"swap_total_bytes", m->memory.swap_total},
	    {"swap_free_bytes", m->memory.swap_free}, {"anonymous_bytes", m->memory.anon},
	    {"mapped_bytes", m->memory.mapped},
	};
	const struct field sums[] = {
	    {"held_bytes", m->held},
	    {"rss_sum_bytes", m->rss_sum},
	    {"swap_sum_bytes", m->swap_sum},
	    {"heap_system_bytes", m->heap_system_sum},
	    {"heap_in_use_bytes", m->heap_in_use_sum},
	    {"heap_free_bytes", m->heap_free_sum},
	    {"heaps_known", m->heaps_known},
	    {"heaps_pending", m->heaps_pending},
	    {"heaps_denied", m->heaps_denied},
	    {"processes_total", m->nprocesses},
	    {"kernel_threads", m->kernel_threads},
	    {"threads", m->threads},
	    {"running", m->running},
	};
	json_t *o = json_pack("{si sf sI ss ss sb s{sf sI}}", "version", 1, "time",
			      (double)m->time_ns / 1e9, "tick", (json_int_t)m->tick, "events",
			      m->events, "events_reason", m->events_reason, "hidden", m->hidden,
			      "self", "cpu", m->self.cpu, "rss_bytes", (json_int_t)m->self.rss);
	json_t *mem = json_object();

	SET(mem, memory);
	if (o)
		SET(o, sums);
	json_object_set_new(o, "memory", mem);
	return o;
}

static int write_json(FILE *f, const struct machine *m, const struct machine_rows *rows)
{
	json_t *o = totals(m), *list = json_array();
	int err = o ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < machine_rows__count(rows); i++)
		if (json_array_append_new(list, process(machine_rows__at(rows, i)->process)))
			err = -ENOMEM;
	json_object_set_new(o, "processes", list);
	if (!err && (json_dumpf(o, f, JSON_COMPACT) || fputc('\n', f) == EOF))
		err = -EIO;
	json_decref(o);
	return err;
}

int batch_write(FILE *f, const struct batch *b, const struct machine *m,
		const struct machine_rows *rows)
{
	int err = 0;

	if (b->format == BATCH_JSON)
		err = write_json(f, m, rows);
	else if (b->format == BATCH_CSV)
		write_csv(f, b, m, rows);
	else
		write_text(f, b, m, rows);
	if (!err && (fflush(f) || ferror(f)))
		err = -EIO;
	return err;
}
