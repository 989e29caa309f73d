/* SPDX-License-Identifier: GPL-2.0 */
/*
 * metrics.h: figures for a metrics system, as plain data: families (a static table) and samples.
 * Names, types and units follow Prometheus's conventions: base units, no pid in any label.  Who
 * writes them out knows the format (out/prom.h); who fills them in knows the figures.
 */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include <stddef.h>

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER, /* never falls while the exporter runs */
	METRIC_INFO,	/* always 1; its labels are what it says */
};

#define METRIC_LABELS 4 /* at most, of a family */

struct metric_family {
	const char *name; /* without the suffix _total of a counter and _info of an info */
	enum metric_type type;
	const char *unit;		   /* the name's last word, or "" */
	const char *help;		   /* one line */
	const char *labels[METRIC_LABELS]; /* names of labels, then NULLs */
};

/* The families, in the order in which they are written. */
enum metric {
	METRIC_PROCESSES,
	METRIC_RESIDENT,
	METRIC_UNSHARED,
	METRIC_PROPORTIONAL,
	METRIC_SWAP,
	METRIC_ALLOCATOR_SYSTEM,
	METRIC_ALLOCATOR_IN_USE,
	METRIC_ALLOCATOR_FREE,
	METRIC_ALLOCATOR_RESIDENT_FREE,
	METRIC_MAPPED,
	METRIC_GROWTH,
	METRIC_HEAPS,
	METRIC_BRK_CALLS,
	METRIC_MMAP_CALLS,
	METRIC_MUNMAP_CALLS,
	METRIC_MAPPED_TOTAL,
	METRIC_UNMAPPED_TOTAL,
	METRIC_WATCHED,
	METRIC_MODES,
	METRIC_OUTSTANDING,
	METRIC_OUTSTANDING_BLOCKS,
	METRIC_OUTSTANDING_MAPPED,
	METRIC_EVENTS,
	METRIC_LOST_EVENTS,
	METRIC_REPAIRED_BLOCKS,
	METRIC_PROBE_HITS,
	METRIC_PROBE_SECONDS,
	METRIC_CALLSITE_BYTES,
	METRIC_CALLSITE_BLOCKS,
	METRIC_CALLSITE_GROWTH,
	METRIC_CALLSITE_GROWTH_ERROR,
	METRIC_BUILD,
	METRIC_GROUPS,
	METRIC_GROUPS_LIMIT,
	METRIC_GROUPS_FOLDED,
	METRIC_WATCH_LIMIT,
	METRIC_WATCH_FAILED,
	METRIC_WATCH_WITHDRAWN,
	METRIC_WATCH_WITHDRAWALS,
	METRIC_OVERHEAD,
	METRIC_OVERHEAD_LIMIT,
	METRIC_TICKS,
	METRIC_TICK_DURATION,
	METRIC_RENDER_DURATION,
	METRIC_LAST_TICK,
	METRIC_HTTP_REQUESTS,
	METRIC_RELOAD_OK,
	METRIC_RELOAD_TIME,
	METRIC_SELF_CPU,
	METRIC_SELF_RESIDENT,
	METRIC_SELF_START,
	METRIC_COUNT,
};

const struct metric_family *metric_family(enum metric id);

struct metrics;

struct metrics *metrics__new(void);
void metrics__free(struct metrics *m);

/*
 * Add a sample; the values of the labels follow, one char pointer for each name of the family, and
 * are copied.  Memory that is out is remembered: see metrics__error.
 */
void metrics__add(struct metrics *m, enum metric id, double value, ...);
/* -ENOMEM where any sample was lost. */
int metrics__error(const struct metrics *m);

/* Family's samples, in the order in which they were added. */
size_t metrics__count(const struct metrics *m, enum metric id);
double metrics__value(const struct metrics *m, enum metric id, size_t i);
const char *metrics__label(const struct metrics *m, enum metric id, size_t i, size_t label);

#endif
