// SPDX-License-Identifier: GPL-2.0
#include "out/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/text_parts.h"
#include "out/label.h"

/* Columns are counted in characters; a double-width one is rare enough here to be cut late. */
static size_t cut(const char *line, unsigned int width)
{
	size_t n = 0, columns = 0;

	for (; line[n]; n++)
		if (((unsigned char)line[n] & 0xc0) != 0x80 && ++columns > width && width)
			break;
	return n;
}

void text_put(const struct text *t, const char *attribute, const char *line)
{
	int n = (int)cut(line, t->style->width);

	if (t->style->colour && attribute)
		fprintf(t->f, "%s%.*s\033[0m\n", attribute, n, line);
	else
		fprintf(t->f, "%.*s\n", n, line);
}

const char *text_grouped(char buf[32], uint64_t n)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), k = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = 0;
	return buf;
}

/* bytes may be below 0; rss 0: no share. */
static void amount(const struct text *t, const char *what, int64_t bytes, uint64_t rss,
		   const char *note)
{
	char line[512], size[SIZE_TEXT], signed_size[SIZE_TEXT + 1], share[16] = "";
	uint64_t magnitude = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;

	if (rss)
		snprintf(share, sizeof(share), "%5.1f %%", 100.0 * (double)bytes / (double)rss);
	snprintf(signed_size, sizeof(signed_size), "%s%s", bytes < 0 ? "-" : "",
		 size_format(size, magnitude));
	snprintf(line, sizeof(line), "  %-36s %10s %8s  %s", what, signed_size, share, note);
	text_put(t, NULL, line);
}

static void waterfall(const struct text *t, const struct report_process *p)
{
	uint64_t rss = p->rss_bytes;
	char note[64] = "";

	if (p->nlines && p->inspection_age >= 1)
		snprintf(note, sizeof(note), "of which, %.0f s ago", p->inspection_age);
	else if (p->nlines)
		snprintf(note, sizeof(note), "of which");
	amount(t, "RSS", (int64_t)rss, rss, note);
	if (p->exited && p->peak_rss_bytes > rss)
		amount(t, "highest RSS", (int64_t)p->peak_rss_bytes, 0, "");
	if (!p->nlines)
		amount(t, "shared (files, shmem)", (int64_t)p->shared_bytes, rss,
		       "of RSS; it ended before the rest could be looked at");
	for (size_t i = 0; i < p->nlines; i++)
		amount(t, p->waterfall[i].what, p->waterfall[i].bytes, rss,
		       strcmp(p->waterfall[i].quality, "exact") ? p->waterfall[i].quality : "");
}

/* All that another allocator has: it tells it itself, or it was seen. */
static void own_allocator(const struct text *t, const struct report_allocator *a)
{
	char line[256], s[3][SIZE_TEXT], name[64];
	uint64_t used = a->own_in_use_bytes, held = a->own_held_bytes;

	if (!a->own_quality)
		return;
	utf8_clean(name, sizeof(name), a->own_name);
	if (!strcmp(a->own_quality, "ledger"))
		snprintf(line, sizeof(line), "  %s was seen to map %s, of which %s is outstanding",
			 name, size_format(s[0], held), size_format(s[1], used));
	else
		snprintf(line, sizeof(line),
			 "  %s holds %s: %s in use, %s free (its own counters, %s)", name,
			 size_format(s[0], held), size_format(s[1], used),
			 size_format(s[2], held > used ? held - used : 0), a->own_quality);
	text_put(t, NULL, line);
}

/* These figures are of glibc's arenas, also where another allocator stands before it.  What threads
 * keep in their caches is free to them, though malloc_info(3) calls it in use. */
static void allocator(const struct text *t, const struct report_allocator *a)
{
	char line[256], s[5][SIZE_TEXT], n[32];

	/* Not used at all, beside another allocator or because malloc was never called. */
	if (!a->told || (!a->system_bytes && !a->mmapped_blocks))
		return;
	if (!strcmp(a->confidence, "unknown"))
		snprintf(
		    line, sizeof(line),
		    "  glibc holds %s in %zu arena%s; how much of it is free could not be counted",
		    size_format(s[0], a->system_bytes), a->narenas, a->narenas == 1 ? "" : "s");
	else
		snprintf(line, sizeof(line),
			 "  glibc holds %s in %zu arena%s: %s in use, %s free, %s of it "
			 "resident (%s)",
			 size_format(s[0], a->system_bytes), a->narenas, a->narenas == 1 ? "" : "s",
			 size_format(s[1], a->in_use_bytes - a->tcache_bytes),
			 size_format(s[2], a->free_bytes + a->tcache_bytes),
			 size_format(s[3], a->resident_free_bytes), a->confidence);
	text_put(t, NULL, line);
	if (a->mmapped_blocks) {
		snprintf(line, sizeof(line), "  and %s in %s large block%s with a mapping each",
			 size_format(s[4], a->mmapped_bytes), text_grouped(n, a->mmapped_blocks),
			 a->mmapped_blocks == 1 ? "" : "s");
		text_put(t, NULL, line);
	}
}

