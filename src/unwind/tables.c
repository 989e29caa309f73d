// SPDX-License-Identifier: GPL-2.0
#include "unwind/tables.h"

#include <bpf/bpf.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/identity.h"
#include "base/log.h"
#include "heapwatch/unwind.h"
#include "unwind/python.h"
#include "unwind/row_pages.h"
#include "unwind/rows.h"

/* An emulator maps files of other machines, whose rows mean nothing here. */
#ifdef __aarch64__
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

struct file {
	uint64_t dev, inode; /* as mappings have it; inode 0: nobody has mapped it yet */
	struct identity identity;
	uint32_t page, npages; /* 0: no rows */
	uint32_t refs;	       /* processes that map it */
	bool gone;	       /* its pages went to others */
	uint64_t nrows;
	struct segments segments;
	struct hw_python python; /* with link-time addresses */
};

struct user {
	pid_t pid;
	uint32_t files[HW_RANGES];
	uint32_t nfiles;
};

struct tables {
	struct row_pages *pages;
	int spaces_fd;
	uint32_t generation;
	tables_open_fn open;
	struct file *files;
	uint32_t nfiles;
	struct user *users;
	uint32_t nusers;
	uint64_t crowded;
	struct hw_space space; /* of the load under way: large for a stack */
};

struct tables *tables__new(int rows, int spaces, tables_open_fn open)
{
	struct tables *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->pages = row_pages__new(rows, row_pages_limit());
	if (!t->pages) {
		free(t);
		return NULL;
	}
	t->spaces_fd = spaces;
	t->open = open;
	return t;
}

void tables__free(struct tables *t)
{
	if (!t)
		return;
	row_pages__free(t->pages);
	free(t->files);
	free(t->users);
	free(t);
}

/* Pages that follow each other: fresh ones, or those of a file that nobody maps any more. */
static int take_pages(struct tables *t, uint32_t n, uint32_t *first)
{
	int err = row_pages__take(t->pages, n, first);

	if (!err)
		return 0;
	for (uint32_t i = 0; i < t->nfiles; i++) {
		struct file *f = &t->files[i];

		if (f->refs || f->npages < n)
			continue;
		*first = f->page;
		/* It is read again when somebody maps it again. */
		f->page += n;
		f->npages -= n;
		f->gone = true;
		return 0;
	}
	if (err != -ENOSPC)
		log_debug("no room for unwind tables: %s", strerror(-err));
	if (!t->crowded++)
		log_warn("there is no room for more unwind tables: in files that come from now on "
			 "stacks are followed by frame pointers only");
	return -ENOSPC;
}

static void take_rows(struct tables *t, struct file *f, int fd, const struct rows *r)
{
	uint32_t n = (uint32_t)((r->n + HW_PAGE_ROWS - 1) / HW_PAGE_ROWS);
	int err;

	if (r->machine != MACHINE)
		return;
	if (n && !take_pages(t, n, &f->page)) {
		err = row_pages__write(t->pages, f->page, r->row, r->n);
		if (err)
			log_warn("cannot write unwind tables: %s", strerror(-err));
		f->npages = err ? 0 : n;
		f->nrows = err ? 0 : r->n;
	}
	f->segments = r->segments;
	if (python_read(fd, &r->segments, &f->python) == -ENOTSUP)
		log_warn("a Python interpreter whose frames are not known: only versions "
			 "3.9 to 3.13, and not free-threaded; its C frames are shown");
}

static int64_t find_identity(const struct tables *t, const struct identity *id)
{
	for (uint32_t i = 0; i < t->nfiles; i++)
		if (!t->files[i].gone && identity_equal(&t->files[i].identity, id))
			return i;
	return -1;
}

/* The number of a file that is not known yet; r: its rows, NULL: they are to be read. */
static int64_t add_file(struct tables *t, int fd, const struct identity *id, const struct rows *r)
{
	struct file *files = reallocarray(t->files, t->nfiles + 1, sizeof(*files));
	struct file f = {.identity = *id};
	struct rows own;

	if (!files)
		return -1;
	t->files = files;
	if (r) {
		take_rows(t, &f, fd, r);
	} else {
		if (!rows_read(fd, &own))
			take_rows(t, &f, fd, &own);
		rows_free(&own);
	}
	t->files[t->nfiles] = f;
	return t->nfiles++;
}

void tables__foresee(struct tables *t, int fd, const struct rows *rows)
{
	struct identity id;

	if (!identity_of(fd, &id) && find_identity(t, &id) < 0)
		add_file(t, fd, &id, rows);
}

