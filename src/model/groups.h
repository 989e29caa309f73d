/* SPDX-License-Identifier: GPL-2.0 */
/*
 * groups.h: processes added up by group: what can be exported without a label that grows for ever.
 * A group is what a rule says, else the command's or the control group's name (or, where somebody
 * asks for it, "comm PID").  There is a most of
 * groups; who comes when there is no room is in the group "other".  A group that has had no process
 * for a while is forgotten.  What a process counts (calls, events) stays in its group's counters
 * when it ends, so that these never fall.
 */
#ifndef MODEL_GROUPS_H
#define MODEL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct groups;
struct machine;
struct machine_process;
struct rules;

#define GROUPS_OTHER "other"

enum groups_by { GROUPS_BY_COMM, GROUPS_BY_CGROUP, GROUPS_BY_PID };

struct groups_config {
	enum groups_by by;
	size_t limit;	    /* groups at most, "other" not counted */
	uint64_t expire_ns; /* without a process */
};

/* Counted by or for a process; they rise while it lives. */
enum group_counter {
	GROUP_BRKS,
	GROUP_MMAPS,
	GROUP_MUNMAPS,
	GROUP_MAPPED_BYTES,
	GROUP_UNMAPPED_BYTES,
	GROUP_EVENTS,
	GROUP_LOST,
	GROUP_REPAIRED,
	GROUP_HITS,
	GROUP_PROBE_NS,
	GROUP_COUNTERS,
};

/* What of malloc is seen of a watched process: report_process.mode. */
enum group_mode {
	GROUP_EXACT,
	GROUP_DEGRADED,
	GROUP_LARGE,
	GROUP_SAMPLED,
	GROUP_PASSIVE,
	GROUP_MODES,
};

struct group {
	const char *name;
	uint32_t processes;
	uint32_t exact, estimated, unknown; /* heaps; processes = their sum */
	uint32_t with_resident_free;	    /* of which resident_free is known */
	uint32_t with_pss, with_growth, with_events;
	uint64_t rss, unshared, pss, swap;
	uint64_t system, in_use, free, resident_free, mapped; /* system: mmapped blocks included */
	double growth;					      /* bytes per second */
	/* Of watched processes; for groups__watched. */
	uint32_t watched, modes[GROUP_MODES];
	bool was_watched; /* once, since it is known */
	uint64_t outstanding, outstanding_blocks, outstanding_mapped;
	uint64_t counters[GROUP_COUNTERS];
};

struct groups *groups__new(const struct groups_config *config);
void groups__free(struct groups *g);

/* Add up a machine; rules may be NULL.  0, or -ENOMEM: then the figures are those of some of the
 * processes, and the next one starts anew. */
int groups__tick(struct groups *g, const struct machine *m, const struct rules *rules);

/* After groups__tick, "other" included where it has or had any process; by name. */
size_t groups__count(const struct groups *g);
const struct group *groups__at(const struct groups *g, size_t i);
/* Processes that are in "other" for want of room. */
uint32_t groups__folded(const struct groups *g);

/*
 * The group of a process of the last tick or the one before, for its watched figures to be added;
 * NULL: it is in none.  Valid until the next tick.
 */
struct group *groups__of(struct groups *g, uint32_t pid, uint64_t start_time);
/* Let the counter of that process be at `value`: what it rose by is added to its group. */
void groups__count_up(struct groups *g, uint32_t pid, uint64_t start_time,
		      enum group_counter counter, uint64_t value);

#endif
