// SPDX-License-Identifier: GPL-2.0
#include "out/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/delta.h"
#include "out/label.h"

#define SIGNED_TEXT (SIZE_TEXT + 1)

/* "+1.00 MiB" */
static const char *change(char buf[SIGNED_TEXT], int64_t bytes)
{
	char size[SIZE_TEXT];

	snprintf(buf, SIGNED_TEXT, "%s%s", bytes < 0 ? "-" : "+",
		 size_format(size, bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes));
	return buf;
}

static void amount(FILE *f, const char *what, uint64_t before, uint64_t now)
{
	char text[SIGNED_TEXT], a[SIZE_TEXT], b[SIZE_TEXT];

	fprintf(f, "  %-24s %11s   %s to %s\n", what, change(text, (int64_t)(now - before)),
		size_format(a, before), size_format(b, now));
}

static uint64_t held(const struct report_process *p)
{
	return report_held(&p->allocator);
}

static void totals(FILE *f, const struct report_process *before, const struct report_process *now)
{
	static const struct report_process none = {0};
	const struct report_process *b = before ? before : &none, *n = now ? now : &none;

	amount(f, "RSS", b->exited ? 0 : b->rss_bytes, n->exited ? 0 : n->rss_bytes);
	if (held(b) || held(n))
		amount(f, "held by the allocator", held(b), held(n));
	amount(f, "outstanding", b->outstanding_bytes, n->outstanding_bytes);
	if (b->mapped_bytes || n->mapped_bytes)
		amount(f, "mapped by the program", b->mapped_bytes, n->mapped_bytes);
}

static void frames(FILE *f, const struct report_site *s, const struct diff_style *style)
{
	size_t shown = style->frames && s->nframes > style->frames ? style->frames : s->nframes;
	char label[LABEL_TEXT], file[1024];

	if (!shown)
		fprintf(f, "unknown callsite\n");
	for (size_t i = 0; i < shown; i++) {
		fprintf(f, "%*s%s", i ? 31 : 0, "",
			label_frame(label, sizeof(label), &s->frames[i]));
		if (s->frames[i].file)
			fprintf(f, "  %s:%" PRIu32,
				utf8_clean(file, sizeof(file), label_base_name(s->frames[i].file)),
				s->frames[i].line);
		fputc('\n', f);
	}
	if (shown < s->nframes)
		fprintf(f, "%31s... %zu more frames\n", "", s->nframes - shown);
}

static bool changed(const struct delta_site *d)
{
	return d->bytes || d->blocks;
}

/* The largest changes first, growth before its opposite. */
static int by_size(const void *a, const void *b)
{
	const struct delta_site *x = a, *y = b;
	uint64_t m = x->bytes < 0 ? 0 - (uint64_t)x->bytes : (uint64_t)x->bytes;
	uint64_t n = y->bytes < 0 ? 0 - (uint64_t)y->bytes : (uint64_t)y->bytes;

	if (m != n)
		return m < n ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->site->stack < y->site->stack ? -1 : x->site->stack > y->site->stack;
}

static int sites(FILE *f, const struct report_process *before, const struct report_process *now,
		 const struct diff_style *style)
{
	struct delta_site *d;
	int64_t n = delta_sites(now, before, &d);
	size_t shown = 0, all = 0;
	char text[SIGNED_TEXT];

	if (n < 0)
		return (int)n;
	qsort(d, (size_t)n, sizeof(*d), by_size);
	for (int64_t i = 0; i < n; i++) {
		if (!changed(&d[i]))
			continue;
		all++;
		if (style->top && shown == style->top)
			continue;
		if (!shown++)
			fprintf(f, "%11s %11s  kind  callsite, innermost first\n", "change",
				"blocks");
		fprintf(f, "%11s %+11" PRId64 "  %s  ", change(text, d[i].bytes), d[i].blocks,
			d[i].site->kind == REPORT_HEAP ? "heap" : "map ");
		frames(f, d[i].site, style);
	}
	if (shown < all)
		fprintf(f, "            %zu more callsites changed (see --top)\n", all - shown);
	if (!all)
		fprintf(f, "  no callsite holds more or less\n");
	free(d);
	return 0;
}

static int process(FILE *f, const struct report_process *before, const struct report_process *now,
		   const struct diff_style *style)
{
	const struct report_process *p = now ? now : before;
	char comm[256], exe[4200];

	fprintf(f, "\n%" PRIu32 " (%s)  %s%s\n", p->pid, utf8_clean(comm, sizeof(comm), p->comm),
		utf8_clean(exe, sizeof(exe), p->exe),
		!before				 ? "  [new]"
		: !now				 ? "  [gone]"
		: now->exited && !before->exited ? "  [ended meanwhile]"
		: now->exited			 ? "  [ended]"
						 : "");
	totals(f, before, now);
	return sites(f, before, now, style);
}

int diff_write(FILE *f, const struct report *before, const struct report *now,
	       const struct diff_style *style)
{
	int err = 0;

	fprintf(f, "heapwatch: from %.1f s to %.1f s after the attach\n",
		(double)before->elapsed_ns / 1e9, (double)now->elapsed_ns / 1e9);
	for (size_t i = 0; i < now->nprocesses && !err; i++)
		err = process(f, delta_find(before, &now->processes[i]), &now->processes[i], style);
	for (size_t i = 0; i < before->nprocesses && !err; i++)
		if (!delta_find(now, &before->processes[i]))
			err = process(f, &before->processes[i], NULL, style);
	fputc('\n', f);
	return err ? err : fflush(f) || ferror(f) ? -EIO : 0;
}