/* The number of the file, read where it is new; -1: it can't be looked at. */
static int64_t file_of(struct tables *t, pid_t pid, const struct tables_range *range)
{
	struct identity id;
	int64_t k;
	int fd;

	for (uint32_t i = 0; i < t->nfiles; i++)
		if (t->files[i].dev == range->dev && t->files[i].inode == range->inode &&
		    t->files[i].refs)
			return i;
	fd = t->open(pid, range->start, range->end);
	if (fd < 0)
		return -1;
	k = -1;
	if (!identity_of(fd, &id)) {
		/* Nobody maps it at the moment, but it is still the same. */
		k = find_identity(t, &id);
		if (k < 0)
			k = add_file(t, fd, &id, NULL);
	}
	close(fd);
	if (k >= 0 && !t->files[k].refs) {
		t->files[k].dev = range->dev;
		t->files[k].inode = range->inode;
	}
	return k;
}

static struct user *user_of(struct tables *t, pid_t pid)
{
	struct user *users;

	for (uint32_t i = 0; i < t->nusers; i++)
		if (t->users[i].pid == pid)
			return &t->users[i];
	users = reallocarray(t->users, t->nusers + 1, sizeof(*users));
	if (!users)
		return NULL;
	t->users = users;
	users[t->nusers] = (struct user){.pid = pid};
	return &users[t->nusers++];
}

static void release(struct tables *t, struct user *u)
{
	for (uint32_t i = 0; i < u->nfiles; i++)
		t->files[u->files[i]].refs--;
	u->nfiles = 0;
}

static void take_python(struct hw_space *space, const struct hw_python *python, uint64_t bias)
{
	if (!python->runtime || space->python.runtime)
		return;
	space->python = *python;
	space->python.runtime += bias;
	space->python.eval += bias;
	space->python.eval_end += bias;
	if (python->code_type)
		space->python.code_type += bias;
}

int tables__load(struct tables *t, pid_t pid, const struct tables_range *ranges, size_t n)
{
	struct user *u = user_of(t, pid), before;
	uint32_t key = (uint32_t)pid, known = t->nfiles;
	uint64_t start = clock_now_ns();

	if (!u)
		return -ENOMEM;
	before = *u;
	u->nfiles = 0;
	t->space = (struct hw_space){.generation = ++t->generation};
	for (size_t i = 0; i < n && t->space.n < HW_RANGES; i++) {
		struct hw_range *to = &t->space.range[t->space.n++];
		int64_t k;

		*to = (struct hw_range){.start = ranges[i].start, .end = ranges[i].end};
		if (!ranges[i].inode) {
			to->page = HW_RANGE_JIT;
			continue;
		}
		k = file_of(t, pid, &ranges[i]);
		if (k < 0)
			continue;
		t->files[k].refs++;
		u->files[u->nfiles++] = (uint32_t)k;
		if (segments_bias(&t->files[k].segments, ranges[i].start, ranges[i].offset,
				  (uint64_t *)&to->bias))
			continue;
		to->page = t->files[k].page;
		to->npages = t->files[k].npages;
		take_python(&t->space, &t->files[k].python, to->bias);
	}
	release(t, &before);
	if (bpf_map_update_elem(t->spaces_fd, &key, &t->space, BPF_ANY))
		return -errno;
	log_debug("%d: code in %u of %zu ranges, %u files read in %.1f ms; tables of %.1f MiB", pid,
		  t->space.n, n, t->nfiles - known, (double)(clock_now_ns() - start) / 1e6,
		  (double)row_pages__used(t->pages) * sizeof(struct hw_row_page) / (1 << 20));
	return 0;
}

void tables__drop(struct tables *t, pid_t pid)
{
	uint32_t key = (uint32_t)pid;

	bpf_map_delete_elem(t->spaces_fd, &key);
	for (uint32_t i = 0; i < t->nusers; i++)
		if (t->users[i].pid == pid) {
			release(t, &t->users[i]);
			t->users[i] = t->users[--t->nusers];
			return;
		}
}

void tables__counts(const struct tables *t, struct tables_counts *out)
{
	*out = (struct tables_counts){
	    .files = t->nfiles, .pages = row_pages__used(t->pages), .crowded = t->crowded};
	for (uint32_t i = 0; i < t->nfiles; i++) {
		out->rowless += !t->files[i].npages;
		out->rows += t->files[i].nrows;
	}
}
