// SPDX-License-Identifier: GPL-2.0
#include "out/pprof.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/intern.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/delta.h"
#include "out/label.h"
#include "profile.pb-c.h"

#define VALUES 4
#define LABELS 3
#define PAGE   4096u

/* What identifies each kind of entry; without padding, since they are compared as bytes. */
struct function_key {
	int64_t name, file;
};

struct mapping_key {
	uint64_t process; /* number in the report: address spaces are apart */
	int64_t file;
	uint64_t bias; /* address - offset in the file */
};

struct location_key {
	uint64_t mapping, pc, function, line; /* mapping, function: 1 and up; 0: none */
};

/* What is in a mapping, as far as frames tell. */
struct extent {
	uint64_t first, last;
	bool unnamed, unfiled; /* a frame without a function, a line */
};

struct builder {
	struct arena *arena;
	struct intern *strings, *functions, *mappings, *locations;
	struct extent *extents; /* by mapping */
	size_t nextents;
	Pprof__Sample **samples;
	size_t nsamples, room;
	uint64_t process; /* the one being added */
	int err;
};

/* A number of the string table; the first error sticks, and 0 is returned from then on. */
static int64_t number(struct builder *b, struct intern *in, const void *key, size_t len)
{
	int64_t n = b->err ? b->err : intern__add(in, key, len);

	if (n < 0)
		b->err = (int)n;
	return n < 0 ? 0 : n;
}

static int64_t string(struct builder *b, const char *s)
{
	char clean[4096];

	if (!s)
		return 0;
	utf8_clean(clean, sizeof(clean), s);
	return number(b, b->strings, clean, strlen(clean));
}

static void *alloc(struct builder *b, size_t n, size_t size)
{
	void *p = b->err ? NULL : arena__alloc(b->arena, n, size);

	if (!p)
		b->err = b->err ? b->err : -ENOMEM;
	return p;
}

static uint64_t mapping_of(struct builder *b, const struct report_frame *f)
{
	struct mapping_key key = {.process = b->process, .bias = f->pc - f->offset};
	struct extent *x;
	size_t n;

	/* "[python]" and its like are not mapped from a file. */
	if (!f->module || f->module[0] != '/')
		return 0;
	key.file = string(b, f->module);
	n = (size_t)number(b, b->mappings, &key, sizeof(key));
	if (b->err)
		return 0;
	if (n == b->nextents) {
		x = realloc(b->extents, (n + 1) * sizeof(*x));
		if (!x) {
			b->err = -ENOMEM;
			return 0;
		}
		b->extents = x;
		b->extents[n] = (struct extent){.first = f->pc, .last = f->pc};
		b->nextents++;
	}
	x = &b->extents[n];
	x->first = f->pc < x->first ? f->pc : x->first;
	x->last = f->pc > x->last ? f->pc : x->last;
	x->unnamed |= !f->function;
	x->unfiled |= !f->file;
	return n + 1;
}

static uint64_t function_of(struct builder *b, const char *name, const char *file)
{
	struct function_key key = {string(b, name), string(b, file)};

	return name ? (uint64_t)number(b, b->functions, &key, sizeof(key)) + 1 : 0;
}

static uint64_t location(struct builder *b, const struct location_key *key)
{
	return (uint64_t)number(b, b->locations, key, sizeof(*key)) + 1;
}

/* In place of frames that are not known, so that the tree says so. */
static uint64_t placeholder(struct builder *b, const char *what)
{
	return location(b, &(struct location_key){.function = function_of(b, what, NULL)});
}

static uint64_t location_of(struct builder *b, const struct report_frame *f)
{
	return location(b, &(struct location_key){.mapping = mapping_of(b, f),
						  .pc = f->pc,
						  .function = function_of(b, f->function, f->file),
						  .line = f->function ? f->line : 0});
}

static void set_label(struct builder *b, Pprof__Label *l, const char *key, const char *text,
		      int64_t num)
{
	pprof__label__init(l);
	l->key = string(b, key);
	l->str = string(b, text);
	l->num = num;
}

