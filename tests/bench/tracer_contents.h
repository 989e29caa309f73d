/* SPDX-License-Identifier: GPL-2.0 */
/* tracer_contents.h: what traced blocks begin with, as they get older.  Of tracer.c, under its
 * lock. */
#ifndef TESTS_TRACER_CONTENTS_H
#define TESTS_TRACER_CONTENTS_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "model/signature.h"
#include "trace.h"

/*
 * What a block begins with is looked at when it is so many calls old: changes are told.
 */
static const uint64_t ages[] = {30,    100,    300,    1000,	3000,	 10000,
				30000, 100000, 300000, 1000000, 3000000, 10000000};
#define AGES	(sizeof(ages) / sizeof(ages[0]))
#define TRACKED (1u << 22) /* addresses */

struct aging {
	uint64_t addr, born;
};

static struct {
	struct aging *v;
	size_t first, n, room;
} due[AGES];
static struct tracked {
	uint64_t addr, born; /* born 0: it is freed */
	uint32_t content;
} * tracked;
static uint64_t calls;

static struct tracked *tracked_at(uint64_t addr)
{
	size_t i = (addr >> 4) * 0x9e3779b97f4a7c15ull % TRACKED;

	while (tracked[i].addr && tracked[i].addr != addr)
		i = (i + 1) % TRACKED;
	tracked[i].addr = addr;
	return &tracked[i];
}

static void push(unsigned int age, struct aging a)
{
	if (due[age].n == due[age].room) {
		size_t n = due[age].n - due[age].first;

		memmove(due[age].v, due[age].v + due[age].first, n * sizeof(a));
		due[age].first = 0;
		due[age].n = n;
		if (2 * n >= due[age].room) {
			due[age].room = due[age].room ? 2 * due[age].room : 4096;
			due[age].v = real_realloc(due[age].v, due[age].room * sizeof(a));
			if (!due[age].v)
				_exit(112);
		}
	}
	due[age].v[due[age].n++] = a;
}

static uint32_t content(uint64_t addr)
{
	void *p = (void *)(uintptr_t)addr;
	uint64_t words[SIGNATURE_CONTENT];
	size_t n = signature_content_words(malloc_usable_size(p) + 8);

	memcpy(words, p, n * sizeof(*words));
	return signature_content(words, n);
}

static void tell_contents(void)
{
	for (unsigned int age = 0; age < AGES; age++)
		while (due[age].first < due[age].n &&
		       due[age].v[due[age].first].born + ages[age] <= calls) {
			struct aging a = due[age].v[due[age].first++];
			struct tracked *t = tracked_at(a.addr);
			uint32_t now;

			if (t->born != a.born)
				continue;
			now = content(a.addr);
			if (!age || now != t->content)
				put(&(struct trace_record){a.addr, now, TRACE_CONTENT});
			t->content = now;
			if (age + 1 < AGES)
				push(age + 1, a);
		}
}

static void track(uint64_t addr, int allocated)
{
	if (!tracked)
		tracked = real_calloc(TRACKED, sizeof(*tracked));
	if (!tracked)
		_exit(112);
	tracked_at(addr)->born = allocated ? ++calls : 0;
	calls += !allocated;
	if (allocated)
		push(0, (struct aging){addr, calls});
	tell_contents();
}

#endif