/* What the probes saw since the attach; address space, not residency. */
static void ledger(const struct text *t, const struct report_process *p)
{
	char note[128], n[32], size[SIZE_TEXT];

	snprintf(note, sizeof(note), "%s blocks since the attach",
		 text_grouped(n, p->outstanding_blocks));
	amount(t, "outstanding", (int64_t)p->outstanding_bytes, 0, note);
	amount(t, "mapped by the program", (int64_t)p->mapped_bytes, 0, "since the attach");
	if (p->older_freed_bytes)
		amount(t, "older mappings given back", (int64_t)p->older_freed_bytes, 0,
		       "from before the attach");
	if (p->older_freed_blocks) {
		/* Nobody said their sizes: what is left of them is a line of the waterfall. */
		snprintf(note, sizeof(note), "  %-36s %10s %8s  from before the attach",
			 "older blocks freed", text_grouped(n, p->older_freed_blocks), "");
		text_put(t, NULL, note);
	}
	if (p->advised_bytes || p->mapped_reserved_bytes) {
		snprintf(note, sizeof(note), "reserved without access: %s",
			 size_format(size, p->mapped_reserved_bytes));
		amount(t, "given back by madvise", (int64_t)p->advised_bytes, 0, note);
	}
	if (p->repaired_blocks) {
		snprintf(note, sizeof(note),
			 "  %s blocks were free though no free was seen: mended",
			 text_grouped(n, p->repaired_blocks));
		text_put(t, NULL, note);
	}
}

static void frame(const struct text *t, const struct report_frame *f, const char *indent)
{
	char line[8192], function[LABEL_TEXT], where[2048], tail[2100] = "";

	if (f->file) {
		utf8_clean(where, sizeof(where), label_base_name(f->file));
		snprintf(tail, sizeof(tail), "  %s:%" PRIu32, where, f->line);
	} else if (f->module && f->function) {
		utf8_clean(where, sizeof(where), label_base_name(f->module));
		snprintf(tail, sizeof(tail), "  (%s)", where);
	}
	snprintf(line, sizeof(line), "%s%s%s", indent, label_frame(function, sizeof(function), f),
		 tail);
	text_put(t, NULL, line);
}

/* n frames under a head of 30 columns, which stands before the first of them. */
static void frames(const struct text *t, const struct report_frame *f, size_t n, const char *cut,
		   char head[64])
{
	size_t shown = t->style->frames && n > t->style->frames ? t->style->frames : n;
	char line[160];

	if (!shown) {
		snprintf(line, sizeof(line), "%sunknown callsite", head);
		text_put(t, NULL, line);
	}
	for (size_t i = 0; i < shown; i++) {
		frame(t, &f[i], head);
		snprintf(head, 64, "%30s", "");
	}
	if (shown < n) {
		snprintf(line, sizeof(line), "%30s... %zu more frames", "", n - shown);
		text_put(t, TEXT_DIM, line);
	} else if (cut) {
		snprintf(line, sizeof(line), "%30s... the stack could not be followed further%s%s",
			 "", *cut ? ": " : "", cut);
		text_put(t, TEXT_DIM, line);
	}
}

static void site(const struct text *t, const struct report_site *s)
{
	char head[64], size[SIZE_TEXT], n[32];

	snprintf(head, sizeof(head), "%10s %11s  %s  ", size_format(size, s->bytes),
		 text_grouped(n, s->blocks), s->kind == REPORT_HEAP ? "heap" : "map ");
	frames(t, s->frames, s->nframes, !s->truncated ? NULL : s->reason ? s->reason : "", head);
}

/* What part of all allocations has a stack that is not whole. */
static void cuts(const struct text *t, const struct report_process *p)
{
	char line[256], n[32];

	for (size_t i = 0; i < p->ncuts; i++) {
		const struct report_cut *c = &p->cuts[i];
		double part = p->allocated_blocks ? 100.0 * (double)c->allocated_blocks /
							(double)p->allocated_blocks
						  : 0;

		snprintf(line, sizeof(line), "  %-36s %10s %8s  %s, at %.1f %% of the allocations",
			 i ? "" : "incomplete stacks", text_grouped(n, c->stacks), "", c->reason,
			 part);
		text_put(t, TEXT_DIM, line);
	}
}

