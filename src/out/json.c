// SPDX-License-Identifier: GPL-2.0
#include "out/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/report.h"
#include "out/json_parts.h"

/* The version of the document's shape: keys are added without a new one, never changed. */
#define JSON_VERSION 1

/* jansson refuses what is not UTF-8, and a path may be anything. */
static json_t *text(const char *s)
{
	size_t len;
	json_t *j;
	char *buf;

	if (!s)
		return json_null();
	len = 3 * strlen(s) + 1;
	buf = malloc(len);
	j = buf ? json_string(utf8_clean(buf, len, s)) : NULL;
	free(buf);
	return j;
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *frame(const struct report_frame *f)
{
	return json_pack("{so so so so so so}", "function", text(f->function), "file",
			 text(f->file), "line", f->line ? count(f->line) : json_null(), "module",
			 text(f->module), "offset", count(f->offset), "pc", count(f->pc));
}

json_t *json_frames(const struct report_frame *frames, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, frame(&frames[i]));
	return list;
}

json_t *json_text(const char *s)
{
	return text(s);
}

static json_t *real(const struct report_growth *g, double figure)
{
	return g->known ? json_real(figure) : json_null();
}

static void set_growth(json_t *o, const char *of, const struct report_growth *g)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_bytes_per_minute", of);
	json_object_set_new(o, key, real(g, g->per_minute));
	snprintf(key, sizeof(key), "%s_error_bytes_per_minute", of);
	json_object_set_new(o, key, real(g, g->error));
}

static json_t *site(const struct report_site *s)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < s->nframes; i++)
		json_array_append_new(frames, frame(&s->frames[i]));
	json_t *o = json_pack(
	    "{ss so so so so sb so so sb so so}", "kind", s->kind == REPORT_HEAP ? "heap" : "map",
	    "bytes", count(s->bytes), "blocks", count(s->blocks), "allocated_bytes",
	    count(s->allocated_bytes), "allocated_blocks", count(s->allocated_blocks), "truncated",
	    s->truncated, "truncated_reason", text(s->truncated ? s->reason : NULL), "frames",
	    frames, "estimated", s->estimated, "bytes_low", count(s->estimated ? s->low : s->bytes),
	    "bytes_high", count(s->estimated ? s->high : s->bytes));

	set_growth(o, "growth", &s->growth);
	json_object_set_new(o, "growth_seconds", real(&s->growth, s->growth.seconds));
	json_object_set_new(o, "growing", json_boolean(s->growth.growing));
	json_object_set_new(o, "replacing", json_boolean(s->growth.replacing));
	return o;
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

static json_t *arena(const struct report_arena *a)
{
	const struct field fields[] = {
	    {"address", a->address},
	    {"threads", a->threads},
	    {"system_bytes", a->system},
	    {"max_system_bytes", a->max_system},
	    {"in_use_bytes", a->in_use},
	    {"free_bytes", a->free},
	    {"resident_free_bytes", a->resident_free},
	    {"trimmable_bytes", a->trimmable},
	};
	json_t *o = json_pack("{sb ss}", "main", a->main, "confidence", a->confidence);

	SET(o, fields);
	return o;
}

/* Figures that are not known are left out: a 0 would be one. */
static json_t *allocator(const struct report_allocator *a)
{
	const struct field fields[] = {
	    {"system_bytes", a->system_bytes},
	    {"in_use_bytes", a->in_use_bytes},
	    {"free_bytes", a->free_bytes},
	    {"tcache_bytes", a->tcache_bytes},
	    {"resident_free_bytes", a->resident_free_bytes},
	    {"trimmable_bytes", a->trimmable_bytes},
	    {"mmapped_bytes", a->mmapped_bytes},
	    {"mmapped_blocks", a->mmapped_blocks},
	};
	json_t *o = json_pack("{so so ss}", "name", text(a->name), "version", text(a->version),
			      "confidence", a->confidence);
	json_t *arenas = json_array();

	if (a->told)
		SET(o, fields);
	for (size_t i = 0; i < a->narenas; i++)
		json_array_append_new(arenas, arena(&a->arenas[i]));
	json_object_set_new(o, "arenas", arenas);
	if (a->own_quality)
		json_object_set_new(o, "own",
				    json_pack("{so so sI sI}", "name", text(a->own_name), "quality",
					      text(a->own_quality), "held_bytes",
					      (json_int_t)a->own_held_bytes, "in_use_bytes",
					      (json_int_t)a->own_in_use_bytes));
	if (a->searched)
		json_object_set_new(o, "searched", text(a->searched));
	return o;
}

