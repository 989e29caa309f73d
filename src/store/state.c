// SPDX-License-Identifier: GPL-2.0
#include "store/state.h"

#include <errno.h>

#include "base/arena.h"
#include "model/report.h"
#include "store/dictionary.h"
#include "store/fields.h"
#include "store/words.h"

static uint64_t number(void *arg, const char *text)
{
	return dictionary__text(arg, text);
}

/* An array of structs, after how many they are. */
static void put_list(const struct fields *f, const void *list, size_t n, size_t size,
		     struct dictionary *d, struct words *out)
{
	words__add(out, n);
	for (size_t i = 0; i < n; i++)
		fields_put(f, (const char *)list + i * size, out, number, d);
}

void state_encode(const struct report_process *p, struct dictionary *d, struct words *out)
{
	const struct report_allocator *a = &p->allocator;

	fields_put(&fields_process, p, out, number, d);
	fields_put(&fields_allocator, a, out, number, d);
	put_list(&fields_arena, a->arenas, a->narenas, sizeof(*a->arenas), d, out);
	put_list(&fields_line, p->waterfall, p->nlines, sizeof(*p->waterfall), d, out);
	put_list(&fields_pinned, p->pinned, p->npinned, sizeof(*p->pinned), d, out);
	for (size_t i = 0; i < p->npinned; i++)
		words__add(
		    out, dictionary__stack(d, p->pinned[i].frames, p->pinned[i].nframes, 0, NULL));
	put_list(&fields_advice, p->advice, p->nadvice, sizeof(*p->advice), d, out);
	put_list(&fields_cut, p->cuts, p->ncuts, sizeof(*p->cuts), d, out);
}

void state_encode_report(const struct report *r, struct dictionary *d, struct words *out)
{
	const struct report_tree *t = &r->tree;

	fields_put(&fields_report, r, out, number, d);
	fields_put(&fields_tree, t, out, number, d);
	put_list(&fields_share, t->shares, t->nshares, sizeof(*t->shares), d, out);
}

struct decoder {
	struct words_reader r;
	const struct state_library *library;
	struct arena *arena;
	int err;
};

static void *take_list(struct decoder *x, const struct fields *f, size_t size, size_t *n)
{
	uint64_t count = words__take(&x->r);
	char *list;

	/* Each takes a word at least. */
	if (x->r.bad || count > x->r.from->n - x->r.at) {
		x->r.bad = true;
		return NULL;
	}
	list = arena__alloc(x->arena, count, size);
	if (!list) {
		x->err = -ENOMEM;
		x->r.bad = true;
		return NULL;
	}
	for (size_t i = 0; i < count && !x->r.bad; i++)
		fields_get(f, list + i * size, &x->r, x->library->text, x->library->arg);
	*n = count;
	return list;
}

static void take_pinned(struct decoder *x, struct report_process *p)
{
	struct report_pinned *pinned = take_list(x, &fields_pinned, sizeof(*pinned), &p->npinned);
	struct state_stack stack;

	for (size_t i = 0; !x->r.bad && i < p->npinned; i++) {
		if (x->library->stack(x->library->arg, words__take(&x->r), &stack)) {
			x->r.bad = true;
			break;
		}
		pinned[i].frames = stack.frames;
		pinned[i].nframes = stack.nframes;
	}
	p->pinned = pinned;
}

static void take_cuts(struct decoder *x, struct report_process *p)
{
	const struct report_cut *cuts = take_list(x, &fields_cut, sizeof(*cuts), &p->ncuts);

	if (x->r.bad || p->ncuts > REPORT_CUTS) {
		x->r.bad = true;
		p->ncuts = 0;
		return;
	}
	for (size_t i = 0; i < p->ncuts; i++)
		p->cuts[i] = cuts[i];
}

int state_decode(const struct words *from, const struct state_library *library, struct arena *a,
		 struct report_process *p)
{
	struct decoder x = {.r = {.from = from}, .library = library, .arena = a};
	struct report_allocator *to = &p->allocator;

	fields_get(&fields_process, p, &x.r, library->text, library->arg);
	fields_get(&fields_allocator, to, &x.r, library->text, library->arg);
	to->arenas = take_list(&x, &fields_arena, sizeof(*to->arenas), &to->narenas);
	p->waterfall = take_list(&x, &fields_line, sizeof(*p->waterfall), &p->nlines);
	take_pinned(&x, p);
	p->advice = take_list(&x, &fields_advice, sizeof(*p->advice), &p->nadvice);
	take_cuts(&x, p);
	if (!x.err && (x.r.bad || x.r.at != from->n))
		x.err = -EBADMSG;
	return x.err;
}

int state_decode_report(const struct words *from, const struct state_library *library,
			struct arena *a, struct report *r, size_t *used)
{
	struct decoder x = {.r = {.from = from}, .library = library, .arena = a};
	struct report_tree *t = &r->tree;

	fields_get(&fields_report, r, &x.r, library->text, library->arg);
	fields_get(&fields_tree, t, &x.r, library->text, library->arg);
	t->shares = take_list(&x, &fields_share, sizeof(*t->shares), &t->nshares);
	*used = x.r.at;
	return x.err ? x.err : x.r.bad ? -EBADMSG : 0;
}
