// SPDX-License-Identifier: GPL-2.0
#include "app/build.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/build_memory.h"
#include "app/drain.h"
#include "app/governor.h"
#include "app/tree.h"
#include "app/watched.h"
#include "base/clock.h"
#include "heapwatch/event.h"
#include "model/growth.h"
#include "model/ledger.h"

struct built {
	struct report_process process;
	struct report_site *sites;
	struct build_memory memory;
};

struct build {
	struct report report;
	struct report_process *processes;
	struct built **owned;
	size_t nowned, room;
};

static void free_sites(struct report_site *sites, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((void *)sites[i].frames);
	free(sites);
}

void built__free(struct built *b)
{
	if (!b)
		return;
	free_sites(b->sites, b->process.nsites);
	build_memory_free(&b->memory);
	free(b);
}

void build__free(struct build *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->nowned; i++)
		built__free(b->owned[i]);
	free(b->owned);
	free(b->processes);
	free(b);
}

const struct report_process *built__process(const struct built *b)
{
	return &b->process;
}

struct build *build__new(size_t n)
{
	struct build *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->room = n;
	b->processes = calloc(n ? n : 1, sizeof(*b->processes));
	b->owned = calloc(n ? n : 1, sizeof(struct built *));
	if (!b->processes || !b->owned) {
		build__free(b);
		return NULL;
	}
	return b;
}

/* The lowest flag counts, as in snapshots. */
static const char *cut_reason(uint32_t flags)
{
	static const char *const reasons[HW_STACK_FLAGS] = {
	    "too many frames", "no frame pointer", "unreadable memory",	   "unknown code",
	    "no unwind rule",  "tables not ready", "Python frames missing"};
	unsigned int flag = (unsigned int)__builtin_ffs((int)flags);

	return flag && flag <= HW_STACK_FLAGS ? reasons[flag - 1] : NULL;
}

static void fill_cuts(struct report_process *p, const struct snapshot *s)
{
	_Static_assert(REPORT_CUTS == HW_STACK_FLAGS, "a reason for each flag");

	p->stacks = s->stacks.stacks;
	p->allocated_blocks = s->stacks.allocated_blocks;
	for (unsigned int i = 0; i < HW_STACK_FLAGS; i++)
		if (s->flagged[i].stacks)
			p->cuts[p->ncuts++] =
			    (struct report_cut){cut_reason(1u << i), s->flagged[i].stacks,
						s->flagged[i].allocated_blocks};
}

static struct report_growth growth_of(const struct growth *g, uint64_t key)
{
	struct growth_rate rate;

	if (!g || !growth__of(g, key, &rate))
		return (struct report_growth){0};
	return (struct report_growth){.known = true,
				      .per_minute = rate.per_minute,
				      .error = rate.error,
				      .seconds = rate.seconds,
				      .growing = rate.growing,
				      .replacing = rate.replacing};
}

static struct report_site *make_sites(struct names *names, const struct modules *modules,
				      const struct growth *growth, const struct snapshot *s)
{
	struct report_site *sites = calloc(s->nsites ? s->nsites : 1, sizeof(*sites));

	for (size_t i = 0; sites && i < s->nsites; i++) {
		const struct snapshot_site *from = &s->sites[i];
		/* The leaf of a mapping is the system call itself, not a return address. */
		struct report_frame *frames = build_frames(names, modules, from->pc, from->nframes,
							   from->kind == REPORT_HEAP);

		if (!frames) {
			free_sites(sites, i);
			return NULL;
		}
		sites[i] = (struct report_site){.kind = from->kind,
						.stack = from->stack,
						.bytes = from->bytes,
						.blocks = from->blocks,
						.estimated = from->estimated,
						.low = from->low,
						.high = from->high,
						.allocated_bytes = from->allocated_bytes,
						.allocated_blocks = from->allocated_blocks,
						.truncated = (from->flags & HW_STACK_ENDED) != 0,
						.reason = cut_reason(from->flags),
						.nframes = from->nframes,
						.frames = frames};
		sites[i].growth =
		    growth_of(growth, growth_key(from->site, from->kind == REPORT_MAP));
	}
	return sites;
}

static void fill_estimates(struct report_process *p, const struct inspection *i)
{
	p->estimates = !i->sampling.told ? "missing" : i->sampling.stale ? "stale" : "fresh";
	if (i->sampling.told)
		p->estimates_older = (double)(i->when_ns - i->estimated_ns) / 1e9;
}