static json_t *waterfall(const struct report_process *p)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < p->nlines; i++)
		json_array_append_new(lines, json_pack("{ss sI ss}", "what", p->waterfall[i].what,
						       "bytes", (json_int_t)p->waterfall[i].bytes,
						       "quality", p->waterfall[i].quality));
	return lines;
}

static json_t *pinned(const struct report_process *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->npinned; i++) {
		const struct report_pinned *from = &p->pinned[i];
		json_t *frames = json_array();

		for (size_t k = 0; k < from->nframes; k++)
			json_array_append_new(frames, frame(&from->frames[k]));
		json_array_append_new(list, json_pack("{so so so so}", "bytes", count(from->bytes),
						      "pages", count(from->pages), "blocks",
						      text(from->blocks), "frames", frames));
	}
	return list;
}

static json_t *advice(const struct report_process *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nadvice; i++)
		json_array_append_new(list, json_pack("{so so so}", "what", text(p->advice[i].what),
						      "gives_back_bytes",
						      count(p->advice[i].gives_back_bytes), "how",
						      text(p->advice[i].how)));
	return list;
}

static json_t *cuts(const struct report_process *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->ncuts; i++)
		json_array_append_new(list,
				      json_pack("{ss so so}", "reason", p->cuts[i].reason, "stacks",
						count(p->cuts[i].stacks), "allocated_blocks",
						count(p->cuts[i].allocated_blocks)));
	return list;
}

static json_t *tree(const struct report_tree *t)
{
	const struct field fields[] = {
	    {"alive", t->alive},
	    {"ended", t->ended},
	    {"forgotten", t->forgotten},
	    {"forgotten_outstanding_bytes", t->forgotten_bytes},
	    {"forgotten_outstanding_blocks", t->forgotten_blocks},
	    {"forgotten_lost_events", t->forgotten_lost},
	    {"rss_bytes", t->rss_bytes},
	    {"private_bytes", t->private_bytes},
	    {"outstanding_bytes", t->outstanding_bytes},
	    {"outstanding_blocks", t->outstanding_blocks},
	    {"held_bytes", t->held_bytes},
	    {"in_use_bytes", t->in_use_bytes},
	};
	const struct field at_peak[] = {
	    {"private_bytes", t->peak_private_bytes},
	    {"rss_bytes", t->peak_rss_bytes},
	};
	json_t *o = json_object(), *peak = json_object(), *shares = json_array();

	SET(o, fields);
	SET(peak, at_peak);
	json_object_set_new(peak, "seconds", json_real((double)t->peak_ns / 1e9));
	json_object_set_new(peak, "pss_bytes",
			    t->peak_pss_bytes ? count(t->peak_pss_bytes) : json_null());
	for (size_t i = 0; i < t->nshares; i++) {
		const struct report_share *s = &t->shares[i];
		const struct field held[] = {
		    {"pid", s->pid},
		    {"private_bytes", s->private_bytes},
		    {"rss_bytes", s->rss_bytes},
		    {"pss_bytes", s->pss_bytes},
		    {"outstanding_bytes", s->outstanding_bytes},
		    {"held_bytes", s->held_bytes},
		    {"in_use_bytes", s->in_use_bytes},
		};
		json_t *share = json_pack("{so}", "comm", text(s->comm));

		SET(share, held);
		json_array_append_new(shares, share);
	}
	json_object_set_new(peak, "processes", shares);
	json_object_set_new(o, "peak", peak);
	return o;
}

/* null where it runs, or its end was not seen; 128 and the signal where one ended it. */
static json_t *exit_code(const struct report_process *p)
{
	if (!p->exited || !p->ended_ns)
		return json_null();
	return count(p->status & 0x7f ? 128 + (p->status & 0x7f) : p->status >> 8 & 0xff);
}

