// SPDX-License-Identifier: GPL-2.0
#include "out/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/report.h"

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

static json_t *site(const struct report_site *s)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < s->nframes; i++)
		json_array_append_new(frames, frame(&s->frames[i]));
	return json_pack("{ss so so so so sb so}", "kind", s->kind == REPORT_HEAP ? "heap" : "map",
			 "bytes", count(s->bytes), "blocks", count(s->blocks), "allocated_bytes",
			 count(s->allocated_bytes), "allocated_blocks", count(s->allocated_blocks),
			 "truncated", s->truncated, "frames", frames);
}

struct field {
	const char *key;
	uint64_t value;
};

static json_t *process(const struct report_process *p)
{
	const struct field fields[] = {
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
	    {"sites_total", p->sites_total},
	    {"hidden_bytes", p->hidden_bytes},
	};
	json_t *sites = json_array();
	json_t *o = json_pack("{so so so sb so ss ss ss}", "pid", count(p->pid), "comm",
			      text(p->comm), "exe", text(p->exe), "exited", p->exited, "allocator",
			      text(p->allocator), "user_probes", p->user_probes, "kernel_probes",
			      p->kernel_probes, "mode", p->mode);

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		json_object_set_new(o, fields[i].key, count(fields[i].value));
	for (size_t i = 0; i < p->nsites; i++)
		json_array_append_new(sites, site(&p->sites[i]));
	json_object_set_new(o, "sites", sites);
	return o;
}

int json_write(FILE *f, const struct report *r)
{
	json_t *processes = json_array(), *root;
	int err = 0;

	for (size_t i = 0; i < r->nprocesses; i++)
		json_array_append_new(processes, process(&r->processes[i]));
	root = json_pack("{si sf sf sb so}", "version", JSON_VERSION, "time",
			 (double)r->time_ns / 1e9, "elapsed_seconds", (double)r->elapsed_ns / 1e9,
			 "last", r->last, "processes", processes);
	if (!root)
		return -ENOMEM;
	if (json_dumpf(root, f, JSON_COMPACT) || fputc('\n', f) == EOF || fflush(f))
		err = -EIO;
	json_decref(root);
	return err;
}
