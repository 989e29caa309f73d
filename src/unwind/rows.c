// SPDX-License-Identifier: GPL-2.0
#include "unwind/rows.h"

#include <errno.h>
#include <gelf.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi.h"
#include "unwind/entries.h"
#include "unwind/rule.h"

/* A thread for so many entries, and so many threads at most: what a thread costs, some hundred
 * entries do. */
#define PART_ENTRIES 2048
#define PARTS	     4

/* Of the first instructions of a program or of the dynamic loader, where the file has no entry for
 * them: glibc's loader calls constructors from there. */
#define START_BYTES 256

/* Neighbouring entries, whose rows a thread makes. */
struct part {
	const struct entries *entries;
	size_t first, last;
	uint32_t end;	/* of the entry before */
	uint64_t start; /* e_entry */
	struct hw_row *row;
	size_t n, room;
	uint64_t skipped;
	int err;
	pthread_t thread;
	bool threaded;
};

/* Do they say the same, wherever they hold? */
static inline bool is_same(const struct hw_row *a, const struct hw_row *b)
{
	const size_t at = sizeof(a->pc);

	return !memcmp((const char *)a + at, (const char *)b + at, sizeof(*a) - at);
}

static int grow(struct part *p)
{
	size_t room = p->room ? 2 * p->room : 1024;
	struct hw_row *row;

	if (p->n == ROWS_MAX)
		return -E2BIG;
	row = reallocarray(p->row, room, sizeof(*row));
	if (!row)
		return -ENOMEM;
	p->row = row;
	p->room = room;
	return 0;
}

static int add_row(void *arg, const struct hw_row *row)
{
	struct part *p = arg;
	struct hw_row *last = p->n ? &p->row[p->n - 1] : NULL;
	int err;

	if (last && is_same(last, row))
		return 0;
	if (last && last->pc == row->pc) {
		*last = *row;
		return 0;
	}
	if (p->n == p->room) {
		err = grow(p);
		if (err)
			return err;
	}
	p->row[p->n++] = *row;
	return 0;
}

/* Up to pc there is no entry. */
static int add_gap(struct part *p, uint64_t pc)
{
	uint64_t start = p->start, end = start + START_BYTES;
	struct hw_row none = {.pc = p->end, .kind = HW_ROW_NONE};
	int err = 0;

	if (pc <= p->end)
		return 0;
	if (start < p->end || start >= pc)
		return add_row(p, &none);
	if (start > p->end)
		err = add_row(p, &none);
	if (!err)
		err = add_row(p, &(struct hw_row){.pc = (uint32_t)start, .kind = HW_ROW_OUTERMOST});
	none.pc = (uint32_t)end;
	return !err && end < pc ? add_row(p, &none) : err;
}

static void *make_part(void *arg)
{
	struct part *p = arg;

	for (size_t i = p->first; i < p->last && !p->err; i++) {
		struct cfi_entry e = entries_at(p->entries, i);

		p->err = add_gap(p, e.pc);
		if (!p->err)
			p->err = cfi_run(&e, add_row, p);
		if (p->err == -EBADMSG) {
			/* What was understood of it holds up to where it was not. */
			p->skipped++;
			p->err = 0;
		}
		p->end = (uint32_t)(e.pc + e.size);
	}
	return NULL;
}

/* Two entries for one place: the first one has it. */
static void drop_second(struct entries *l)
{
	uint32_t end = 0;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].pc < end) {
			l->skipped++;
			continue;
		}
		end = l->v[i].pc + l->v[i].size;
		l->v[n++] = l->v[i];
	}
	l->n = n;
}

static unsigned int count_parts(size_t entries)
{
	size_t n = entries / PART_ENTRIES + 1;
	cpu_set_t cpus;

	if (n > PARTS)
		n = PARTS;
	if (n > 1 && !sched_getaffinity(0, sizeof(cpus), &cpus) && n > (size_t)CPU_COUNT(&cpus))
		n = (size_t)CPU_COUNT(&cpus);
	return n ? (unsigned int)n : 1;
}

/* To the end of p, as if it had made them. */
static int append(struct part *p, const struct part *more)
{
	struct hw_row *row;
	int err;

	if (!more->n)
		return 0;
	err = add_row(p, &more->row[0]);
	if (err || more->n == 1)
		return err;
	if (p->n + more->n > ROWS_MAX)
		return -E2BIG;
	row = reallocarray(p->row, p->n + more->n, sizeof(*row));
	if (!row)
		return -ENOMEM;
	memcpy(row + p->n, more->row + 1, (more->n - 1) * sizeof(*row));
	p->row = row;
	p->room = p->n + more->n;
	p->n += more->n - 1;
	return 0;
}

static int make_rows(struct entries *l, uint64_t start, struct rows *out)
{
	struct part part[PARTS] = {0};
	unsigned int n;
	int err = 0;

	drop_second(l);
	n = count_parts(l->n);
	for (unsigned int i = n; i-- > 0;) {
		struct part *p = &part[i];

		p->entries = l;
		p->start = start;
		p->first = l->n * i / n;
		p->last = l->n * (i + 1) / n;
		if (p->first)
			p->end = l->v[p->first - 1].pc + l->v[p->first - 1].size;
		p->threaded = i && !pthread_create(&p->thread, NULL, make_part, p);
		if (!p->threaded)
			make_part(p);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct part *p = &part[i];

		if (p->threaded)
			pthread_join(p->thread, NULL);
		err = err ? err : p->err;
		if (i && !err)
			err = append(&part[0], p);
		if (i)
			free(p->row);
		out->skipped += p->skipped;
	}
	if (!err)
		err =
		    add_row(&part[0], &(struct hw_row){.pc = part[n - 1].end, .kind = HW_ROW_NONE});
	out->row = part[0].row;
	out->n = part[0].n;
	out->entries = l->read;
	out->skipped += l->skipped;
	return err;
}

int rows_read(int fd, struct rows *out)
{
	struct entries l = {0};
	GElf_Ehdr eh;
	size_t size;
	Elf *elf;
	int err;

	memset(out, 0, sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return -ENOEXEC;
	err = elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) && rule_machine(eh.e_machine) &&
		      gelf_getclass(elf) == ELFCLASS64
		  ? elf_rawfile(elf, &size) ? segments_read(elf, size, &out->segments) : -ENOEXEC
		  : -ENOEXEC;
	if (!err) {
		out->machine = eh.e_machine;
		err = entries_read(elf, eh.e_machine, &l);
	}
	if (!err)
		err = make_rows(&l, eh.e_entry, out);
	entries_free(&l);
	elf_end(elf);
	return err;
}

void rows_free(struct rows *r)
{
	free(r->row);
	r->row = NULL;
	r->n = 0;
}

struct hw_row rows_find(const struct rows *r, uint64_t pc)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->row[mid].pc <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? r->row[low - 1] : (struct hw_row){.kind = HW_ROW_NONE};
}