static json_t *process(const struct report_process *p)
{
	const struct field fields[] = {
	    {"ppid", p->ppid},
	    {"peak_rss_bytes", p->peak_rss_bytes},
	    {"unfollowed_children", p->unfollowed},
	    {"start_time", p->start_time},
	    {"rss_bytes", p->rss_bytes},
	    {"shared_bytes", p->shared_bytes},
	    {"outstanding_bytes", p->outstanding_bytes},
	    {"outstanding_blocks", p->outstanding_blocks},
	    {"older_freed_bytes", p->older_freed_bytes},
	    {"older_freed_blocks", p->older_freed_blocks},
	    {"mapped_bytes", p->mapped_bytes},
	    {"mapped_reserved_bytes", p->mapped_reserved_bytes},
	    {"mapped_allocator_bytes", p->mapped_allocator_bytes},
	    {"mapped_older_bytes", p->mapped_older_bytes},
	    {"advised_bytes", p->advised_bytes},
	    {"unexplained_bytes", p->unexplained_bytes},
	    {"events", p->events},
	    {"lost_events", p->lost_events},
	    {"probe_hits", p->probe_hits},
	    {"repaired_blocks", p->repaired_blocks},
	    {"sparse_pages", p->sparse_pages},
	    {"sparse_free_bytes", p->sparse_free_bytes},
	    {"sites_total", p->sites_total},
	    {"hidden_bytes", p->hidden_bytes},
	    {"stacks", p->stacks},
	    {"allocated_blocks", p->allocated_blocks},
	};
	json_t *sites = json_array();
	json_t *o = json_pack("{so so so sb so ss ss ss}", "pid", count(p->pid), "comm",
			      text(p->comm), "exe", text(p->exe), "exited", p->exited, "allocator",
			      allocator(&p->allocator), "user_probes", p->user_probes,
			      "kernel_probes", p->kernel_probes, "mode", p->mode);

	SET(o, fields);
	json_object_set_new(o, "overhead_percent", json_real(p->overhead_percent));
	json_object_set_new(o, "overhead_worst_percent", json_real(p->overhead_worst_percent));
	json_object_set_new(o, "windows", count(p->windows));
	json_object_set_new(o, "estimates", text(p->estimates));
	json_object_set_new(o, "estimates_age_seconds",
			    p->estimates && strcmp(p->estimates, "missing")
				? json_real(p->inspection_age + p->estimates_older)
				: json_null());
	set_growth(o, "heap_growth", &p->heap_growth);
	json_object_set_new(o, "seen_from", json_string(p->seen_from));
	json_object_set_new(o, "late_seconds", json_real((double)p->late_ns / 1e9));
	json_object_set_new(o, "began_seconds", json_real((double)p->began_ns / 1e9));
	json_object_set_new(o, "ended_seconds",
			    p->ended_ns ? json_real((double)p->ended_ns / 1e9) : json_null());
	json_object_set_new(o, "exit_code", exit_code(p));
	json_object_set_new(o, "pss_bytes", p->pss_bytes ? count(p->pss_bytes) : json_null());
	json_object_set_new(o, "inspection_age_seconds", json_real(p->inspection_age));
	json_object_set_new(o, "inspection_seconds", json_real(p->inspection_time));
	json_object_set_new(o, "waterfall", waterfall(p));
	json_object_set_new(o, "pinned", pinned(p));
	json_object_set_new(o, "advice", advice(p));
	json_object_set_new(o, "incomplete_stacks", cuts(p));
	for (size_t i = 0; i < p->nsites; i++)
		json_array_append_new(sites, site(&p->sites[i]));
	json_object_set_new(o, "sites", sites);
	return o;
}

json_t *json_report(const struct report *r)
{
	json_t *processes = json_array();

	for (size_t i = 0; i < r->nprocesses; i++)
		json_array_append_new(processes, process(&r->processes[i]));
	return json_pack("{si sf sf sb so so}", "version", JSON_VERSION, "time",
			 (double)r->time_ns / 1e9, "elapsed_seconds", (double)r->elapsed_ns / 1e9,
			 "last", r->last, "tree", tree(&r->tree), "processes", processes);
}

int json_write(FILE *f, const struct report *r)
{
	json_t *root = json_report(r);
	int err = 0;

	if (!root)
		return -ENOMEM;
	if (json_dumpf(root, f, JSON_COMPACT) || fputc('\n', f) == EOF || fflush(f))
		err = -EIO;
	json_decref(root);
	return err;
}