static void fill_ledger(struct report_process *p, const struct build_input *in)
{
	const struct snapshot *s = in->snapshot;
	const struct hw_proc *c = in->counters;
	/* Where probes come and go, calls under way lose their half: they count as not seen. */
	uint64_t lost = c->lost + c->nothread + (s->partly ? 0 : c->broken) + s->dropped;
	enum budget_level level = in->governor->level;

	/* Of one that has ended, what was seen of it counts, not what is of others now. */
	if (!in->probed)
		level = BUDGET_PASSIVE;
	else if (in->state->exited)
		level = !s->partly ? BUDGET_EXACT : level == BUDGET_EXACT ? BUDGET_SAMPLED : level;
	p->mode = budget_level_name(level);
	if (level == BUDGET_EXACT && (lost || s->unsettled || s->overwritten))
		p->mode = "degraded";
	p->overhead_percent = in->governor->percent;
	p->overhead_worst_percent = in->governor->worst;
	p->windows = in->governor->windows;
	p->probe_ns = in->probe_ns;
	if (s->partly)
		fill_estimates(p, &in->watched->inspection);
	p->outstanding_bytes = s->outstanding_bytes;
	p->outstanding_blocks = s->outstanding_blocks;
	p->older_freed_bytes = s->older_freed_bytes;
	p->older_freed_blocks = s->older_freed_blocks;
	p->mapped_bytes = s->mappings.bytes[MAPPING_PROGRAM];
	p->mapped_reserved_bytes = s->mappings.bytes[MAPPING_RESERVED];
	p->mapped_allocator_bytes = s->mappings.bytes[MAPPING_ALLOCATOR];
	p->mapped_older_bytes = s->mappings.bytes[MAPPING_OLDER];
	p->advised_bytes = s->advised_bytes;
	p->events = in->state->received;
	p->lost_events = lost;
	p->repaired_blocks = s->repaired;
	p->probe_hits = c->hits;
	p->nsites = s->nsites;
	p->sites_total = s->sites_total;
	p->hidden_bytes = s->hidden_bytes;
	p->heap_growth = growth_of(in->watched->growth, GROWTH_HEAP);
	fill_cuts(p, s);
}

/* None of its calls was seen, for it had no probes, or made them all before those came. */
static bool is_unseen(const struct build_input *in)
{
	const struct watched *w = in->watched;

	if (w->searched[0] && !w->allocator[0])
		return false;
	return !w->attached_ns || (in->state->exited && !in->counters->hits);
}

/* How much of its life was recorded. */
static void fill_life(struct report_process *p, const struct build_input *in)
{
	const struct watched *w = in->watched;
	const struct drain_state *life = in->state;
	uint64_t start = in->start_ns, began = life->began_ns;

	p->status = life->status;
	p->unfollowed = in->counters->unfollowed;
	p->began_ns = began > start ? began - start : 0;
	p->ended_ns = life->ended_ns > start ? life->ended_ns - start : 0;
	if (life->is_32bit) {
		p->seen_from = "never";
		p->mode = "passive";
		p->user_probes = p->kernel_probes = "none";
	} else if (life->orphan) {
		p->seen_from = "unknown";
		p->mode = "degraded";
	} else if (!life->forked) {
		p->seen_from = in->covered ? "start" : "attach";
	} else if (in->covered) {
		p->seen_from = "fork";
	} else {
		uint64_t end = life->ended_ns ? life->ended_ns : clock_now_ns();
		uint64_t attached = w->attached_ns && w->attached_ns < end ? w->attached_ns : end;

		p->seen_from = "late";
		p->late_ns = attached > began ? attached - began : 0;
		/* Blocks that it inherited and freed meanwhile seem to be held; where none are seen
		 * at all, none. */
		if (strcmp(p->mode, "passive") && (!life->execs || is_unseen(in)))
			p->mode = "degraded";
	}
	/* The kernel's maximum is that of all programs that it was. */
	if (life->max_rss_pages > life->max_rss_before || !p->peak_rss_bytes) {
		uint64_t told = life->max_rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);

		if (told > p->peak_rss_bytes)
			p->peak_rss_bytes = told;
	}
}

int built__new(struct names *names, const struct build_input *in, struct built **out)
{
	const struct watched *w = in->watched;
	struct built *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	if (in->snapshot) {
		b->sites = make_sites(names, w->modules, w->growth, in->snapshot);
		if (!b->sites) {
			free(b);
			return -ENOMEM;
		}
	}
	b->process = (struct report_process){
	    .pid = (uint32_t)w->pid,
	    .ppid = (uint32_t)w->ppid,
	    .start_time = w->stat.start_time,
	    .comm = w->stat.comm,
	    .exe = w->exe,
	    /* Its last record may be known before its pidfd was looked at. */
	    .exited = w->exited || (in->state && in->state->exited),
	    .seen_from = "attach",
	    .user_probes = in->user_probes,
	    .kernel_probes = in->kernel_probes,
	    .mode = "passive",
	    .rss_bytes = w->memory.rss_bytes,
	    .shared_bytes = w->memory.shared_bytes,
	    .peak_rss_bytes = w->peak_rss,
	    .pss_bytes = w->peak_pss,
	    .sites = b->sites,
	};
	if (in->snapshot) {
		fill_ledger(&b->process, in);
		fill_life(&b->process, in);
	}
	err = build_memory_fill(&b->memory, &w->inspection, w->allocator, w->searched, names,
				w->modules, &b->process);
	if (err)
		built__free(b);
	else
		*out = b;
	return err;
}

void build__add(struct build *b, struct built *process, bool owned)
{
	b->processes[b->report.nprocesses++] = process->process;
	if (owned)
		b->owned[b->nowned++] = process;
}

int build__add_passive(struct build *b, const struct watched *w)
{
	const struct build_input in = {
	    .watched = w, .user_probes = "none", .kernel_probes = "none"};
	struct built *process;
	int err = built__new(NULL, &in, &process);

	if (!err)
		build__add(b, process, true);
	return err;
}

const struct report *build__finish(struct build *b, struct tree *tree, uint64_t elapsed_ns,
				   bool last)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	b->report.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	b->report.elapsed_ns = elapsed_ns;
	b->report.last = last;
	if (tree)
		b->report.tree = *tree__report(tree, b->processes, b->report.nprocesses);
	b->report.processes = b->processes;
	return &b->report;
}
