// SPDX-License-Identifier: GPL-2.0
#include "model/machine_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine_groups.h"

/* Deeper than this the tree's lines are not drawn any more. */
#define DEPTH_MAX 63

struct node {
	const struct machine_process *p;
	size_t parent, first_child, next; /* numbers of nodes + 1; 0: none */
	bool visited;
};

struct machine_rows {
	size_t n, room;
	struct machine_row *rows;
	struct machine_groups groups;
	/* For sorting. */
	const struct machine_process **sorted;
	struct node *nodes;
	size_t sorted_room;
};

int machine_folds_toggle(struct machine_folds *f, uint64_t key)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->keys[i] == key) {
			f->keys[i] = f->keys[--f->n];
			return 0;
		}
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		uint64_t *keys = reallocarray(f->keys, room, sizeof(*keys));

		if (!keys)
			return -ENOMEM;
		f->keys = keys;
		f->room = room;
	}
	f->keys[f->n++] = key;
	return 0;
}

bool machine_folds_has(const struct machine_folds *f, uint64_t key)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->keys[i] == key)
			return true;
	return false;
}

void machine_folds_free(struct machine_folds *f)
{
	free(f->keys);
	*f = (struct machine_folds){0};
}

uint64_t machine_row_key(const struct machine_process *p)
{
	return (p->start_time << 22) ^ p->pid ^ 1ull << 63;
}

struct machine_rows *machine_rows__new(void)
{
	return calloc(1, sizeof(struct machine_rows));
}

void machine_rows__free(struct machine_rows *r)
{
	if (!r)
		return;
	machine_groups_free(&r->groups);
	free(r->rows);
	free(r->sorted);
	free(r->nodes);
	free(r);
}

size_t machine_rows__count(const struct machine_rows *r)
{
	return r->n;
}

const struct machine_row *machine_rows__at(const struct machine_rows *r, size_t i)
{
	return &r->rows[i];
}

static bool has_word(const struct machine_process *p, const char *word)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%u", p->pid);
	return strcasestr(p->cmdline, word) || strcasestr(p->comm, word) ||
	       strcasestr(p->user, word) || strcasestr(p->unit, word) || !strcmp(pid, word);
}

bool machine_row_matches(const struct machine_process *p, const char *filter)
{
	char words[MACHINE_FILTER], *rest = words, *word;
	bool any = false;

	snprintf(words, sizeof(words), "%s", filter);
	while ((word = strsep(&rest, "|"))) {
		if (!*word)
			continue;
		any = true;
		if (has_word(p, word))
			return true;
	}
	return !any;
}

static bool shown(const struct machine_process *p, const struct machine_order *o)
{
	return (o->kernel_threads || !(p->flags & MACHINE_KERNEL_THREAD)) &&
	       (!o->user || !strcmp(p->user, o->user)) && machine_row_matches(p, o->filter);
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct machine_process *const *x = a, *const *y = b;
	const struct machine_order *o = arg;
	int way = machine_column_compare(o->sort, *x, *y);

	return o->invert ? -way : way;
}

