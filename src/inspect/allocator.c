// SPDX-License-Identifier: GPL-2.0
#include "inspect/allocator.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "inspect/jemalloc.h"
#include "inspect/mimalloc.h"
#include "inspect/tcmalloc.h"
#include "model/modules.h"

static int locate_jemalloc(pid_t pid, const struct modules *m, uint64_t *at)
{
	struct jemalloc j;
	int err = jemalloc_locate(pid, m, &j);

	if (!err) {
		at[0] = j.arenas;
		at[1] = j.bin_infos;
		at[2] = j.emap;
	}
	return err;
}

static int look_jemalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			 struct allocator_figures *out)
{
	const struct jemalloc j = {memory_of(pid), at[0], at[1], at[2]};
	struct jemalloc_state s;
	int err = jemalloc_read(&j, &s);

	(void)m;
	if (!err) {
		out->system = s.system;
		out->in_use = s.in_use;
		out->steady = s.steady;
	}
	return err;
}

static int survey_jemalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			   struct pagemap *pages, struct allocator_ranges *out)
{
	const struct jemalloc j = {memory_of(pid), at[0], at[1], at[2]};

	(void)m;
	return jemalloc_ranges(&j, pages, out);
}

static int locate_tcmalloc(pid_t pid, const struct modules *m, uint64_t *at)
{
	struct tcmalloc t;
	int err = tcmalloc_locate(pid, m, &t);

	if (!err) {
		at[0] = t.lock;
		at[1] = t.thread_heaps;
	}
	return err;
}

static int look_tcmalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			 struct allocator_figures *out)
{
	const struct tcmalloc t = {memory_of(pid), at[0], at[1]};
	struct tcmalloc_state s;
	int err = tcmalloc_read(&t, &s);

	(void)m;
	if (!err) {
		out->system = s.system - s.unmapped;
		out->in_use = s.in_use;
		out->steady = s.steady;
	}
	return err;
}

static int survey_tcmalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			   struct pagemap *pages, struct allocator_ranges *out)
{
	const struct tcmalloc t = {memory_of(pid), at[0], at[1]};

	(void)m;
	return tcmalloc_ranges(&t, pages, out);
}

static int locate_mimalloc(pid_t pid, const struct modules *m, uint64_t *at)
{
	struct mimalloc mi;
	int err = mimalloc_locate(pid, m, &mi);

	if (!err)
		at[0] = mi.heap_main;
	return err;
}

static int look_mimalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			 struct allocator_figures *out)
{
	struct mimalloc mi = {.mem = memory_of(pid), .heap_main = at[0]};
	struct mimalloc_state s;
	int err = mimalloc_survey(&mi, m);

	if (!err)
		err = mimalloc_read(&mi, &s);
	if (!err) {
		/* Read one after the other: a page may have been committed in between. */
		out->system = s.system > s.in_use ? s.system : s.in_use;
		out->in_use = s.in_use;
		out->steady = s.steady;
	}
	mimalloc_release(&mi);
	return err;
}

static int survey_mimalloc(pid_t pid, const struct modules *m, const uint64_t *at,
			   struct pagemap *pages, struct allocator_ranges *out)
{
	struct mimalloc mi = {.mem = memory_of(pid), .heap_main = at[0]};
	int err = mimalloc_survey(&mi, m);

	(void)pages;
	if (!err)
		err = mimalloc_ranges(&mi, out);
	mimalloc_release(&mi);
	return err;
}

static const struct row {
	const char *name;
	/* Where its variables are: 0, or -ENOENT where it is not this one, or why it cannot be
	 * read. */
	int (*locate)(pid_t pid, const struct modules *m, uint64_t *at);
	int (*look)(pid_t pid, const struct modules *m, const uint64_t *at,
		    struct allocator_figures *out);
	int (*survey)(pid_t pid, const struct modules *m, const uint64_t *at, struct pagemap *pages,
		      struct allocator_ranges *out);
} rows[] = {
    {"jemalloc", locate_jemalloc, look_jemalloc, survey_jemalloc},
    {"tcmalloc", locate_tcmalloc, look_tcmalloc, survey_tcmalloc},
    {"mimalloc", locate_mimalloc, look_mimalloc, survey_mimalloc},
};

#define ROWS (sizeof(rows) / sizeof(*rows))

/* FNV-1a over which files are mapped to be executed, and where. */
static uint64_t files_of(const struct modules *m)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *x = modules__at(m, i);
		const uint64_t words[] = {x->start, x->inode, modules_dev(x)};

		for (size_t k = 0; x->inode && x->exec && k < 3; k++)
			sum = (sum ^ words[k]) * 0x100000001b3;
	}
	return sum;
}

static int locate(pid_t pid, const struct modules *m, struct allocator_place *place)
{
	uint64_t files = files_of(m);
	int err = -ENOENT;

	if (place->looked && place->files == files)
		return place->row < ROWS ? 0 : -ENOENT;
	for (place->row = 0; place->row < ROWS; place->row++) {
		err = rows[place->row].locate(pid, m, place->at);
		if (err != -ENOENT)
			break;
	}
	place->looked = !err || err == -ENOENT;
	place->files = files;
	return err;
}

int allocator_look(pid_t pid, const struct modules *m, struct allocator_place *place,
		   struct allocator_figures *out)
{
	int err = locate(pid, m, place);

	if (err)
		return err;
	*out = (struct allocator_figures){.name = rows[place->row].name};
	return rows[place->row].look(pid, m, place->at, out);
}

int allocator_survey(pid_t pid, const struct modules *m, const struct allocator_place *place,
		     struct pagemap *pages, struct allocator_ranges *out)
{
	if (!place->looked || place->row >= ROWS)
		return -ENOENT;
	return rows[place->row].survey(pid, m, place->at, pages, out);
}
