// SPDX-License-Identifier: GPL-2.0
#include "model/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/codes.h"
#include "wire/decode.h"

/* By number, and by tgid: open addressing, at most half full.  A tgid's slot is never emptied: it
 * has the number of the last who had it. */
struct processes {
	struct process **all; /* all[0] is no one's; NULL: dropped */
	uint32_t n, room;
	struct slot {
		uint32_t tgid, id;
	} * slots;
	uint32_t nslots, used; /* nslots is a power of two */
	uint64_t bad;
	struct codes *codes; /* not fetched yet; NULL: none */
};

/* Looking again at what is mapped, because of unknown code, is worth it once in so long. */
#define LOOK_NS 500000000u

struct processes *processes__new(void)
{
	struct processes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->n = 1;
	ps->room = 16;
	ps->all = calloc(ps->room, sizeof(struct process *));
	ps->nslots = 32;
	ps->slots = calloc(ps->nslots, sizeof(*ps->slots));
	if (!ps->all || !ps->slots) {
		processes__free(ps);
		return NULL;
	}
	return ps;
}

static void free_process(struct process *p)
{
	if (!p)
		return;
	ledger__free(p->ledger);
	snapshot__free(p->final);
	free(p->maps);
	free(p);
}

void processes__free(struct processes *ps)
{
	if (!ps)
		return;
	for (uint32_t id = 1; id < ps->n && ps->all; id++)
		free_process(ps->all[id]);
	free(ps->all);
	codes__free(ps->codes);
	free(ps->slots);
	free(ps);
}

static struct slot *slot_of(struct slot *slots, uint32_t nslots, uint32_t tgid)
{
	uint32_t i = (tgid * 0x9e3779b1u) & (nslots - 1);

	while (slots[i].tgid && slots[i].tgid != tgid)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

static int grow_slots(struct processes *ps)
{
	uint32_t nslots = 2 * ps->nslots;
	struct slot *slots;

	if (2 * (ps->used + 1) <= ps->nslots)
		return 0;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < ps->nslots; i++)
		if (ps->slots[i].tgid)
			*slot_of(slots, nslots, ps->slots[i].tgid) = ps->slots[i];
	free(ps->slots);
	ps->slots = slots;
	ps->nslots = nslots;
	return 0;
}

static int grow(struct processes *ps)
{
	struct process **all;

	if (ps->n == ps->room) {
		all = reallocarray(ps->all, 2 * ps->room, sizeof(struct process *));
		if (!all)
			return -ENOMEM;
		ps->all = all;
		ps->room *= 2;
	}
	return grow_slots(ps);
}

/* A new one; whoever had the tgid before has ended. */
static struct process *make(struct processes *ps, uint32_t tgid, struct ledger *ledger)
{
	struct process *p = grow(ps) ? NULL : calloc(1, sizeof(*p));
	struct slot *slot;

	if (!p)
		return NULL;
	p->id = ps->n;
	p->tgid = tgid;
	p->ledger = ledger;
	slot = slot_of(ps->slots, ps->nslots, tgid);
	ps->used += !slot->tgid;
	*slot = (struct slot){.tgid = tgid, .id = p->id};
	ps->all[ps->n++] = p;
	return p;
}

int processes__add(struct processes *ps, uint32_t tgid, struct ledger *ledger, uint32_t *id)
{
	struct process *p = processes__find(ps, tgid);

	if (p && !p->exited)
		return -EEXIST;
	p = make(ps, tgid, ledger);
	if (!p)
		return -ENOMEM;
	*id = p->id;
	return 0;
}

void processes__drop(struct processes *ps, uint32_t id)
{
	free_process(processes__get(ps, id));
	if (id && id < ps->n)
		ps->all[id] = NULL;
}

struct process *processes__get(const struct processes *ps, uint32_t id)
{
	return id && id < ps->n ? ps->all[id] : NULL;
}

struct process *processes__find(const struct processes *ps, uint32_t tgid)
{
	return processes__get(ps, slot_of(ps->slots, ps->nslots, tgid)->id);
}

static int on_code(struct processes *ps, const struct hw_code *code)
{
	if (!ps->codes)
		ps->codes = codes__new();
	return ps->codes ? codes__put(ps->codes, code) : -ENOMEM;
}

struct codes *processes__codes(struct processes *ps)
{
	struct codes *c = ps->codes;

	ps->codes = NULL;
	return c;
}

/* Code that nobody told us of: memory that was made executable later. */
static void on_unknown_code(struct process *p, uint64_t time)
{
	if (p->looked_ns && time < p->looked_ns + LOOK_NS)
		return;
	p->looked_ns = time;
	p->code_maps++;
}

uint32_t processes__last(const struct processes *ps)
{
	return ps->n - 1;
}

int processes__renew(struct process *p, uint64_t time_ns)
{
	struct ledger *fresh = ledger__new(time_ns);

	if (!fresh)
		return -ENOMEM;
	ledger__inherit_seen(fresh, p->ledger);
	ledger__free(p->ledger);
	p->ledger = fresh;
	p->nmaps = 0;
	p->max_rss_before = UINT64_MAX;
	p->execs++;
	return 0;
}

