// SPDX-License-Identifier: GPL-2.0
#include "probe/attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crew.h"
#include "probe/attach_file.h"
#include "probe/behind.h"
#include "probe/links.h"

/* After a window's probes are gone the kernel waits 20 to 70 ms, and the next window need not: so
 * many at a time.  More than that wait where they are. */
#define CLOSERS 12

struct who {
	pid_t pid;
	unsigned int sets;
};

struct attach {
	struct attach_with with;
	pthread_mutex_t lock; /* of all that follows; not held while the kernel detaches */
	struct attach_file *files;
	size_t nfiles;
	struct who *who; /* who does not have ATTACH_ALL */
	size_t nwho;
	struct links *all, *large, *requests;
	struct behind *proven;
	size_t nproven;
	pid_t *spoiled; /* 0: all are */
	size_t nspoiled;
	struct crew *closers; /* NULL: there are none */
};

static void close_links(void *unused, void *links)
{
	(void)unused;
	links__free(links);
}

struct attach *attach__new(const struct heapwatch_bpf *skel, enum user_kind kind)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->with = (struct attach_with){skel, kind};
	pthread_mutex_init(&a->lock, NULL);
	a->all = links__new();
	a->large = links__new();
	a->requests = links__new();
	if (!a->all || !a->large || !a->requests) {
		attach__free(a);
		return NULL;
	}
	/* perf events go one by one, 0.1 s each: the next window's would wait for them. */
	if (kind != USER_PERF &&
	    crew__new(CLOSERS, "who takes a window's probes away", close_links, NULL, &a->closers))
		a->closers = NULL;
	return a;
}

void attach__free(struct attach *a)
{
	if (!a)
		return;
	links__free(a->all);
	links__free(a->large);
	links__free(a->requests);
	crew__free(a->closers);
	for (size_t i = 0; i < a->nfiles; i++)
		attach_file_free(&a->files[i]);
	free(a->files);
	free(a->who);
	free(a->proven);
	free(a->spoiled);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* The places that are proven for this file, or NULL. */
static const struct behind *behind_of(const struct attach *a, const struct attach_file *f)
{
	for (size_t i = 0; f->target->build_id[0] && i < a->nproven; i++)
		if (!strcmp(a->proven[i].build_id, f->target->build_id))
			return &a->proven[i];
	return NULL;
}

static int put_set(const struct attach *a, const struct attach_file *f, enum attach_set set,
		   struct links *links)
{
	return attach_file_put(f, &a->with, behind_of(a, f), set, links);
}

/* ---- who has what ---- */

static unsigned int sets_of(const struct attach *a, pid_t pid)
{
	for (size_t i = 0; i < a->nwho; i++)
		if (!a->who[i].pid || a->who[i].pid == pid)
			return a->who[i].sets;
	return ATTACH_ALL;
}

static int set_sets(struct attach *a, pid_t pid, unsigned int sets)
{
	struct who *who;

	for (size_t i = 0; i < a->nwho; i++)
		if (a->who[i].pid == pid) {
			a->who[i].sets = sets;
			return 0;
		}
	who = reallocarray(a->who, a->nwho + 1, sizeof(*who));
	if (!who)
		return -ENOMEM;
	a->who = who;
	who[a->nwho++] = (struct who){pid, sets};
	return 0;
}

static int add_file(struct attach *a, struct attach_file *f)
{
	struct attach_file *files = reallocarray(a->files, a->nfiles + 1, sizeof(*files));
	unsigned int sets = sets_of(a, f->pid);
	int err = 0;

	if (!files)
		return -ENOMEM;
	a->files = files;
	if (sets & ATTACH_ALL)
		err = put_set(a, f, ATTACH_ALL, a->all);
	if (!err && sets & ATTACH_LARGE)
		err = put_set(a, f, ATTACH_LARGE, a->large);
	if (!err && sets & ATTACH_REQUESTS)
		err = put_set(a, f, ATTACH_REQUESTS, a->requests);
	if (!err)
		files[a->nfiles++] = *f;
	return err;
}

int attach__add(struct attach *a, pid_t pid, const char *path, const struct target *target)
{
	struct attach_file f = {.pid = pid,
				.path = strdup(path),
				.target = malloc(sizeof(*target)),
				.mapped = pid != 0};
	int err = -ENOMEM;

	if (!f.path || !f.target)
		goto fail;
	*f.target = *target;
	pthread_mutex_lock(&a->lock);
	err = add_file(a, &f);
	pthread_mutex_unlock(&a->lock);
fail:
	if (err)
		attach_file_free(&f);
	return err;
}

int attach__prove(struct attach *a, const struct behind *behind)
{
	struct behind *proven;

	pthread_mutex_lock(&a->lock);
	proven = reallocarray(a->proven, a->nproven + 1, sizeof(*proven));
	if (proven) {
		a->proven = proven;
		proven[a->nproven++] = *behind;
	}
	pthread_mutex_unlock(&a->lock);
	return proven ? 0 : -ENOMEM;
}

static bool is_spoiled(const struct attach *a, pid_t pid)
{
	for (size_t i = 0; i < a->nspoiled; i++)
		if (!a->spoiled[i] || a->spoiled[i] == pid)
			return true;
	return false;
}

void attach__spoil(struct attach *a, pid_t pid)
{
	pid_t *spoiled;

	pthread_mutex_lock(&a->lock);
	spoiled =
	    is_spoiled(a, pid) ? NULL : reallocarray(a->spoiled, a->nspoiled + 1, sizeof(*spoiled));
	if (spoiled) {
		a->spoiled = spoiled;
		spoiled[a->nspoiled++] = pid;
	}
	pthread_mutex_unlock(&a->lock);
}

void attach__mapped(struct attach *a, const char *path)
{
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->nfiles; i++)
		a->files[i].mapped |= !strcmp(a->files[i].path, path);
	pthread_mutex_unlock(&a->lock);
}

