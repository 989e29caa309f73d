// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "model/report.h"
#include "out/delta.h"
#include "out/diff.h"
#include "out/json_parts.h"

#define VERSION 1 /* as in json.c */

static json_t *site(const struct delta_site *d)
{
	return json_pack(
	    "{ss sI sI sI sI so}", "kind", d->site->kind == REPORT_HEAP ? "heap" : "map", "bytes",
	    (json_int_t)d->bytes, "blocks", (json_int_t)d->blocks, "allocated_bytes",
	    (json_int_t)d->allocated_bytes, "allocated_blocks", (json_int_t)d->allocated_blocks,
	    "frames", json_frames(d->site->frames, d->site->nframes));
}

static int process(json_t *list, const struct report_process *before,
		   const struct report_process *now)
{
	static const struct report_process none = {0};
	const struct report_process *p = now ? now : before;
	const struct report_process *b = before ? before : &none, *n = now ? now : &none;
	struct delta_site *d;
	int64_t count = delta_sites(now, before, &d);
	json_t *sites = json_array();

	for (int64_t i = 0; i < count; i++)
		if (d[i].bytes || d[i].blocks || d[i].allocated_bytes || d[i].allocated_blocks)
			json_array_append_new(sites, site(&d[i]));
	if (count >= 0)
		free(d);
	json_array_append_new(
	    list,
	    json_pack("{sI sI so so sb sb sb sI sI sI so}", "pid", (json_int_t)p->pid, "start_time",
		      (json_int_t)p->start_time, "comm", json_text(p->comm), "exe",
		      json_text(p->exe), "before", before != NULL, "now", now != NULL, "exited",
		      p->exited, "rss_bytes", (json_int_t)(n->rss_bytes - b->rss_bytes),
		      "outstanding_bytes",
		      (json_int_t)(n->outstanding_bytes - b->outstanding_bytes), "mapped_bytes",
		      (json_int_t)(n->mapped_bytes - b->mapped_bytes), "sites", sites));
	return count < 0 ? (int)count : 0;
}

int diff_write_json(FILE *f, const struct report *before, const struct report *now)
{
	json_t *list = json_array(), *root;
	int err = 0;

	for (size_t i = 0; i < now->nprocesses && !err; i++)
		err = process(list, delta_find(before, &now->processes[i]), &now->processes[i]);
	for (size_t i = 0; i < before->nprocesses && !err; i++)
		if (!delta_find(now, &before->processes[i]))
			err = process(list, &before->processes[i], NULL);
	root = json_pack("{si sf sf so}", "version", VERSION, "from_seconds",
			 (double)before->elapsed_ns / 1e9, "to_seconds",
			 (double)now->elapsed_ns / 1e9, "changes", list);
	if (!root)
		return err ? err : -ENOMEM;
	if (!err && (json_dumpf(root, f, JSON_COMPACT) || fputc('\n', f) == EOF || fflush(f)))
		err = -EIO;
	json_decref(root);
	return err;
}
