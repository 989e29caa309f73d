// SPDX-License-Identifier: GPL-2.0
#include "out/html.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "model/report.h"
#include "out/html_page.h"
#include "out/label.h"
#include "out/packer.h"

/* Without padding: keys of tables. */
struct process_key {
	uint64_t pid, start_time;
};

struct site_key {
	uint64_t process, kind, stack, nframes;
};

struct frame_key {
	int64_t label, file, line, module;
};

#define SITE_VALUES 4 /* bytes, blocks, bytes ever allocated, whether they are estimated */

struct html_site {
	int64_t *stack; /* its frames' numbers, leaf first, after how many; what ends it */
	uint64_t value[SITE_VALUES];
	uint32_t tick; /* the last that had it, from 1; 0: none */
};

struct html {
	struct intern *texts, *frames, *processes, *sites;
	struct html_site *site; /* by number */
	size_t nsite;
	char *instants, *marks, *notes; /* JSON, without the brackets around */
	size_t instants_len, marks_len, notes_len;
	FILE *instants_f, *marks_f, *notes_f;
	int64_t *exe; /* texts, by process: as they were last */
	int64_t *comm;
	size_t nexe;
	uint32_t tick;
	uint64_t start_ns; /* CLOCK_REALTIME of the attach */
	int err;
};

struct html *html__new(void)
{
	struct html *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->texts = intern__new();
	h->frames = intern__new();
	h->processes = intern__new();
	h->sites = intern__new();
	h->instants_f = open_memstream(&h->instants, &h->instants_len);
	h->marks_f = open_memstream(&h->marks, &h->marks_len);
	h->notes_f = open_memstream(&h->notes, &h->notes_len);
	if (!h->texts || !h->frames || !h->processes || !h->sites || !h->instants_f ||
	    !h->marks_f || !h->notes_f || intern__add(h->texts, "", 0) < 0) {
		html__free(h);
		return NULL;
	}
	return h;
}

void html__free(struct html *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->nsite; i++)
		free(h->site[i].stack);
	free(h->site);
	free(h->exe);
	free(h->comm);
	if (h->instants_f)
		fclose(h->instants_f);
	if (h->marks_f)
		fclose(h->marks_f);
	if (h->notes_f)
		fclose(h->notes_f);
	free(h->instants);
	free(h->marks);
	free(h->notes);
	intern__free(h->texts);
	intern__free(h->frames);
	intern__free(h->processes);
	intern__free(h->sites);
	free(h);
}

/* The first error stays; numbers from then on are 0. */
static int64_t number(struct html *h, struct intern *in, const void *key, size_t len)
{
	int64_t n = h->err ? h->err : intern__add(in, key, len);

	if (n < 0)
		h->err = (int)n;
	return n < 0 ? 0 : n;
}

static int64_t text(struct html *h, const char *s)
{
	return s ? number(h, h->texts, s, strlen(s)) : 0;
}

static int64_t frame(struct html *h, const struct report_frame *f)
{
	char label[LABEL_TEXT];
	struct frame_key key = {.label = text(h, label_frame(label, sizeof(label), f)),
				.file = text(h, f->file),
				.line = f->line,
				.module = text(h, f->module)};

	return number(h, h->frames, &key, sizeof(key));
}

static int64_t *stack(struct html *h, const struct report_site *s)
{
	const struct report_frame unknown = {.function = LABEL_UNKNOWN};
	const struct report_frame end = {.function = LABEL_TRUNCATED, .module = s->reason};
	int64_t *list = calloc(s->nframes + 2, sizeof(*list));
	size_t n = 0;

	if (!list) {
		h->err = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < s->nframes; i++)
		list[++n] = frame(h, &s->frames[i]);
	if (!n)
		list[++n] = frame(h, &unknown);
	else if (s->truncated)
		list[++n] = frame(h, &end);
	list[0] = (int64_t)n;
	return list;
}

static bool grow(struct html *h, void *list, size_t have, size_t need, size_t size)
{
	void *grown = realloc(*(void **)list, need * size);

	if (!grown) {
		h->err = -ENOMEM;
		return false;
	}
	memset((char *)grown + have * size, 0, (need - have) * size);
	*(void **)list = grown;
	return true;
}