/* Has each file of pid such places? */
static bool are_proven(const struct attach *a, pid_t pid, bool requests)
{
	size_t all = 0, proven = 0;

	for (size_t i = 0; i < a->nfiles; i++)
		if (a->files[i].mapped && (!pid || a->files[i].pid == pid)) {
			const struct behind *b = behind_of(a, &a->files[i]);

			all++;
			proven += b && (!requests || b->request.cookie);
		}
	return all && proven == all;
}

static bool has_places(struct attach *a, pid_t pid, bool requests)
{
	bool has;

	pthread_mutex_lock(&a->lock);
	has = are_proven(a, pid, requests) && !is_spoiled(a, pid);
	pthread_mutex_unlock(&a->lock);
	return has;
}

bool attach__has_large(struct attach *a, pid_t pid)
{
	return has_places(a, pid, false);
}

bool attach__has_requests(struct attach *a, pid_t pid)
{
	return has_places(a, pid, true);
}

/* mapped: on these files alone. */
static int put_all(struct attach *a, pid_t pid, enum attach_set set, bool mapped,
		   struct links *links)
{
	int err = 0;

	for (size_t i = 0; i < a->nfiles && !err; i++)
		if ((!pid || a->files[i].pid == pid) && (!mapped || a->files[i].mapped))
			err = put_set(a, &a->files[i], set, links);
	return err;
}

int attach__switch(struct attach *a, pid_t pid, unsigned int sets)
{
	struct links *gone = links__new();
	unsigned int had;
	int err = gone ? 0 : -ENOMEM;
	bool later;

	if (err)
		return err;
	pthread_mutex_lock(&a->lock);
	had = sets_of(a, pid);
	if (sets & ~had & ATTACH_ALL)
		err = put_all(a, pid, ATTACH_ALL, sets & ATTACH_WINDOW, a->all);
	if (!err && sets & ~had & ATTACH_LARGE)
		err = put_all(a, pid, ATTACH_LARGE, sets & ATTACH_WINDOW, a->large);
	if (!err && sets & ~had & ATTACH_REQUESTS)
		err = put_all(a, pid, ATTACH_REQUESTS, false, a->requests);
	if (!err)
		err = set_sets(a, pid, sets & ~(unsigned int)ATTACH_WINDOW);
	if (err)
		sets = had;
	if (!(sets & ATTACH_ALL))
		links__move(a->all, pid, gone);
	if (!(sets & ATTACH_LARGE))
		links__move(a->large, pid, gone);
	if (!(sets & ATTACH_REQUESTS))
		links__move(a->requests, pid, gone);
	pthread_mutex_unlock(&a->lock);
	later = sets & ATTACH_WINDOW && !(sets & ATTACH_ALL) && a->closers;
	if (!later || !crew__hand(a->closers, gone, 0))
		links__free(gone);
	return err;
}

/* As uprobe_unregister() goes: it looks at all who map the file, and who no consumer's filter is
 * for loses the breakpoint. */
int attach__clean(struct attach *a, pid_t pid, pid_t child, uint64_t *run_ns)
{
	struct links *passing = links__new();
	int err = passing ? 0 : -ENOMEM;
	unsigned int sets;

	*run_ns = 0;
	if (err)
		return err;
	pthread_mutex_lock(&a->lock);
	sets = sets_of(a, pid);
	for (size_t i = 0; sets && i < a->nfiles && !err; i++)
		if (a->files[i].pid == pid)
			err = attach_file_pass(&a->files[i], &a->with, behind_of(a, &a->files[i]),
					       sets, child, passing);
	pthread_mutex_unlock(&a->lock);
	if (sets && !err)
		err = clock_process_ns(child, run_ns);
	links__free(passing);
	return err;
}

void attach__drop(struct attach *a, pid_t pid)
{
	struct links *gone = links__new();
	size_t kept = 0;

	if (!gone)
		return;
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->nfiles; i++)
		if (a->files[i].pid == pid)
			attach_file_free(&a->files[i]);
		else
			a->files[kept++] = a->files[i];
	a->nfiles = kept;
	kept = 0;
	for (size_t i = 0; i < a->nwho; i++)
		if (a->who[i].pid != pid)
			a->who[kept++] = a->who[i];
	a->nwho = kept;
	kept = 0;
	for (size_t i = 0; i < a->nspoiled; i++)
		if (a->spoiled[i] != pid)
			a->spoiled[kept++] = a->spoiled[i];
	a->nspoiled = kept;
	links__move(a->all, pid, gone);
	links__move(a->large, pid, gone);
	links__move(a->requests, pid, gone);
	pthread_mutex_unlock(&a->lock);
	links__free(gone);
}

void attach__leave(struct attach *a)
{
	pthread_mutex_lock(&a->lock);
	links__leave(a->all);
	links__leave(a->large);
	links__leave(a->requests);
	pthread_mutex_unlock(&a->lock);
}
