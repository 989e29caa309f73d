// SPDX-License-Identifier: GPL-2.0
#include "unwind/tables.h"

#include <bpf/bpf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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
	uint64_t dev, inode, size, mtime; /* an inode may be used again */
	uint32_t page, npages;		  /* 0: no rows */
	uint32_t refs;			  /* processes that map it */
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
		f->inode = 0;
		return 0;
	}
	if (err != -ENOSPC)
		log_debug("no room for unwind tables: %s", strerror(-err));
	if (!t->crowded++)
		log_warn("there is no room for more unwind tables: in files that come from now on "
			 "stacks are followed by frame pointers only");
	return -ENOSPC;
}

static void read_file(struct tables *t, struct file *f, int fd)
{
	struct rows r;
	uint32_t n;

	if (!rows_read(fd, &r) && r.machine == MACHINE) {
		n = (uint32_t)((r.n + HW_PAGE_ROWS - 1) / HW_PAGE_ROWS);
		if (n && !take_pages(t, n, &f->page) &&
		    !row_pages__write(t->pages, f->page, r.row, r.n)) {
			f->npages = n;
			f->nrows = r.n;
		}
		f->segments = r.segments;
		if (python_read(fd, &r.segments, &f->python) == -ENOTSUP)
			log_warn("a Python interpreter whose frames are not known: only versions "
				 "3.9 to 3.13, and not free-threaded; its C frames are shown");
	}
	rows_free(&r);
}

/* The number of the file, read where it is new; -1: it can't be looked at. */
static int64_t file_of(struct tables *t, pid_t pid, const struct tables_range *range)
{
	struct file *files, f = {.dev = range->dev, .inode = range->inode};
	struct stat st;
	int fd;

	for (uint32_t i = 0; i < t->nfiles; i++)
		if (t->files[i].dev == f.dev && t->files[i].inode == f.inode && t->files[i].refs)
			return i;
	fd = t->open(pid, range->start, range->end);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st)) {
		close(fd);
		return -1;
	}
	f.size = (uint64_t)st.st_size;
	f.mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	/* Nobody maps it at the moment, but it is still the same. */
	for (uint32_t i = 0; i < t->nfiles; i++)
		if (t->files[i].dev == f.dev && t->files[i].inode == f.inode &&
		    t->files[i].size == f.size && t->files[i].mtime == f.mtime) {
			close(fd);
			return i;
		}
	files = reallocarray(t->files, t->nfiles + 1, sizeof(*files));
	if (!files) {
		close(fd);
		return -1;
	}
	t->files = files;
	read_file(t, &f, fd);
	close(fd);
	t->files[t->nfiles] = f;
	return t->nfiles++;
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