static struct html_site *site_of(struct html *h, int64_t process, const struct report_site *s,
				 int64_t *out)
{
	struct site_key key = {(uint64_t)process, s->kind, s->stack, s->nframes};
	size_t n = (size_t)number(h, h->sites, &key, sizeof(key));

	*out = (int64_t)n;
	if (h->err)
		return NULL;
	if (n == h->nsite) {
		if (!grow(h, &h->site, n, n + 1, sizeof(*h->site)))
			return NULL;
		h->nsite++;
		h->site[n].stack = stack(h, s);
	}
	return h->err ? NULL : &h->site[n];
}

static void put(FILE *f, int64_t n)
{
	fprintf(f, ",%lld", (long long)n);
}

static void add_sites(struct html *h, int64_t process, const struct report_process *p)
{
	for (size_t i = 0; i < p->nsites && !h->err; i++) {
		const struct report_site *s = &p->sites[i];
		const uint64_t now[SITE_VALUES] = {s->bytes, s->blocks, s->allocated_bytes,
						   s->estimated};
		int64_t id;
		struct html_site *x = site_of(h, process, s, &id);

		if (!x)
			return;
		x->tick = h->tick;
		if (!memcmp(x->value, now, sizeof(now)))
			continue;
		put(h->instants_f, id);
		for (int k = 0; k < SITE_VALUES; k++) {
			put(h->instants_f, (int64_t)(now[k] - x->value[k]));
			x->value[k] = now[k];
		}
	}
}

/* Sites that hold nothing any more. */
static void drop_sites(struct html *h)
{
	for (size_t i = 0; i < h->nsite; i++) {
		struct html_site *x = &h->site[i];

		if (x->tick == h->tick || (!x->value[0] && !x->value[1]))
			continue;
		put(h->instants_f, (int64_t)i);
		for (int k = 0; k < SITE_VALUES; k++) {
			/* What was ever allocated is not known to have become less. */
			put(h->instants_f, k == 2 ? 0 : 0 - (int64_t)x->value[k]);
			x->value[k] = k == 2 ? x->value[k] : 0;
		}
	}
}

static int64_t process_of(struct html *h, const struct report_process *p)
{
	struct process_key key = {p->pid, p->start_time};
	size_t n = (size_t)number(h, h->processes, &key, sizeof(key));

	if (!h->err && n == h->nexe && grow(h, &h->exe, n, n + 1, sizeof(*h->exe)) &&
	    grow(h, &h->comm, n, n + 1, sizeof(*h->comm)))
		h->nexe++;
	if (h->err)
		return 0;
	h->exe[n] = text(h, p->exe);
	h->comm[n] = text(h, p->comm);
	return (int64_t)n;
}

static void add_process(struct html *h, const struct report_process *p)
{
	const struct report_allocator *a = &p->allocator;
	FILE *f = h->instants_f;

	put(f, process_of(h, p));
	put(f, p->exited);
	put(f, (int64_t)p->rss_bytes);
	put(f, (int64_t)p->shared_bytes);
	put(f, report_heap_known(a) ? (int64_t)report_held(a) : -1);
	put(f, report_in_use_known(a) ? (int64_t)(report_in_use(a) - a->tcache_bytes) : -1);
	put(f, (int64_t)p->outstanding_bytes);
	put(f, (int64_t)p->mapped_bytes);
	put(f, (int64_t)p->lost_events);
	put(f, text(h, p->mode));
}

/* [elapsed in ms, [0, per process 10 numbers], [0, per site 5 numbers: changes]] */
int html__add(struct html *h, const struct report *r)
{
	FILE *f = h->instants_f;

	fprintf(f, "%s[%llu,[0", h->tick ? "," : "", (unsigned long long)(r->elapsed_ns / 1000000));
	if (!h->tick++)
		h->start_ns = r->time_ns - r->elapsed_ns;
	for (size_t i = 0; i < r->nprocesses && !h->err; i++)
		add_process(h, &r->processes[i]);
	fputs("],[0", f);
	for (size_t i = 0; i < r->nprocesses && !h->err; i++)
		add_sites(h, process_of(h, &r->processes[i]), &r->processes[i]);
	drop_sites(h);
	fputs("]]", f);
	return h->err;
}

