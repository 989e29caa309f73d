// SPDX-License-Identifier: GPL-2.0
/* text_tree.c: many processes on one screen: who is whose child, who took how much. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/text_parts.h"

/* Rows at most: the processes with the highest peaks, and their parents. */
#define ROWS 40
/* Of those named at the peak. */
#define NAMED 5

struct rows {
	const struct report *r;
	bool *shown;
	size_t *parent; /* by process; nprocesses: none */
};

struct peak {
	uint64_t bytes;
	size_t process;
};

static int by_peak(const void *a, const void *b)
{
	const struct peak *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->process > y->process) - (x->process < y->process);
}

/* A pid is used again: the parent is the last process of that pid that began before the child. */
static size_t parent_of(const struct report *r, size_t i)
{
	size_t best = r->nprocesses;

	for (size_t k = 0; k < r->nprocesses && r->processes[i].ppid; k++)
		if (k != i && r->processes[k].pid == r->processes[i].ppid &&
		    r->processes[k].began_ns <= r->processes[i].began_ns &&
		    (best == r->nprocesses ||
		     r->processes[k].began_ns > r->processes[best].began_ns))
			best = k;
	return best;
}

static bool choose(struct rows *rows)
{
	size_t n = rows->r->nprocesses;
	struct peak *peaks = calloc(n, sizeof(*peaks));

	if (!peaks)
		return false;
	for (size_t i = 0; i < n; i++) {
		peaks[i] = (struct peak){rows->r->processes[i].peak_rss_bytes, i};
		rows->parent[i] = parent_of(rows->r, i);
	}
	qsort(peaks, n, sizeof(*peaks), by_peak);
	for (size_t i = 0; i < n && i < ROWS; i++)
		/* A chain of parents is no longer than n, and ends at one shown already. */
		for (size_t k = peaks[i].process; k < n && !rows->shown[k]; k = rows->parent[k])
			rows->shown[k] = true;
	free(peaks);
	return true;
}

static void ended(char out[16], const struct report_process *p)
{
	unsigned int signal = p->status & 0x7f;

	if (!p->exited)
		snprintf(out, 16, "running");
	else if (!p->ended_ns)
		snprintf(out, 16, "ended");
	else if (signal)
		snprintf(out, 16, "signal %u", signal);
	else
		snprintf(out, 16, "exit %u", p->status >> 8 & 0xff);
}

static void row(const struct text *t, const struct report_process *p, unsigned int depth)
{
	char line[512], comm[256], s[4][SIZE_TEXT], end[16];
	const struct report_allocator *a = &p->allocator;

	ended(end, p);
	snprintf(line, sizeof(line), "%10" PRIu32 " %10s %11s %10s %10s %8.1f s  %-10s %*s%s%s",
		 p->pid, size_format(s[0], p->peak_rss_bytes),
		 text_has_probes(p) ? size_format(s[1], p->outstanding_bytes) : "-",
		 report_heap_known(a) ? size_format(s[2], report_held(a)) : "-",
		 report_heap_known(a) ? size_format(s[3], report_in_use(a)) : "-",
		 (double)p->began_ns / 1e9, end, (int)(2 * (depth < 12 ? depth : 12)), "",
		 utf8_clean(comm, sizeof(comm), p->comm),
		 !strcmp(p->seen_from, "never") ? "  (32-bit: not seen)"
		 : !strcmp(p->mode, "degraded") ? "  (degraded)"
						: "");
	text_put(t, NULL, line);
}

/* A child behind its parent; siblings as they came. */
static void subtree(const struct text *t, const struct rows *rows, size_t parent,
		    unsigned int depth)
{
	size_t n = rows->r->nprocesses;

	for (size_t i = 0; i < n; i++)
		if (rows->shown[i] && rows->parent[i] == parent) {
			row(t, &rows->r->processes[i], depth);
			if (depth < n)
				subtree(t, rows, i, depth + 1);
		}
}

static void totals(const struct text *t, const struct report *r)
{
	const struct report_tree *tree = &r->tree;
	char line[256], s[3][SIZE_TEXT], n[32];

	snprintf(line, sizeof(line), "%s processes, %zu running; RSS minus shared %s",
		 text_grouped(n, r->nprocesses + tree->forgotten), tree->alive,
		 size_format(s[0], tree->private_bytes));
	text_put(t, TEXT_BOLD, line);
	if (!tree->peak_private_bytes)
		return;
	snprintf(line, sizeof(line), "  peak %s at %.1f s%s%s, of which",
		 size_format(s[0], tree->peak_private_bytes), (double)tree->peak_ns / 1e9,
		 tree->peak_pss_bytes ? ", PSS " : "",
		 tree->peak_pss_bytes ? size_format(s[1], tree->peak_pss_bytes) : "");
	text_put(t, NULL, line);
	for (size_t i = 0; i < tree->nshares && i < NAMED; i++) {
		const struct report_share *share = &tree->shares[i];
		char comm[256];

		snprintf(line, sizeof(line), "    %10s  %s (%" PRIu32 ")",
			 size_format(s[0], share->private_bytes),
			 utf8_clean(comm, sizeof(comm), share->comm), share->pid);
		text_put(t, NULL, line);
	}
}

/* What has no row, and of it what is in no part below either. */
static void others(const struct text *t, const struct report *r, size_t hidden)
{
	const struct report_tree *tree = &r->tree;
	char line[256], s[SIZE_TEXT], n[2][32];

	if (hidden) {
		snprintf(line, sizeof(line), "%10s and %zu smaller ones", "", hidden);
		text_put(t, TEXT_DIM, line);
	}
	if (!tree->forgotten)
		return;
	snprintf(line, sizeof(line),
		 "%10s and %s that ended and held less: %s together in %s blocks (--detail N keeps "
		 "more)",
		 "", text_grouped(n[0], tree->forgotten), size_format(s, tree->forgotten_bytes),
		 text_grouped(n[1], tree->forgotten_blocks));
	text_put(t, TEXT_DIM, line);
	if (!tree->forgotten_lost)
		return;
	snprintf(line, sizeof(line), "%10s %s events of theirs were lost (degraded)", "",
		 text_grouped(n[0], tree->forgotten_lost));
	text_put(t, TEXT_WARM, line);
}

void text_tree(const struct text *t, const struct report *r)
{
	size_t n = r->nprocesses, shown = 0;
	struct rows rows = {.r = r};
	char line[256];

	if (n < 2)
		return;
	rows.shown = calloc(n, sizeof(*rows.shown));
	rows.parent = calloc(n, sizeof(*rows.parent));
	if (rows.shown && rows.parent && choose(&rows)) {
		totals(t, r);
		snprintf(line, sizeof(line), "%10s %10s %11s %10s %10s %10s  %-10s %s", "pid",
			 "peak RSS", "outstanding", "held", "in use", "began", "", "command");
		text_put(t, TEXT_BOLD, line);
		subtree(t, &rows, n, 0);
		for (size_t i = 0; i < n; i++)
			shown += rows.shown[i];
		others(t, r, n - shown);
	}
	free(rows.shown);
	free(rows.parent);
}