static void add_sample(struct builder *b, const struct report_process *p,
		       const struct delta_site *d)
{
	const struct report_site *s = d->site;
	Pprof__Sample *sample = alloc(b, 1, sizeof(*sample));
	uint64_t *ids = alloc(b, s->nframes + 1, sizeof(*ids));
	int64_t *values = alloc(b, VALUES, sizeof(*values));
	Pprof__Label **labels = alloc(b, LABELS, sizeof(Pprof__Label *));
	Pprof__Label *label = alloc(b, LABELS, sizeof(*label));
	size_t n = 0;

	if (b->err)
		return;
	for (size_t i = 0; i < s->nframes; i++)
		ids[n++] = location_of(b, &s->frames[i]);
	if (!n)
		ids[n++] = placeholder(b, LABEL_UNKNOWN);
	else if (s->truncated)
		ids[n++] = placeholder(b, LABEL_TRUNCATED);
	values[0] = d->allocated_blocks;
	values[1] = d->allocated_bytes;
	values[2] = d->blocks;
	values[3] = d->bytes;
	set_label(b, &label[0], "process", p->comm, 0);
	set_label(b, &label[1], "pid", NULL, p->pid);
	set_label(b, &label[2], "kind", s->kind == REPORT_HEAP ? "heap" : "map", 0);
	for (size_t i = 0; i < LABELS; i++)
		labels[i] = &label[i];
	pprof__sample__init(sample);
	sample->n_location_id = n;
	sample->location_id = ids;
	sample->n_value = VALUES;
	sample->value = values;
	sample->n_label = LABELS;
	sample->label = labels;
	if (b->nsamples == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		Pprof__Sample **grown = realloc(b->samples, room * sizeof(*grown));

		if (!grown) {
			b->err = -ENOMEM;
			return;
		}
		b->samples = grown;
		b->room = room;
	}
	b->samples[b->nsamples++] = sample;
}

static void add_process(struct builder *b, const struct report_process *now,
			const struct report_process *before)
{
	struct delta_site *d = NULL;
	int64_t n = b->err ? b->err : delta_sites(now, before, &d);

	if (n < 0)
		b->err = (int)n;
	for (int64_t i = 0; i < n && !b->err; i++)
		if (d[i].bytes || d[i].blocks || d[i].allocated_bytes || d[i].allocated_blocks)
			add_sample(b, now ? now : before, &d[i]);
	free(d);
	b->process++;
}

static void set_mappings(struct builder *b, Pprof__Profile *p)
{
	size_t n = intern__count(b->mappings);
	Pprof__Mapping *m = alloc(b, n, sizeof(*m));
	Pprof__Mapping **list = alloc(b, n, sizeof(Pprof__Mapping *));
	struct mapping_key key;

	for (size_t i = 0; i < n && !b->err; i++) {
		const struct extent *x = &b->extents[i];

		memcpy(&key, intern__key(b->mappings, i, NULL), sizeof(key));
		list[i] = &m[i];
		pprof__mapping__init(&m[i]);
		m[i].id = i + 1;
		m[i].memory_start = x->first & ~(uint64_t)(PAGE - 1);
		m[i].memory_limit = (x->last | (PAGE - 1)) + 1;
		m[i].file_offset = m[i].memory_start - key.bias;
		m[i].filename = key.file;
		m[i].has_functions = !x->unnamed;
		m[i].has_filenames = m[i].has_line_numbers = !x->unfiled;
	}
	p->n_mapping = b->err ? 0 : n;
	p->mapping = list;
}

static void set_locations(struct builder *b, Pprof__Profile *p)
{
	size_t n = intern__count(b->locations);
	Pprof__Location *l = alloc(b, n, sizeof(*l));
	Pprof__Location **list = alloc(b, n, sizeof(Pprof__Location *));
	Pprof__Line *lines = alloc(b, n, sizeof(*lines));
	Pprof__Line **line_list = alloc(b, n, sizeof(Pprof__Line *));
	struct location_key key;

	for (size_t i = 0; i < n && !b->err; i++) {
		memcpy(&key, intern__key(b->locations, i, NULL), sizeof(key));
		list[i] = &l[i];
		pprof__location__init(&l[i]);
		l[i].id = i + 1;
		l[i].mapping_id = key.mapping;
		l[i].address = key.pc;
		pprof__line__init(&lines[i]);
		lines[i].function_id = key.function;
		lines[i].line = (int64_t)key.line;
		line_list[i] = &lines[i];
		l[i].n_line = key.function ? 1 : 0;
		l[i].line = &line_list[i];
	}
	p->n_location = b->err ? 0 : n;
	p->location = list;
}

static void set_functions(struct builder *b, Pprof__Profile *p)
{
	size_t n = intern__count(b->functions);
	Pprof__Function *f = alloc(b, n, sizeof(*f));
	Pprof__Function **list = alloc(b, n, sizeof(Pprof__Function *));
	struct function_key key;

	for (size_t i = 0; i < n && !b->err; i++) {
		memcpy(&key, intern__key(b->functions, i, NULL), sizeof(key));
		list[i] = &f[i];
		pprof__function__init(&f[i]);
		f[i].id = i + 1;
		f[i].name = f[i].system_name = key.name;
		f[i].filename = key.file;
	}
	p->n_function = b->err ? 0 : n;
	p->function = list;
}

