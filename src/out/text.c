// SPDX-License-Identifier: GPL-2.0
#include "out/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"

#define BOLD "\033[1m"
#define DIM  "\033[2m"
#define WARM "\033[33m"

/* Lines are made whole, then cut to the width: so no escape sequence is ever cut. */
struct text {
	FILE *f;
	const struct text_style *style;
};

/* Columns are counted in characters; a double-width one is rare enough here to be cut late. */
static size_t cut(const char *line, unsigned int width)
{
	size_t n = 0, columns = 0;

	for (; line[n]; n++)
		if (((unsigned char)line[n] & 0xc0) != 0x80 && ++columns > width && width)
			break;
	return n;
}

static void put(const struct text *t, const char *attribute, const char *line)
{
	int n = (int)cut(line, t->style->width);

	if (t->style->colour && attribute)
		fprintf(t->f, "%s%.*s\033[0m\n", attribute, n, line);
	else
		fprintf(t->f, "%.*s\n", n, line);
}

/* 1,234,567 */
static const char *grouped(char buf[32], uint64_t n)
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

static void amount(const struct text *t, const char *what, uint64_t bytes, uint64_t rss,
		   const char *note)
{
	char line[512], size[SIZE_TEXT], share[16] = "";

	if (rss)
		snprintf(share, sizeof(share), "%5.1f %%", 100.0 * (double)bytes / (double)rss);
	snprintf(line, sizeof(line), "  %-30s %10s %8s  %s", what, size_format(size, bytes), share,
		 note);
	put(t, NULL, line);
}

static void header(const struct text *t, const struct report_process *p)
{
	char line[8192], comm[256], exe[4200], from[256];

	snprintf(line, sizeof(line), "%" PRIu32 " (%s)  %s%s", p->pid,
		 utf8_clean(comm, sizeof(comm), p->comm), utf8_clean(exe, sizeof(exe), p->exe),
		 p->exited ? "  [ended]" : "");
	put(t, BOLD, line);
	snprintf(line, sizeof(line), "  %s by %s, mappings by %s",
		 utf8_clean(from, sizeof(from), p->allocator), p->user_probes, p->kernel_probes);
	put(t, DIM, line);
	if (strcmp(p->mode, "exact")) {
		char n[32];

		snprintf(line, sizeof(line),
			 "  %s: %s events lost; blocks may be missing, or shown though freed (see "
			 "--ring-size)",
			 p->mode, grouped(n, p->lost_events));
		put(t, WARM, line);
	}
}

static void balance(const struct text *t, const struct report_process *p)
{
	uint64_t rss = p->rss_bytes;
	char note[128], n[32], size[SIZE_TEXT];

	amount(t, "RSS", rss, rss, "");
	amount(t, "shared (files, shmem)", p->shared_bytes, rss, "of RSS");
	snprintf(note, sizeof(note), "%s blocks since the attach",
		 grouped(n, p->outstanding_blocks));
	amount(t, "outstanding", p->outstanding_bytes, rss, note);
	amount(t, "mapped by the program", p->mapped_bytes, rss, "since the attach");
	if (p->mapped_allocator_bytes)
		amount(t, "mapped by the allocator", p->mapped_allocator_bytes, rss,
		       "since the attach; holds blocks above");
	if (p->mapped_older_bytes)
		amount(t, "mapped before the attach", p->mapped_older_bytes, rss,
		       "address space; what is resident of it is in the next line");
	amount(t, "unexplained", p->unexplained_bytes, rss,
	       "RSS - shared - outstanding - mapped by the program");
	if (p->older_freed_blocks || p->older_freed_bytes) {
		snprintf(note, sizeof(note), "%s blocks, and mappings, from before the attach",
			 grouped(n, p->older_freed_blocks));
		amount(t, "older memory freed", p->older_freed_bytes, 0, note);
	}
	if (p->advised_bytes || p->mapped_reserved_bytes) {
		snprintf(note, sizeof(note), "reserved without access: %s",
			 size_format(size, p->mapped_reserved_bytes));
		amount(t, "given back by madvise", p->advised_bytes, 0, note);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void frame(const struct text *t, const struct report_frame *f, const char *indent)
{
	char line[8192], function[2048], where[2048], tail[2100] = "";

	if (f->file) {
		utf8_clean(where, sizeof(where), base_name(f->file));
		snprintf(tail, sizeof(tail), "  %s:%" PRIu32, where, f->line);
	} else if (f->module && f->function) {
		utf8_clean(where, sizeof(where), base_name(f->module));
		snprintf(tail, sizeof(tail), "  (%s)", where);
	}
	if (f->function)
		utf8_clean(function, sizeof(function), f->function);
	else if (f->module)
		snprintf(function, sizeof(function), "%s+0x%" PRIx64,
			 utf8_clean(where, sizeof(where), base_name(f->module)), f->offset);
	else
		snprintf(function, sizeof(function), "0x%" PRIx64, f->pc);
	snprintf(line, sizeof(line), "%s%s%s", indent, function, tail);
	put(t, NULL, line);
}

static void site(const struct text *t, const struct report_site *s)
{
	size_t shown = s->nframes;
	char head[64], line[128], size[SIZE_TEXT], n[32];

	if (t->style->frames && shown > t->style->frames)
		shown = t->style->frames;
	snprintf(head, sizeof(head), "%10s %11s  %s  ", size_format(size, s->bytes),
		 grouped(n, s->blocks), s->kind == REPORT_HEAP ? "heap" : "map ");
	if (!shown) {
		snprintf(line, sizeof(line), "%sunknown callsite", head);
		put(t, NULL, line);
	}
	for (size_t i = 0; i < shown; i++) {
		frame(t, &s->frames[i], head);
		snprintf(head, sizeof(head), "%30s", "");
	}
	if (shown < s->nframes) {
		snprintf(line, sizeof(line), "%30s... %zu more frames", "", s->nframes - shown);
		put(t, DIM, line);
	} else if (s->truncated) {
		snprintf(line, sizeof(line), "%30s... the stack could not be followed further", "");
		put(t, DIM, line);
	}
}

static void process(const struct text *t, const struct report_process *p)
{
	char line[256], size[SIZE_TEXT], n[32];

	header(t, p);
	balance(t, p);
	if (!p->nsites) {
		put(t, NULL, "  nothing allocated since the attach is still held");
		return;
	}
	snprintf(line, sizeof(line), "%10s %11s  kind  callsite, innermost first", "bytes",
		 "blocks");
	put(t, BOLD, line);
	for (size_t i = 0; i < p->nsites; i++)
		site(t, &p->sites[i]);
	if (p->nsites < p->sites_total) {
		snprintf(line, sizeof(line), "%10s in %s more callsites (see --top, --min-size)",
			 size_format(size, p->hidden_bytes),
			 grouped(n, p->sites_total - p->nsites));
		put(t, DIM, line);
	}
}

int text_write(FILE *f, const struct report *r, const struct text_style *style)
{
	const struct text t = {.f = f, .style = style};
	char line[128];

	snprintf(line, sizeof(line), "heapwatch: %.1f s after the attach%s",
		 (double)r->elapsed_ns / 1e9, r->last ? ", last report" : "");
	put(&t, DIM, line);
	for (size_t i = 0; i < r->nprocesses; i++) {
		fputc('\n', f);
		process(&t, &r->processes[i]);
	}
	fputc('\n', f);
	return ferror(f) ? -EIO : 0;
}
