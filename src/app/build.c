// SPDX-License-Identifier: GPL-2.0
#include "app/build.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "app/drain.h"
#include "app/watched.h"
#include "heapwatch/event.h"
#include "model/ledger.h"
#include "symbol/names.h"

struct build {
	struct report report;
	struct report_process *processes;
	size_t room;
};

struct build *build__new(size_t n)
{
	struct build *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->room = n;
	b->processes = calloc(n ? n : 1, sizeof(*b->processes));
	if (!b->processes) {
		free(b);
		return NULL;
	}
	return b;
}

static void free_sites(struct report_site *sites, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((void *)sites[i].frames);
	free(sites);
}

void build__free(struct build *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->report.nprocesses; i++)
		free_sites((struct report_site *)b->processes[i].sites, b->processes[i].nsites);
	free(b->processes);
	free(b);
}

static struct report_frame *make_frames(struct names *names, const struct modules *modules,
					const struct snapshot_site *s)
{
	struct report_frame *frames = calloc(s->nframes ? s->nframes : 1, sizeof(*frames));

	if (!frames)
		return NULL;
	for (size_t i = 0; i < s->nframes; i++) {
		struct name n;

		/* The leaf of a mapping is the system call itself, not a return address. */
		names__find(names, modules, s->pc[i], i > 0 || s->kind == REPORT_HEAP, &n);
		frames[i] = (struct report_frame){.function = n.function,
						  .file = n.file,
						  .line = n.line,
						  .module = n.module,
						  .offset = n.offset,
						  .pc = s->pc[i]};
	}
	return frames;
}

static struct report_site *make_sites(struct names *names, const struct modules *modules,
				      const struct snapshot *s)
{
	struct report_site *sites = calloc(s->nsites ? s->nsites : 1, sizeof(*sites));

	for (size_t i = 0; sites && i < s->nsites; i++) {
		const struct snapshot_site *from = &s->sites[i];
		struct report_frame *frames = make_frames(names, modules, from);

		if (!frames) {
			free_sites(sites, i);
			return NULL;
		}
		sites[i] = (struct report_site){.kind = from->kind,
						.bytes = from->bytes,
						.blocks = from->blocks,
						.allocated_bytes = from->allocated_bytes,
						.allocated_blocks = from->allocated_blocks,
						.truncated = from->flags != 0,
						.nframes = from->nframes,
						.frames = frames};
	}
	return sites;
}

int build__add(struct build *b, struct names *names, const struct build_input *in)
{
	const struct watched *w = in->watched;
	const struct snapshot *s = in->snapshot;
	const struct hw_proc *c = in->counters;
	const uint64_t *mapped = s->mappings.bytes;
	uint64_t lost = c->lost + c->nothread + c->broken + s->dropped, own, explained;
	struct report_site *sites;

	if (b->report.nprocesses == b->room)
		return -ENOMEM;
	sites = make_sites(names, w->modules, s);
	if (!sites)
		return -ENOMEM;
	own = w->memory.rss_bytes > w->memory.shared_bytes
		  ? w->memory.rss_bytes - w->memory.shared_bytes
		  : 0;
	explained = s->outstanding_bytes + mapped[MAPPING_PROGRAM];
	b->processes[b->report.nprocesses++] = (struct report_process){
	    .pid = (uint32_t)w->pid,
	    .start_time = w->stat.start_time,
	    .comm = w->stat.comm,
	    .exe = w->exe,
	    .exited = w->exited,
	    .allocator = w->allocator[0] ? w->allocator : "none found",
	    .user_probes = in->user_probes,
	    .kernel_probes = in->kernel_probes,
	    .mode = lost || s->unsettled || s->overwritten ? "degraded" : "exact",
	    .rss_bytes = w->memory.rss_bytes,
	    .shared_bytes = w->memory.shared_bytes,
	    .outstanding_bytes = s->outstanding_bytes,
	    .outstanding_blocks = s->outstanding_blocks,
	    .older_freed_bytes = s->older_freed_bytes,
	    .older_freed_blocks = s->older_freed_blocks,
	    .mapped_bytes = mapped[MAPPING_PROGRAM],
	    .mapped_reserved_bytes = mapped[MAPPING_RESERVED],
	    .mapped_allocator_bytes = mapped[MAPPING_ALLOCATOR],
	    .mapped_older_bytes = mapped[MAPPING_OLDER],
	    .advised_bytes = s->advised_bytes,
	    .unexplained_bytes = own > explained ? own - explained : 0,
	    .events = in->state->received,
	    .lost_events = lost,
	    .probe_hits = c->hits,
	    .nsites = s->nsites,
	    .sites = sites,
	    .sites_total = s->sites_total,
	    .hidden_bytes = s->hidden_bytes,
	};
	return 0;
}

const struct report *build__report(struct build *b, uint64_t elapsed_ns, int last)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	b->report.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	b->report.elapsed_ns = elapsed_ns;
	b->report.last = last;
	b->report.processes = b->processes;
	return &b->report;
}
