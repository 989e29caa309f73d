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
	    [CENSUS_OWN] = "another allocator's memory",
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

			if (!pagemap__read(t->in->pages, PAGEMAP_ANON, pool, 1, &state) &&
			    state == PAGE_ANON && has_pool(t, pool, pools[i]))
				return true;
		}
	}
	return false;
}

static int add(struct taking *t, uint64_t start, uint64_t end, enum census_kind kind)
{
	struct census_sum *anon = &t->out->kind[kind], *file = &t->out->kind[CENSUS_FILE];
	struct pagemap_sum sum = {0};
	/* Mappings of files are counted as these two. */
	enum pagemap_of of =
	    kind == CENSUS_DATA || kind == CENSUS_FILE ? PAGEMAP_ANY : PAGEMAP_ANON;
	int err = pagemap__sum(t->in->pages, of, start, end - start, &sum);

	if (err)
		return err;
	anon->mapped += end - start;
	anon->swapped += sum.swapped;
	anon->resident += sum.anon;
	file->resident += sum.file;
	return 0;
}

/* Is this the header of a block of malloc's with a mapping of its own?  malloc.c, sysmalloc_mmap():
 * it holds what was left for alignment (0) and the whole mapping's size. */
static uint64_t mmapped_size(const struct taking *t, const uint64_t head[2], uint64_t room)
{
	uint64_t size = head[1] & ~SIZE_BITS;

	if (head[0] || (head[1] & SIZE_BITS) != IS_MMAPPED || !size || size % PAGE || size > room ||
	    size > t->in->mmapped_bytes)
		return 0;
	return size;
}

/* What pages begin with, many at once: a system call for each costs 500 ms a GiB. */
struct heads {
	uint8_t states[MEMORY_HEADS];
	uint64_t addrs[MEMORY_HEADS];
	uint64_t head[MEMORY_HEADS][2];
	size_t n;
};

static int read_heads(const struct taking *t, uint64_t addr, uint64_t end, struct heads *h)
{
	uint64_t npages = (end - addr) / PAGE;
	int err;

	if (npages > MEMORY_HEADS)
		npages = MEMORY_HEADS;
	err = pagemap__read(t->in->pages, PAGEMAP_ANON, addr, npages, h->states);
	h->n = 0;
	for (uint64_t i = 0; !err && i < npages; i++)
		if (h->states[i] == PAGE_ANON)
			h->addrs[h->n++] = addr + i * PAGE;
	return err ? err : memory_heads(t->in->mem, h->addrs, h->n, h->head);
}

/*
 * The chunk of a mapping's block: behind the mapping's start where an alignment was asked for, then
 * with a header of its own (malloc.c, _int_memalign(): what is before it, and the size without).
 */
static uint64_t chunk_of(const struct taking *t, uint64_t addr, uint64_t size)
{
	uint64_t first[PAGE / 8];

	if (memory_read(t->in->mem, addr, first, sizeof(first)))
		return addr;
	for (uint64_t at = 0x10; at < PAGE; at = 2 * at + 0x10) /* the data at 32, 64, 128 ... */
		if (first[at / 8] == at && first[at / 8 + 1] == ((size - at) | IS_MMAPPED))
			return addr + at;
	return addr;
}

static int add_mmapped(struct taking *t, uint64_t addr, uint64_t size)
{
	struct census_sum *s = &t->out->kind[CENSUS_MMAPPED];
	uint64_t before = s->resident;
	int err = add(t, addr, addr + size, CENSUS_MMAPPED);

	t->out->mmapped_blocks++;
	t->out->mmapped_bytes += size;
	if (!err && t->in->mmapped)
		t->in->mmapped(t->in->arg, chunk_of(t, addr, size), size, s->resident - before);
	return err;
}

/* The blocks of malloc's among a row of pages.  *from: what is not told yet begins here. */
static int among(struct taking *t, const struct heads *h, uint64_t *from, uint64_t end,
		 enum census_kind kind)
{
	int err = 0;

	for (size_t i = 0; i < h->n && !err; i++) {
		uint64_t addr = h->addrs[i], size;

		if (addr < *from || t->out->mmapped_blocks == t->in->mmapped_blocks)
			continue;
		size = mmapped_size(t, h->head[i], end - addr);
		if (!size)
			continue;
		if (*from < addr)
			err = add(t, *from, addr, kind);
		if (!err)
			err = add_mmapped(t, addr, size);
		*from = addr + size;
	}
	return err;
}

/* Neighbouring mappings of the same kind are one to the kernel: blocks of malloc's may stand at any
 * page of it.  Only resident pages are looked at, and none within a block that was found. */
static int anonymous(struct taking *t, uint64_t start, uint64_t end, enum census_kind kind)
{
	uint64_t from = start, addr = start;
	struct heads h;
	int err = 0;

	while (!err && addr < end && t->out->mmapped_blocks < t->in->mmapped_blocks) {
		err = read_heads(t, addr, end, &h);
		if (!err)
			err = among(t, &h, &from, end, kind);
		addr += MEMORY_HEADS * PAGE;
		if (addr < from)
			addr = from;
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
			err = add(t, from, to, t->in->heaps[i].own ? CENSUS_OWN : CENSUS_HEAP);
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

		/* The kernel's own page, above the user's half of the address space. */
		if (m->start >> 63)
			continue;
		err = mapping(&t, m, before, &h);
		before = m;
	}
	free(t.sps);
	return err;
}