static void set_strings(struct builder *b, Pprof__Profile *p)
{
	size_t n = intern__count(b->strings);
	char **list = alloc(b, n, sizeof(*list));

	for (size_t i = 0; i < n && !b->err; i++)
		list[i] = (char *)intern__key(b->strings, i, NULL);
	p->n_string_table = b->err ? 0 : n;
	p->string_table = list;
}

static void set_type(struct builder *b, Pprof__ValueType *t, const char *type, const char *unit)
{
	pprof__value_type__init(t);
	t->type = string(b, type);
	t->unit = string(b, unit);
}

static int write_gzip(FILE *f, const uint8_t *data, size_t len)
{
	z_stream z = {.next_in = (uint8_t *)data};
	uint8_t out[16384];
	int zerr;

	/* 16: a gzip header, of no file and no time. */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return -ENOMEM;
	do {
		if (!z.avail_in) {
			z.avail_in = len > 1u << 30 ? 1u << 30 : (uInt)len;
			len -= z.avail_in;
		}
		z.next_out = out;
		z.avail_out = sizeof(out);
		zerr = deflate(&z, len ? Z_NO_FLUSH : Z_FINISH);
		fwrite(out, 1, sizeof(out) - z.avail_out, f);
	} while (zerr == Z_OK && !ferror(f));
	deflateEnd(&z);
	return fflush(f) || ferror(f) || zerr != Z_STREAM_END ? -EIO : 0;
}

static int pack(struct builder *b, FILE *f, const struct report *r, const struct report *before,
		enum pprof_first first)
{
	static const char *const types[VALUES][2] = {{"alloc_objects", "count"},
						     {"alloc_space", "bytes"},
						     {"inuse_objects", "count"},
						     {"inuse_space", "bytes"}};
	Pprof__Profile p = PPROF__PROFILE__INIT;
	Pprof__ValueType type[VALUES], *list[VALUES], period;
	uint8_t *data;
	size_t len;
	int err;

	for (size_t i = 0; i < VALUES; i++) {
		set_type(b, &type[i], types[i][0], types[i][1]);
		list[i] = &type[i];
	}
	set_type(b, &period, "space", "bytes");
	p.n_sample_type = VALUES;
	p.sample_type = list;
	p.period_type = &period;
	p.period = 1; /* every call is seen */
	p.time_nanos = (int64_t)r->time_ns;
	p.duration_nanos = (int64_t)(r->elapsed_ns - (before ? before->elapsed_ns : 0));
	p.default_sample_type =
	    string(b, first == PPROF_ALLOC_SPACE ? "alloc_space" : "inuse_space");
	p.n_sample = b->nsamples;
	p.sample = b->samples;
	set_mappings(b, &p);
	set_locations(b, &p);
	set_functions(b, &p);
	set_strings(b, &p); /* the last: the others add to them */
	if (b->err)
		return b->err;
	len = pprof__profile__get_packed_size(&p);
	data = malloc(len ? len : 1);
	if (!data)
		return -ENOMEM;
	pprof__profile__pack(&p, data);
	err = write_gzip(f, data, len);
	free(data);
	return err;
}

int pprof_write(FILE *f, const struct report *r, const struct report *before,
		enum pprof_first first)
{
	struct builder b = {.arena = arena__new(),
			    .strings = intern__new(),
			    .functions = intern__new(),
			    .mappings = intern__new(),
			    .locations = intern__new()};

	if (!b.arena || !b.strings || !b.functions || !b.mappings || !b.locations)
		b.err = -ENOMEM;
	else
		number(&b, b.strings, "", 0); /* the format wants it first */
	for (size_t i = 0; i < r->nprocesses; i++)
		add_process(&b, &r->processes[i], delta_find(before, &r->processes[i]));
	for (size_t i = 0; before && i < before->nprocesses; i++)
		if (!delta_find(r, &before->processes[i]))
			add_process(&b, NULL, &before->processes[i]);
	if (!b.err)
		b.err = pack(&b, f, r, before, first);
	free(b.samples);
	free(b.extents);
	intern__free(b.locations);
	intern__free(b.mappings);
	intern__free(b.functions);
	intern__free(b.strings);
	arena__free(b.arena);
	return b.err;
}
