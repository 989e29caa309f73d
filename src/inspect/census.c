// SPDX-License-Identifier: GPL-2.0
#include "inspect/census.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/memory.h"
#include "inspect/pagemap.h"
#include "model/modules.h"

#define PAGE	    PAGEMAP_PAGE
#define IS_MMAPPED  2ull
#define SIZE_BITS   7ull
#define THREADS_MAX 65536u

struct taking {
	const struct census_input *in;
	struct census *out;
	uint64_t *sps; /* the threads' stack pointers, sorted */
	size_t nsps;
	bool python;
};

const char *census_name(enum census_kind kind)
{
	static const char *const names[CENSUS_KINDS] = {
	    [CENSUS_HEAP] = "malloc's heaps",
	    [CENSUS_MMAPPED] = "malloc's large blocks",
	    [CENSUS_PYTHON] = "python's object arenas (pymalloc)",
	    [CENSUS_JIT] = "generated code",
	    [CENSUS_STACK] = "main stack",
	    [CENSUS_THREAD_STACK] = "thread stacks",
	    [CENSUS_DATA] = "program data (.data, .bss)",
	    [CENSUS_ANON] = "other anonymous mappings",
	    [CENSUS_FILE] = "files and shared memory",
	};

	return names[kind];
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Where each thread's stack is: the last but one number of /proc/PID/task/TID/syscall.  One that
 * runs at this moment says "running": its stack is taken for other anonymous memory. */
static void find_stacks(struct taking *t)
{
	pid_t pid = t->in->mem->pid;
	char path[64 + 256], line[256];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && t->nsps < THREADS_MAX && (e = readdir(dir))) {
		unsigned long long sp = 0;
		uint64_t *sps;
		const char *p;
		FILE *f;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		p = fgets(line, sizeof(line), f) ? strrchr(line, ' ') : NULL;
		while (p && p > line && p[-1] != ' ')
			p--;
		if (!p || sscanf(p, "%llx", &sp) != 1)
			sp = 0;
		fclose(f);
		sps = sp ? reallocarray(t->sps, t->nsps + 1, sizeof(*sps)) : NULL;
		if (!sps)
			continue;
		t->sps = sps;
		sps[t->nsps++] = sp;
	}
	if (dir)
		closedir(dir);
	if (t->nsps)
		qsort(t->sps, t->nsps, sizeof(*t->sps), by_value);
}

static bool holds_stack(const struct taking *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->nsps && t->sps[i] < end; i++)
		if (t->sps[i] >= start)
			return true;
	return false;
}

static bool is_python(const struct modules *m)
{
	for (size_t i = 0; i < modules__count(m); i++) {
		const char *name = strrchr(modules__at(m, i)->path, '/');

		if (name && (!strncmp(name, "/python3", 8) || !strncmp(name, "/libpython3", 11)))
			return true;
	}
	return false;
}

/*
 * Objects/obmalloc.c, struct pool_header: at each pool's start a count, four words of lists, and
 * size class, next offset and its maximum.  Pools are 4 KiB up to Python 3.9, then 16 KiB; both at
 * multiples of their size, and the first pools of an arena are in use.
 */
static bool has_pool(const struct taking *t, uint64_t addr, uint32_t pool)
{
	struct {
		uint32_t count, pad;
		uint64_t free, next, prev;
		uint32_t arena, class, offset, max;
	} h;
	uint32_t size;

	if (memory_read(t->in->mem, addr, &h, sizeof(h)))
		return false;
	size = (h.class + 1) * 16;
	return h.class < 32 && h.count && h.count <= pool / size && h.max == pool - size &&
	       h.offset >= 48 && h.offset <= pool && h.prev && h.next;
}

static bool is_pymalloc(const struct taking *t, uint64_t start, uint64_t end)
{
	static const uint32_t pools[] = {16384, 4096};

	if (!t->python || end - start < 256 << 10)
		return false;
	for (size_t i = 0; i < 2; i++) {
		uint64_t pool = (start + pools[i] - 1) / pools[i] * pools[i];

		for (int k = 0; k < 4 && pool + PAGE <= end; k++, pool += pools[i]) {
			uint8_t state = PAGE_ABSENT;

			if (!pagemap__read(t->in->pages, pool, 1, &state) && state == PAGE_ANON &&
			    has_pool(t, pool, pools[i]))
				return true;
		}
	}
	return false;
}

static int add(struct taking *t, uint64_t start, uint64_t end, enum census_kind kind)
{
	struct census_sum *anon = &t->out->kind[kind], *file = &t->out->kind[CENSUS_FILE];
	struct pagemap_sum sum = {0};
	int err = pagemap__sum(t->in->pages, start, end - start, &sum);

	if (err)
		return err;
	anon->mapped += end - start;
	anon->swapped += sum.swapped;
	anon->resident += sum.anon;
	file->resident += sum.file;
	return 0;
}