static int reserve(struct machine_rows *r, size_t n)
{
	if (n > r->sorted_room) {
		const struct machine_process **sorted =
		    reallocarray(r->sorted, n, sizeof(*r->sorted));
		struct node *nodes;

		if (!sorted)
			return -ENOMEM;
		r->sorted = sorted;
		nodes = reallocarray(r->nodes, n, sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		r->nodes = nodes;
		r->sorted_room = n;
	}
	/* A group's row each at most, too. */
	if (2 * n > r->room) {
		struct machine_row *rows = reallocarray(r->rows, 2 * n, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		r->rows = rows;
		r->room = 2 * n;
	}
	return 0;
}

static void add_process(struct machine_rows *r, const struct machine_process *p, uint32_t depth)
{
	r->rows[r->n++] = (struct machine_row){
	    .process = p, .key = machine_row_key(p), .depth = depth, .last = true};
}

/* ---- the tree ---- */

static size_t node_of(const struct machine_rows *r, size_t n, uint32_t pid)
{
	size_t low = 0, high = n;

	/* nodes[] is by pid, as the machine's processes are. */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (r->nodes[mid].p->pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && r->nodes[low].p->pid == pid ? low + 1 : 0;
}

/* The node behind this one and all below it: no recursion, for who makes the tree decides how deep
 * it is.  0: there is none within `top`. */
static size_t next_of(const struct machine_rows *r, size_t node, size_t top, uint32_t *depth)
{
	while (node && node != top && !r->nodes[node - 1].next) {
		node = r->nodes[node - 1].parent;
		(*depth)--;
	}
	return !node || node == top ? 0 : r->nodes[node - 1].next;
}

static uint32_t count_below(struct machine_rows *r, size_t top)
{
	size_t node = r->nodes[top - 1].first_child;
	uint32_t n = 0, depth = 0;

	while (node) {
		r->nodes[node - 1].visited = true;
		n++;
		if (r->nodes[node - 1].first_child)
			node = r->nodes[node - 1].first_child;
		else
			node = next_of(r, node, top, &depth);
	}
	return n;
}

static void add_tree(struct machine_rows *r, size_t node, const struct machine_folds *folds)
{
	uint64_t branches = 0;
	uint32_t depth = 0;

	while (node) {
		struct node *at = &r->nodes[node - 1];
		uint64_t bit = depth < DEPTH_MAX ? 1ull << depth : 0;
		struct machine_row *row = &r->rows[r->n];

		at->visited = true;
		add_process(r, at->p, depth);
		row->branches = branches & (bit - 1);
		row->last = !at->next;
		branches = row->last ? branches & ~bit : branches | bit;
		if (at->first_child && machine_folds_has(folds, row->key)) {
			row->folded = true;
			row->members = count_below(r, node);
		} else if (at->first_child) {
			depth++;
			node = at->first_child;
			continue;
		}
		node = next_of(r, node, 0, &depth);
	}
}

/* nodes[] holds those shown, by pid; sorted[] the same in order. */
static void make_tree(struct machine_rows *r, size_t n, const struct machine_folds *folds)
{
	size_t roots = 0;

	/* From the last to the first, for each is put before its siblings. */
	for (size_t i = n; i-- > 0;) {
		size_t node = node_of(r, n, r->sorted[i]->pid);
		size_t parent = node_of(r, n, r->sorted[i]->ppid);
		size_t *first = parent ? &r->nodes[parent - 1].first_child : &roots;

		r->nodes[node - 1].parent = parent;
		r->nodes[node - 1].next = *first;
		*first = node;
	}
	add_tree(r, roots, folds);
	/* Parents were read one after the other while pids were used again: those in a circle hang
	 * on no root. */
	for (size_t i = 0; i < n; i++)
		if (!r->nodes[node_of(r, n, r->sorted[i]->pid) - 1].visited)
			add_process(r, r->sorted[i], 0);
}

/* ---- groups ---- */

static void make_groups(struct machine_rows *r, size_t n, const struct machine_order *o,
			const struct machine_folds *folds)
{
	size_t ngroups = r->groups.n;

	for (size_t g = 0; g < ngroups; g++) {
		const struct machine_group *group = r->groups.sorted[g];
		struct machine_row *row = &r->rows[r->n++];

		*row = (struct machine_row){.process = &group->sum,
					    .key = group->key,
					    .group = true,
					    .members = group->members,
					    .last = true,
					    /* Groups are folded unless they were opened. */
					    .folded = !machine_folds_has(folds, group->key)};
		if (row->folded)
			continue;
		for (size_t i = 0; i < n; i++)
			if (machine_group_key(r->sorted[i], o->groups) == group->key) {
				add_process(r, r->sorted[i], 1);
				r->rows[r->n - 1].last = false;
			}
		r->rows[r->n - 1].last = true;
	}
}

int machine_rows__make(struct machine_rows *r, const struct machine *m,
		       const struct machine_order *order, const struct machine_folds *folds)
{
	size_t n = 0;
	int err = reserve(r, m->nprocesses + 1);

	r->n = 0;
	if (err)
		return err;
	for (size_t i = 0; i < m->nprocesses; i++)
		if (shown(&m->processes[i], order)) {
			r->sorted[n] = &m->processes[i];
			r->nodes[n] = (struct node){.p = &m->processes[i]};
			n++;
		}
	qsort_r(r->sorted, n, sizeof(*r->sorted), by_order, (void *)order);
	if (order->groups != GROUP_NONE) {
		err = machine_groups_make(&r->groups, r->sorted, n, order);
		if (!err)
			make_groups(r, n, order, folds);
		return err;
	}
	if (order->tree) {
		make_tree(r, n, folds);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		add_process(r, r->sorted[i], 0);
	return 0;
}
