// SPDX-License-Identifier: GPL-2.0
#include "probe/attach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heapwatch.skel.h"
#include "probe/behind.h"
#include "probe/links.h"
#include "probe/multi.h"

/* One file's functions in one process. */
struct file {
	pid_t pid;
	char *path;
	struct target *target;
	struct behind *behind; /* NULL: none */
};

struct who {
	pid_t pid;
	unsigned int sets;
};

struct attach {
	const struct heapwatch_bpf *skel;
	enum user_kind kind;
	pthread_mutex_t lock; /* of all that follows; not held while the kernel detaches */
	struct file *files;
	size_t nfiles;
	struct who *who; /* who does not have ATTACH_ALL */
	size_t nwho;
	struct links *all, *large;
};

struct attach *attach__new(const struct heapwatch_bpf *skel, enum user_kind kind)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->skel = skel;
	a->kind = kind;
	pthread_mutex_init(&a->lock, NULL);
	a->all = links__new();
	a->large = links__new();
	if (!a->all || !a->large) {
		attach__free(a);
		return NULL;
	}
	return a;
}

static void free_file(struct file *f)
{
	free(f->path);
	free(f->target);
	free(f->behind);
}

void attach__free(struct attach *a)
{
	if (!a)
		return;
	links__free(a->all);
	links__free(a->large);
	for (size_t i = 0; i < a->nfiles; i++)
		free_file(&a->files[i]);
	free(a->files);
	free(a->who);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- putting probes on ---- */

/* Places of one program, gathered. */
struct places {
	size_t n;
	uint64_t offset[TARGET_MAX_FNS + BEHIND_MAX], cookie[TARGET_MAX_FNS + BEHIND_MAX];
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

static int put_multi(const struct file *f, struct links *links, struct bpf_program *prog, int type,
		     int on_return, const struct places *at)
{
	const struct multi_spec spec = {.prog_fd = bpf_program__fd(prog),
					.attach_type = type,
					.on_return = on_return,
					.path = f->path,
					.pid = f->pid,
					.n = at->n,
					.offsets = at->offset,
					.cookies = at->cookie};
	int fd, err;

	if (!at->n)
		return 0;
	fd = multi_attach(&spec);
	if (fd < 0)
		return fd;
	err = links__add(links, f->pid, NULL, fd);
	if (err)
		close(fd);
	return err;
}

static int put_perf(const struct file *f, struct links *links, struct bpf_program *prog,
		    int on_return, const struct places *at)
{
	/* Everybody who maps it: -1 here, where 0 is ourselves. */
	pid_t pid = f->pid ? f->pid : -1;

	for (size_t i = 0; i < at->n; i++) {
		DECLARE_LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = on_return,
				    .bpf_cookie = at->cookie[i]);
		struct bpf_link *link =
		    bpf_program__attach_uprobe_opts(prog, pid, f->path, at->offset[i], &opts);
		int err = libbpf_get_error(link);

		if (err)
			return err;
		err = links__add(links, f->pid, link, -1);
		if (err) {
			bpf_link__destroy(link);
			return err;
		}
	}
	return 0;
}

/* Returns before entries: an entry whose return is not seen would stay under way. */
static int put(const struct attach *a, const struct file *f, struct links *links,
	       const struct places *calls, const struct places *frees, const struct places *behind)
{
	const struct heapwatch_bpf *s = a->skel;
	int err;

	if (a->kind == USER_PERF) {
		err = put_perf(f, links, s->progs.hw_return, 1, calls);
		if (!err)
			err = put_perf(f, links, s->progs.hw_entry, 0, calls);
		if (!err)
			err = put_perf(f, links, s->progs.hw_frees, 0, frees);
		return err ? err : put_perf(f, links, s->progs.hw_large, 0, behind);
	}
	err = put_multi(f, links, s->progs.hw_large, MULTI_ATTACH, 0, behind);
	if (!err)
		err = put_multi(f, links, s->progs.hw_frees, MULTI_ATTACH, 0, frees);
	if (err)
		return err;
	if (a->kind == USER_SESSION)
		return put_multi(f, links, s->progs.hw_session, MULTI_ATTACH_SESSION, 0, calls);
	err = put_multi(f, links, s->progs.hw_return, MULTI_ATTACH, 1, calls);
	return err ? err : put_multi(f, links, s->progs.hw_entry, MULTI_ATTACH, 0, calls);
}

static int put_set(const struct attach *a, const struct file *f, enum attach_set set,
		   struct links *links)
{
	struct places *at = calloc(3, sizeof(*at));
	const struct target *t = f->target;
	int err;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < t->nfns; i++) {
		enum hw_fn fn = t->fns[i].fn;

		/* A session serves both: one link comes and goes in half the time of two. */
		bool apart = fn == HW_FN_FREE && a->kind != USER_SESSION;

		if (set == ATTACH_ALL || (f->behind && is_resizer(fn)))
			gather(&at[apart], t->fns[i].place.offset, cookie_of(&t->fns[i]));
	}
	for (size_t i = 0; set == ATTACH_LARGE && f->behind && i < f->behind->n; i++)
		gather(&at[2], f->behind->places[i].offset, f->behind->places[i].cookie);
	err = put(a, f, links, &at[0], &at[1], &at[2]);
	free(at);
	return err;
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

static int add_file(struct attach *a, struct file *f)
{
	struct file *files = reallocarray(a->files, a->nfiles + 1, sizeof(*files));
	unsigned int sets = sets_of(a, f->pid);
	int err = 0;

	if (!files)
		return -ENOMEM;
	a->files = files;
	if (sets & ATTACH_ALL)
		err = put_set(a, f, ATTACH_ALL, a->all);
	if (!err && sets & ATTACH_LARGE)
		err = put_set(a, f, ATTACH_LARGE, a->large);
	if (!err)
		files[a->nfiles++] = *f;
	return err;
}

int attach__add(struct attach *a, pid_t pid, const char *path, const struct target *target,
		const struct behind *behind)
{
	struct file f = {.pid = pid, .path = strdup(path), .target = malloc(sizeof(*target))};
	int err = -ENOMEM;

	if (!f.path || !f.target)
		goto fail;
	*f.target = *target;
	if (behind) {
		f.behind = malloc(sizeof(*behind));
		if (!f.behind)
			goto fail;
		*f.behind = *behind;
	}
	pthread_mutex_lock(&a->lock);
	err = add_file(a, &f);
	pthread_mutex_unlock(&a->lock);
fail:
	if (err)
		free_file(&f);
	return err;
}

bool attach__has_large(struct attach *a, pid_t pid)
{
	size_t all = 0, proven = 0;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->nfiles; i++)
		if (!pid || a->files[i].pid == pid) {
			all++;
			proven += a->files[i].behind != NULL;
		}
	pthread_mutex_unlock(&a->lock);
	return all && proven == all;
}

