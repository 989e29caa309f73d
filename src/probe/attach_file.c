// SPDX-License-Identifier: GPL-2.0
#include "probe/attach_file.h"

#include <errno.h>
#include <stdlib.h>

#include "heapwatch.skel.h"
#include "probe/attach.h"
#include "probe/behind.h"
#include "probe/put.h"

void attach_file_free(struct attach_file *f)
{
	free(f->path);
	free(f->target);
}

#define PLACES_MAX (TARGET_MAX_FNS + BEHIND_MAX + 1)

/* Places of one program, gathered. */
struct places {
	size_t n;
	uint64_t offset[PLACES_MAX], cookie[PLACES_MAX];
};

static uint64_t cookie_of(const struct target_fn *fn)
{
	return fn->fn | (fn->place.cost == PLACE_STEPPED ? HW_COOKIE_STEPPED : 0);
}

static void gather(struct places *to, uint64_t offset, uint64_t cookie)
{
	to->offset[to->n] = offset;
	to->cookie[to->n++] = cookie;
}

static bool is_resizer(enum hw_fn fn)
{
	return fn != HW_FN_FREE && fn != HW_FN_MALLOC && fn != HW_FN_CALLOC;
}

int attach_file_put(const struct attach_file *f, const struct attach_with *with,
		    const struct behind *behind, enum attach_set set, struct links *links)
{
	struct places *at = calloc(3, sizeof(*at));
	const struct put_file where = {with->skel, with->kind, f->pid, f->path};
	const struct target *t = f->target;
	struct put_at views[3];
	int err;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < t->nfns; i++) {
		enum hw_fn fn = t->fns[i].fn;

		/* A session serves both: one link comes and goes in half the time of two. */
		bool apart = fn == HW_FN_FREE && with->kind != USER_SESSION;

		if (set == ATTACH_ALL || (set == ATTACH_LARGE && behind && is_resizer(fn)))
			gather(&at[apart], t->fns[i].place.offset, cookie_of(&t->fns[i]));
	}
	for (size_t i = 0; set == ATTACH_LARGE && behind && i < behind->n; i++)
		gather(&at[2], behind->places[i].offset, behind->places[i].cookie);
	if (set == ATTACH_REQUESTS && behind && behind->request.cookie)
		gather(&at[2], behind->request.offset, behind->request.cookie);
	for (size_t i = 0; i < 3; i++)
		views[i] = (struct put_at){at[i].n, at[i].offset, at[i].cookie};
	err = put(&where, links, &views[0], &views[1], &views[2]);
	free(at);
	return err;
}

int attach_file_pass(const struct attach_file *f, const struct attach_with *with,
		     const struct behind *behind, unsigned int sets, pid_t pid, struct links *links)
{
	struct places *at = calloc(1, sizeof(*at));
	const struct put_file where = {with->skel, with->kind, pid, f->path};
	int err;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; sets & (ATTACH_ALL | ATTACH_LARGE) && i < f->target->nfns; i++)
		gather(at, f->target->fns[i].place.offset, 0);
	for (size_t i = 0; sets & (ATTACH_ALL | ATTACH_LARGE) && behind && i < behind->n; i++)
		gather(at, behind->places[i].offset, 0);
	if (behind && behind->request.cookie)
		gather(at, behind->request.offset, 0);
	err = put_program(&where, links, with->skel->progs.hw_pass, PUT_ENTRY,
			  &(struct put_at){at->n, at->offset, at->cookie});
	free(at);
	return err;
}