static void sites(const struct text *t, const struct report_process *p)
{
	char line[256], size[SIZE_TEXT], n[32];

	if (!p->nsites) {
		text_put(t, NULL, "  nothing allocated since the attach is still held");
		return;
	}
	snprintf(line, sizeof(line), "%10s %11s  kind  callsite, innermost first", "bytes",
		 "blocks");
	text_put(t, TEXT_BOLD, line);
	for (size_t i = 0; i < p->nsites; i++)
		site(t, &p->sites[i]);
	if (p->nsites < p->sites_total) {
		snprintf(line, sizeof(line), "%10s in %s more callsites (see --top, --min-size)",
			 size_format(size, p->hidden_bytes),
			 text_grouped(n, p->sites_total - p->nsites));
		text_put(t, TEXT_DIM, line);
	}
}

/* A page or two of holes is in every heap. */
#define SPARSE_WORTH_IT (256u << 10)

static void fragmentation(const struct text *t, const struct report_process *p)
{
	char line[256], head[64], size[SIZE_TEXT], n[32];

	if (p->sparse_free_bytes < SPARSE_WORTH_IT)
		return;
	snprintf(line, sizeof(line),
		 "fragmentation: %s pages are at least half free, and keep %s resident",
		 text_grouped(n, p->sparse_pages), size_format(size, p->sparse_free_bytes));
	text_put(t, TEXT_BOLD, line);
	snprintf(line, sizeof(line), "%10s %11s        whose live blocks stand there", "free",
		 "pages");
	text_put(t, NULL, line);
	for (size_t i = 0; i < p->npinned && i < 5; i++) {
		const struct report_pinned *s = &p->pinned[i];

		snprintf(head, sizeof(head), "%10s %11s        ", size_format(size, s->bytes),
			 text_grouped(n, s->pages));
		if (s->blocks) {
			snprintf(line, sizeof(line), "%s%s", head, s->blocks);
			text_put(t, NULL, line);
		} else {
			frames(t, s->frames, s->nframes, NULL, head);
		}
	}
}

static void advice(const struct text *t, const struct report_process *p)
{
	char line[640], size[SIZE_TEXT];

	for (size_t i = 0; i < p->nadvice; i++) {
		snprintf(line, sizeof(line), "advice: up to %s by %s",
			 size_format(size, p->advice[i].gives_back_bytes), p->advice[i].what);
		text_put(t, TEXT_BOLD, line);
		snprintf(line, sizeof(line), "  %s", p->advice[i].how);
		text_put(t, NULL, line);
	}
}

static void process(const struct text *t, const struct report_process *p)
{
	text_header(t, p);
	waterfall(t, p);
	own_allocator(t, &p->allocator);
	allocator(t, &p->allocator);
	/* Without probes on malloc page faults say something of callsites (crossings.h). */
	if (text_has_probes(p) || p->nsites) {
		ledger(t, p);
		cuts(t, p);
		sites(t, p);
	}
	text_growth(t, p);
	fragmentation(t, p);
	advice(t, p);
}

static uint64_t weight(const struct report_process *p)
{
	return p->peak_rss_bytes > p->outstanding_bytes ? p->peak_rss_bytes : p->outstanding_bytes;
}

/* Of many processes those are told in full that matter: the largest, in the order that they have.
 */
static void processes(const struct text *t, const struct report *r)
{
	size_t most = t->style->processes ? t->style->processes : r->nprocesses;

	for (size_t i = 0; i < r->nprocesses; i++) {
		size_t larger = 0;

		for (size_t k = 0; k < r->nprocesses && larger < most && most < r->nprocesses; k++)
			larger += weight(&r->processes[k]) > weight(&r->processes[i]) ||
				  (weight(&r->processes[k]) == weight(&r->processes[i]) && k < i);
		if (larger >= most)
			continue;
		fputc('\n', t->f);
		process(t, &r->processes[i]);
	}
}

int text_write(FILE *f, const struct report *r, const struct text_style *style)
{
	const struct text t = {.f = f, .style = style};
	char line[128];

	if (r->elapsed_ns) {
		snprintf(line, sizeof(line), "heapwatch: %.1f s after the attach%s",
			 (double)r->elapsed_ns / 1e9, r->last ? ", last report" : "");
		text_put(&t, TEXT_DIM, line);
	}
	text_tree(&t, r);
	processes(&t, r);
	fputc('\n', f);
	return ferror(f) ? -EIO : 0;
}