static int put_all(struct attach *a, pid_t pid, enum attach_set set, struct links *links)
{
	int err = 0;

	for (size_t i = 0; i < a->nfiles && !err; i++)
		if (!pid || a->files[i].pid == pid)
			err = put_set(a, &a->files[i], set, links);
	return err;
}

int attach__switch(struct attach *a, pid_t pid, unsigned int sets)
{
	struct links *gone = links__new();
	unsigned int had;
	int err = gone ? 0 : -ENOMEM;

	if (err)
		return err;
	pthread_mutex_lock(&a->lock);
	had = sets_of(a, pid);
	if (sets & ~had & ATTACH_ALL)
		err = put_all(a, pid, ATTACH_ALL, a->all);
	if (!err && sets & ~had & ATTACH_LARGE)
		err = put_all(a, pid, ATTACH_LARGE, a->large);
	if (!err)
		err = set_sets(a, pid, sets);
	if (err)
		sets = had;
	if (!(sets & ATTACH_ALL))
		links__move(a->all, pid, gone);
	if (!(sets & ATTACH_LARGE))
		links__move(a->large, pid, gone);
	pthread_mutex_unlock(&a->lock);
	links__free(gone);
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
			free_file(&a->files[i]);
		else
			a->files[kept++] = a->files[i];
	a->nfiles = kept;
	kept = 0;
	for (size_t i = 0; i < a->nwho; i++)
		if (a->who[i].pid != pid)
			a->who[kept++] = a->who[i];
	a->nwho = kept;
	links__move(a->all, pid, gone);
	links__move(a->large, pid, gone);
	pthread_mutex_unlock(&a->lock);
	links__free(gone);
}