int html__mark(struct html *h, uint64_t elapsed_ns, uint32_t pid, const char *said)
{
	bool first = !ftell(h->marks_f);

	fprintf(h->marks_f, "%s[%llu,%u,%lld]", first ? "" : ",",
		(unsigned long long)(elapsed_ns / 1000000), pid, (long long)text(h, said));
	return h->err;
}

int html__note(struct html *h, const char *key, const char *value)
{
	bool first = !ftell(h->notes_f);

	fprintf(h->notes_f, "%s[%lld,%lld]", first ? "" : ",", (long long)text(h, key),
		(long long)text(h, value));
	return h->err;
}

static void list(struct packer *p, const int64_t *words, size_t n)
{
	packer__put(p, "[");
	for (size_t i = 0; i < n; i++) {
		packer__put(p, i ? "," : "");
		packer__number(p, words[i]);
	}
	packer__put(p, "]");
}

static void write_tables(struct html *h, struct packer *p)
{
	packer__put(p, "\"texts\":[");
	for (size_t i = 0; i < intern__count(h->texts); i++) {
		packer__put(p, i ? "," : "");
		packer__string(p, intern__key(h->texts, i, NULL));
	}
	packer__put(p, "],\"frames\":[");
	for (size_t i = 0; i < intern__count(h->frames); i++) {
		struct frame_key key;

		packer__put(p, i ? "," : "");
		memcpy(&key, intern__key(h->frames, i, NULL), sizeof(key));
		list(p, &key.label, sizeof(key) / sizeof(int64_t));
	}
	packer__put(p, "],\"processes\":[");
	for (size_t i = 0; i < h->nexe; i++) {
		struct process_key key;

		packer__put(p, i ? "," : "");
		memcpy(&key, intern__key(h->processes, i, NULL), sizeof(key));
		list(p, (int64_t[]){(int64_t)key.pid, h->comm[i], h->exe[i]}, 3);
	}
	packer__put(p, "],\"sites\":[");
	for (size_t i = 0; i < h->nsite; i++) {
		struct site_key key;

		packer__put(p, i ? ",[" : "[");
		memcpy(&key, intern__key(h->sites, i, NULL), sizeof(key));
		packer__number(p, (int64_t)key.process);
		packer__put(p, ",");
		packer__number(p, (int64_t)key.kind);
		packer__put(p, ",");
		list(p, h->site[i].stack + 1, (size_t)h->site[i].stack[0]);
		packer__put(p, "]");
	}
	packer__put(p, "]");
}

static int write_data(struct html *h, FILE *f)
{
	struct packer *p = packer__new(f);
	int err;

	if (!p)
		return -ENOMEM;
	packer__put(p, "{\"version\":1,\"start\":");
	packer__number(p, (int64_t)(h->start_ns / 1000000));
	packer__put(p, ",");
	write_tables(h, p);
	packer__put(p, ",\"instants\":[");
	packer__put(p, h->instants);
	packer__put(p, "],\"marks\":[");
	packer__put(p, h->marks);
	packer__put(p, "],\"notes\":[");
	packer__put(p, h->notes);
	packer__put(p, "]}");
	err = packer__end(p);
	packer__free(p);
	return err;
}

static void write_escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<' || *s == '>' || *s == '&' || *s == '"')
			fprintf(f, "&#%d;", *s);
		else
			fputc(*s, f);
	}
}

int html__write(struct html *h, const char *title, FILE *f)
{
	static const char *const places[] = {"@CSS@", "@TITLE@", "@DATA@", "@JS@"};
	const char *page = html_page;
	int err = h->err;

	if (!err && (fflush(h->instants_f) || fflush(h->marks_f) || fflush(h->notes_f)))
		err = -ENOMEM;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !err; i++) {
		const char *place = strstr(page, places[i]);

		fwrite(page, 1, (size_t)(place - page), f);
		page = place + strlen(places[i]);
		if (i == 0)
			fputs(html_page_css, f);
		else if (i == 1)
			write_escaped(f, title);
		else if (i == 2)
			err = write_data(h, f);
		else
			fputs(html_page_js, f);
	}
	if (!err)
		fputs(page, f);
	return err ? err : fflush(f) || ferror(f) ? -EIO : 0;
}