/* Is there a block of malloc's with a mapping of its own at this page?  malloc.c, sysmalloc_mmap():
 * the header holds what was left for alignment (0) and the whole mapping's size. */
static uint64_t mmapped_at(const struct taking *t, uint64_t addr, uint64_t end)
{
	uint8_t state = PAGE_ABSENT;
	uint64_t head[2], size;

	if (pagemap__read(t->in->pages, addr, 1, &state) || state != PAGE_ANON ||
	    memory_read(t->in->mem, addr, head, sizeof(head)))
		return 0;
	size = head[1] & ~SIZE_BITS;
	if (head[0] || (head[1] & SIZE_BITS) != IS_MMAPPED || !size || size % PAGE ||
	    size > end - addr || size > t->in->mmapped_bytes)
		return 0;
	return size;
}

static int add_mmapped(struct taking *t, uint64_t addr, uint64_t size)
{
	struct census_sum *s = &t->out->kind[CENSUS_MMAPPED];
	uint64_t before = s->resident;
	int err = add(t, addr, addr + size, CENSUS_MMAPPED);

	t->out->mmapped_blocks++;
	t->out->mmapped_bytes += size;
	if (!err && t->in->mmapped)
		t->in->mmapped(t->in->arg, addr, size, s->resident - before);
	return err;
}

/* Neighbouring mappings of the same kind are one to the kernel: blocks of malloc's may stand at any
 * page of it.  Only resident pages are looked at, and none within a block that was found. */
static int anonymous(struct taking *t, uint64_t start, uint64_t end, enum census_kind kind)
{
	uint64_t from = start, addr = start;
	int err = 0;

	while (!err && addr < end && t->out->mmapped_blocks < t->in->mmapped_blocks) {
		uint64_t size = mmapped_at(t, addr, end);

		if (!size) {
			addr += PAGE;
			continue;
		}
		if (from < addr)
			err = add(t, from, addr, kind);
		if (!err)
			err = add_mmapped(t, addr, size);
		addr += size;
		from = addr;
	}
	return !err && from < end ? add(t, from, end, kind) : err;
}

static enum census_kind kind_of(const struct taking *t, const struct module *m,
				const struct module *before)
{
	if (!strcmp(m->path, "[stack]"))
		return CENSUS_STACK;
	if (m->inode || m->shared)
		return m->shared ? CENSUS_FILE : CENSUS_DATA;
	if (m->path[0] == '[' && strncmp(m->path, "[anon", 5) && strcmp(m->path, "[heap]"))
		return CENSUS_FILE; /* [vdso] and its like: no memory of the process */
	if (m->exec)
		return CENSUS_JIT;
	if (holds_stack(t, m->start, m->end))
		return CENSUS_THREAD_STACK;
	/* What of .bss is beyond the file's last page. */
	if (before && before->inode && before->write && before->end == m->start && m->write)
		return CENSUS_DATA;
	if (is_pymalloc(t, m->start, m->end))
		return CENSUS_PYTHON;
	return CENSUS_ANON;
}

/* A mapping, the known heaps in it taken out. */
static int mapping(struct taking *t, const struct module *m, const struct module *before, size_t *h)
{
	enum census_kind kind = kind_of(t, m, before);
	uint64_t at = m->start;
	int err = 0;

	while (*h < t->in->nheaps && t->in->heaps[*h].end <= at)
		++*h;
	for (size_t i = *h; !err && i < t->in->nheaps && t->in->heaps[i].start < m->end; i++) {
		uint64_t from = t->in->heaps[i].start / PAGE * PAGE;
		uint64_t to = (t->in->heaps[i].end + PAGE - 1) / PAGE * PAGE;

		if (from < at)
			from = at;
		if (to > m->end)
			to = m->end;
		if (from > at)
			err = anonymous(t, at, from, kind);
		if (!err && from < to)
			err = add(t, from, to, CENSUS_HEAP);
		at = to;
	}
	if (err || at >= m->end)
		return err;
	return kind == CENSUS_ANON ? anonymous(t, at, m->end, kind) : add(t, at, m->end, kind);
}

int census_take(const struct census_input *in, struct census *out)
{
	struct taking t = {.in = in, .out = out, .python = is_python(in->modules)};
	const struct module *before = NULL;
	size_t h = 0;
	int err = 0;

	memset(out, 0, sizeof(*out));
	find_stacks(&t);
	for (size_t i = 0; i < modules__count(in->modules) && !err; i++) {
		const struct module *m = modules__at(in->modules, i);

		/* The kernel's own page, above the user's address space. */
		if (m->start >> 47)
			continue;
		err = mapping(&t, m, before, &h);
		before = m;
	}
	free(t.sps);
	return err;
}
