// SPDX-License-Identifier: GPL-2.0
#include "out/index_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/groups.h"
#include "model/machine.h"
#include "model/report.h"

#define SHOWN 100 /* groups */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>heapwatch</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><style>\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;"
    "color:#1b1f24;background:#fff}\n"
    "h1{font-size:1.4em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .4em}a{color:#0757ad}\n"
    "table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.2em .6em;"
    "border-bottom:1px solid #d9dee3;white-space:nowrap}th{font-weight:600;background:#f3f5f7}\n"
    "th:first-child,td:first-child{text-align:left;white-space:normal;word-break:break-word}\n"
    "td{font-variant-numeric:tabular-nums}ul{padding-left:1.2em;margin:.3em 0}"
    ".dim{color:#5a6470}.scroll{overflow-x:auto}\n"
    "@media(prefers-color-scheme:dark){body{color:#dfe3e8;background:#15181c}a{color:#7db7ff}"
    "th{background:#20252b}th,td{border-color:#333a42}.dim{color:#98a2ad}}\n"
    "</style></head><body>\n";

static const char links[] =
    "<h2>What is here</h2><ul>\n"
    "<li><a href=\"/metrics\">/metrics</a>: Prometheus text, or OpenMetrics by the Accept "
    "header</li>\n"
    "<li><a href=\"/api/report.json\">/api/report.json</a>: the same and more, for programs</li>\n"
    "<li><a href=\"/healthz\">/healthz</a></li>\n"
    "<li>/pid/N/debug/pprof/heap, /allocs and /group/NAME/debug/pprof/heap, /allocs: profiles of "
    "watched processes, for pprof, Parca, Pyroscope; with ?seconds=N what changes "
    "meanwhile</li>\n</ul>\n";

static void text(FILE *f, const char *s)
{
	char clean[1024];

	for (s = utf8_clean(clean, sizeof(clean), s); *s; s++)
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*s, f);
		}
}

/* A part of a path; a group's name may have slashes, and they may stay. */
static void part(FILE *f, const char *s)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@";

	for (; *s; s++)
		fprintf(f, strchr(plain, *s) ? "%c" : "%%%02X", (unsigned char)*s);
}

static void size(FILE *f, bool known, uint64_t bytes)
{
	char word[SIZE_TEXT];

	fprintf(f, "<td>%s</td>", known ? size_format(word, bytes) : "&ndash;");
}

static void profiles(FILE *f, const char *where, const char *name)
{
	static const char *const kinds[] = {"heap", "allocs"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		fprintf(f, "%s<a href=\"/%s/", i ? " " : "", where);
		part(f, name);
		fprintf(f, "/debug/pprof/%s\">%s</a>", kinds[i], kinds[i]);
	}
}

static void row(FILE *f, const struct group *g)
{
	bool known = g->exact || g->estimated;

	fputs("<tr><td>", f);
	text(f, g->name);
	fprintf(f, "</td><td>%u</td>", g->processes);
	size(f, true, g->rss);
	size(f, true, g->unshared);
	size(f, known, g->system);
	size(f, known, g->in_use);
	size(f, g->with_resident_free, g->resident_free);
	size(f, g->watched, g->outstanding);
	fputs("<td>", f);
	if (g->watched)
		profiles(f, "group", g->name);
	fputs("</td></tr>\n", f);
}

static int by_rss(const void *a, const void *b)
{
	const struct group *x = *(const struct group *const *)a;
	const struct group *y = *(const struct group *const *)b;

	return x->rss != y->rss ? (x->rss < y->rss ? 1 : -1) : strcmp(x->name, y->name);
}

static int rows(FILE *f, const struct groups *g)
{
	size_t n = groups__count(g);
	const struct group **all = calloc(n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		all[i] = groups__at(g, i);
	qsort(all, n, sizeof(*all), by_rss);
	fputs("<h2>Groups</h2><div class=\"scroll\"><table><tr><th>group</th><th>processes</th>"
	      "<th>RSS</th><th>not shared</th><th>malloc holds</th><th>in use</th>"
	      "<th>free, resident</th><th>outstanding</th><th>profiles</th></tr>\n",
	      f);
	for (size_t i = 0; i < n && i < SHOWN; i++)
		row(f, all[i]);
	fputs("</table></div>\n", f);
	if (n > SHOWN)
		fprintf(f, "<p class=\"dim\">and %zu more, in /metrics</p>\n", n - SHOWN);
	free(all);
	return 0;
}

static void watched(FILE *f, const struct report *r)
{
	fputs("<h2>Watched processes</h2><div class=\"scroll\"><table><tr><th>process</th>"
	      "<th>RSS</th><th>outstanding</th><th>blocks</th><th>callsites</th><th>events</th>"
	      "<th>lost</th><th>figures</th><th>profiles</th></tr>\n",
	      f);
	for (size_t i = 0; i < r->nprocesses; i++) {
		const struct report_process *p = &r->processes[i];
		char pid[16];

		snprintf(pid, sizeof(pid), "%u", p->pid);
		fprintf(f, "<tr><td>%s ", pid);
		text(f, p->comm);
		fputs("</td>", f);
		size(f, true, p->rss_bytes);
		size(f, true, p->outstanding_bytes);
		fprintf(f, "<td>%llu</td><td>%zu</td><td>%llu</td><td>%llu</td><td>%s</td><td>",
			(unsigned long long)p->outstanding_blocks, p->sites_total,
			(unsigned long long)p->events, (unsigned long long)p->lost_events, p->mode);
		profiles(f, "pid", pid);
		fputs("</td></tr>\n", f);
	}
	fputs("</table></div>\n", f);
}

int index_page_write(FILE *f, const char *version, const struct groups *g, const struct machine *m,
		     const struct report *r)
{
	time_t when = (time_t)(m->time_ns / 1000000000u);
	char word[SIZE_TEXT], clock[32] = "";
	struct tm tm;
	int err;

	if (gmtime_r(&when, &tm))
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fputs(head, f);
	fprintf(f, "<h1>heapwatch %s</h1><p class=\"dim\">%s: %zu processes hold ", version, clock,
		m->nprocesses - m->kernel_threads);
	fprintf(f, "%s of ", size_format(word, m->held));
	fprintf(f, "%s, each page counted once; swapped out ", size_format(word, m->memory.total));
	fprintf(f, "%s. This page is of the last tick.</p>\n", size_format(word, m->swap_sum));
	fputs(links, f);
	if (r && r->nprocesses)
		watched(f, r);
	err = rows(f, g);
	fputs("</body></html>\n", f);
	return fflush(f) || ferror(f) ? -EIO : err;
}
