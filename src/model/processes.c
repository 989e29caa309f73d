// SPDX-License-Identifier: GPL-2.0
#include "model/processes.h"

#include <errno.h>
#include <stdlib.h>

#include "model/codes.h"
#include "wire/decode.h"

/* Open addressing by tgid, at most half full.  Slots are never emptied: one without a ledger is
 * that of a process that is watched no more. */
struct processes {
	struct process *slots;
	size_t room, n; /* room is a power of two */
	uint64_t bad, stray;
	struct codes *codes; /* not fetched yet; NULL: none */
};

/* Looking again at what is mapped, because of unknown code, is worth it once in so long. */
#define LOOK_NS 500000000u

struct processes *processes__new(void)
{
	struct processes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->room = 16;
	ps->slots = calloc(ps->room, sizeof(*ps->slots));
	if (!ps->slots) {
		free(ps);
		return NULL;
	}
	return ps;
}

void processes__free(struct processes *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->room; i++)
		ledger__free(ps->slots[i].ledger);
	codes__free(ps->codes);
	free(ps->slots);
	free(ps);
}

static struct process *slot_of(struct process *slots, size_t room, uint32_t tgid)
{
	size_t i = (tgid * 0x9e3779b1u) & (room - 1);

	while (slots[i].tgid && slots[i].tgid != tgid)
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int grow(struct processes *ps)
{
	size_t room = 2 * ps->room;
	struct process *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < ps->room; i++)
		if (ps->slots[i].tgid)
			*slot_of(slots, room, ps->slots[i].tgid) = ps->slots[i];
	free(ps->slots);
	ps->slots = slots;
	ps->room = room;
	return 0;
}

int processes__add(struct processes *ps, uint32_t tgid, struct ledger *ledger)
{
	struct process *p;

	if (2 * (ps->n + 1) > ps->room && grow(ps))
		return -ENOMEM;
	p = slot_of(ps->slots, ps->room, tgid);
	if (p->ledger)
		return -EEXIST;
	ps->n += !p->tgid;
	*p = (struct process){.tgid = tgid, .ledger = ledger};
	return 0;
}

void processes__drop(struct processes *ps, uint32_t tgid)
{
	struct process *p = slot_of(ps->slots, ps->room, tgid);

	ledger__free(p->ledger);
	p->ledger = NULL;
}

struct process *processes__find(const struct processes *ps, uint32_t tgid)
{
	struct process *p = slot_of(ps->slots, ps->room, tgid);

	return p->ledger ? p : NULL;
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

/* The address space is a new one, and so is its ledger. */
static int on_exec(struct process *p, uint64_t time)
{
	struct ledger *fresh = ledger__new(time);

	if (!fresh)
		return -ENOMEM;
	ledger__inherit_seen(fresh, p->ledger);
	ledger__free(p->ledger);
	p->ledger = fresh;
	p->execs++;
	return 0;
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
	p = slot_of(ps->slots, ps->room, ev.hdr->tgid);
	if (!p->ledger) {
		ps->stray += !p->tgid;
		return -ESRCH;
	}
	p->received++;
	switch (ev.hdr->kind) {
	case HW_PROC_EXEC:
		return on_exec(p, ev.hdr->time);
	case HW_PROC_EXIT:
		p->exited = true;
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

uint64_t processes__stray(const struct processes *ps)
{
	return ps->stray;
}