void processes__end(struct process *p, uint64_t time_ns)
{
	if (p->exited)
		return;
	p->exited = true;
	p->ended_ns = time_ns;
	p->final = ledger__snapshot(p->ledger, p->estimated ? 0 : PROCESSES_FINAL_SITES, 0);
	ledger__free(p->ledger);
	p->ledger = NULL;
}

/* More than are kept are those of dlopen: the program lives long enough to be looked at. */
static void on_module(struct process *p, const struct hw_module *e)
{
	if (!p->maps)
		p->maps = calloc(PROCESSES_MAPS, sizeof(*p->maps));
	if (p->maps && p->nmaps < PROCESSES_MAPS)
		p->maps[p->nmaps++] = *e;
}

/* Who shares its parent's memory (vfork, posix_spawn) has no blocks of its own: what it does before
 * its exec is recorded as its parent's. */
static int on_fork(struct processes *ps, struct process *parent, const struct hw_proc_fork *e)
{
	struct process *old = processes__find(ps, e->child), *p;
	struct ledger *l;

	if (e->flags & HW_FORK_ALONE)
		return 0;
	if (old)
		processes__end(old, e->hdr.time);
	l = e->flags & HW_FORK_SHARES || !parent->ledger ? ledger__new(e->hdr.time)
							 : ledger__fork(parent->ledger);
	p = l ? make(ps, e->child, l) : NULL;
	if (!p) {
		ledger__free(l);
		return -ENOMEM;
	}
	p->parent = parent->id;
	for (size_t i = 0; i < parent->nmaps; i++)
		on_module(p, &parent->maps[i]);
	p->forked = true;
	p->is_32bit = parent->is_32bit;
	p->start_ns = e->start;
	p->began_ns = e->hdr.time;
	memcpy(p->comm, parent->comm, sizeof(p->comm));
	memcpy(p->path, parent->path, sizeof(p->path));
	return 0;
}

static int on_exec(struct process *p, const struct hw_proc_exec *e)
{
	int err = processes__renew(p, e->hdr.time);

	if (err)
		return err;
	p->max_rss_before = e->max_rss_pages;
	p->is_32bit = e->flags & HW_EXEC_32BIT;
	memcpy(p->comm, e->comm, sizeof(p->comm));
	memcpy(p->path, e->path, sizeof(p->path));
	return 0;
}

static void on_process_exit(struct process *p, const struct hw_proc_exit *e)
{
	p->status = e->status;
	p->max_rss_pages = e->max_rss_pages;
	p->counters = (struct hw_proc){.produced = e->produced,
				       .lost = e->lost,
				       .broken = e->broken,
				       .nothread = e->nothread,
				       .hits = e->hits,
				       .unfollowed = e->unfollowed,
				       .stepped = e->stepped,
				       .returns = e->returns,
				       .run_ns = e->run_ns};
	processes__end(p, e->hdr.time);
}

/* The process of a record; NULL where it was dropped.  The kernel writes none of a tgid that it was
 * not told to watch, and none after an exit: who is not known here is a child whose fork was lost.
 */
static struct process *process_of(struct processes *ps, const struct hw_hdr *h)
{
	struct slot *slot = slot_of(ps->slots, ps->nslots, h->tgid);
	struct process *p = processes__get(ps, slot->id);
	struct ledger *l;

	if ((p && !p->exited) || (slot->tgid && !p))
		return p;
	/* But for the daemon, whose change of level the end of the process may come before. */
	if (h->kind == HW_LEVEL)
		return NULL;
	l = ledger__new(h->time);
	p = l ? make(ps, h->tgid, l) : NULL;
	if (!p) {
		ledger__free(l);
		return NULL;
	}
	p->orphan = true;
	p->began_ns = h->time;
	return p;
}

int processes__apply(struct processes *ps, const void *data, size_t len)
{
	union wire_event ev;
	struct process *p;
	int err = wire_decode(data, len, &ev);

	if (err) {
		ps->bad++;
		return err;
	}
	p = process_of(ps, ev.hdr);
	if (!p)
		return -ESRCH;
	p->received++;
	switch (ev.hdr->kind) {
	case HW_PROC_FORK:
		return on_fork(ps, p, ev.fork);
	case HW_PROC_EXEC:
		return on_exec(p, ev.exec);
	case HW_PROC_EXIT:
		on_process_exit(p, ev.exit);
		return 0;
	case HW_MODULE:
		on_module(p, ev.module);
		return 0;
	case HW_CODE:
		return on_code(ps, ev.code);
	case HW_STACK:
		if (ev.stack->flags & HW_STACK_NOCODE)
			on_unknown_code(p, ev.hdr->time);
		break;
	case HW_VM_MAP:
		if ((ev.vm_map->flags & (HW_VM_FILE | HW_VM_EXEC)) == (HW_VM_FILE | HW_VM_EXEC))
			p->code_maps++;
		break;
	}
	return ledger__apply(p->ledger, &ev);
}

uint64_t processes__bad(const struct processes *ps)
{
	return ps->bad;
}
