// SPDX-License-Identifier: GPL-2.0
#include "app/export_profile.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/groups.h"
#include "model/report.h"
#include "model/report_kept.h"
#include "out/delta.h"
#include "out/page.h"
#include "out/pprof.h"

struct profile {
	atomic_uint references;
	struct report_kept *copy; /* NULL: nobody */
	char **groups;		  /* of each process; NULL: none */
};

static size_t processes(const struct profile *p)
{
	return p->copy ? report_kept__report(p->copy)->nprocesses : 0;
}

static bool name_groups(struct profile *p, const struct report *r, struct groups *g)
{
	p->groups = calloc(r->nprocesses + 1, sizeof(char *));
	for (size_t i = 0; p->groups && i < r->nprocesses; i++) {
		const struct group *of =
		    groups__of(g, r->processes[i].pid, r->processes[i].start_time);

		p->groups[i] = of ? strdup(of->name) : NULL;
		if (of && !p->groups[i])
			return false;
	}
	return p->groups;
}

struct profile *profile__new(const struct report *r, struct groups *g)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	atomic_init(&p->references, 1);
	if (!r)
		return p;
	p->copy = report_kept__new(r);
	if (p->copy && name_groups(p, r, g))
		return p;
	profile__put(p);
	return NULL;
}

struct profile *profile__get(struct profile *p)
{
	atomic_fetch_add(&p->references, 1);
	return p;
}

void profile__put(struct profile *p)
{
	if (!p || atomic_fetch_sub(&p->references, 1) > 1)
		return;
	for (size_t i = 0; p->groups && i < processes(p); i++)
		free(p->groups[i]);
	free(p->groups);
	report_kept__free(p->copy);
	free(p);
}

static bool cut_end(const char *path, size_t *len, bool *allocs)
{
	static const char *const ends[] = {"/debug/pprof/heap", "/debug/pprof/allocs"};

	*len = strlen(path);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(ends[i]);

		if (*len <= n || strcmp(path + *len - n, ends[i]))
			continue;
		*len -= n;
		*allocs = i;
		return true;
	}
	return false;
}

bool profile_target(const char *path, struct profile_target *out)
{
	unsigned long pid;
	size_t len;
	char *end;

	*out = (struct profile_target){0};
	if (!cut_end(path, &len, &out->allocs))
		return false;
	if (!strncmp(path, "/pid/", 5) && path[5] >= '1' && path[5] <= '9') {
		pid = strtoul(path + 5, &end, 10);
		out->pid = (uint32_t)pid;
		return end == path + len && pid <= INT32_MAX;
	}
	if (strncmp(path, "/group/", 7) || len <= 7 || len - 7 >= sizeof(out->group))
		return false;
	memcpy(out->group, path + 7, len - 7);
	return true;
}

static bool is_of(const struct profile *p, size_t i, const struct profile_target *target)
{
	if (target->pid)
		return report_kept__report(p->copy)->processes[i].pid == target->pid;
	return p->groups[i] && !strcmp(p->groups[i], target->group);
}

unsigned int profile__count(const struct profile *p, const struct profile_target *target)
{
	unsigned int n = 0;

	for (size_t i = 0; i < processes(p); i++)
		n += is_of(p, i, target);
	return n;
}

/* Those of the target, in *r, whose array the caller frees.  alive: NULL, or only those in it. */
static bool choose(const struct profile *p, const struct profile_target *target,
		   const struct report *alive, struct report *r)
{
	struct report_process *chosen = calloc(processes(p) + 1, sizeof(*chosen));
	size_t n = 0;

	if (!chosen)
		return false;
	for (size_t i = 0; i < processes(p); i++) {
		const struct report_process *one = &report_kept__report(p->copy)->processes[i];

		if (is_of(p, i, target) && (!alive || delta_find(alive, one)))
			chosen[n++] = *one;
	}
	if (p->copy)
		*r = *report_kept__report(p->copy);
	r->processes = chosen;
	r->nprocesses = n;
	return true;
}

struct page *profile__page(const struct profile *p, const struct profile_target *target,
			   const struct profile *before)
{
	struct report r = {.processes = NULL}, earlier = {.processes = NULL};
	char *body = NULL;
	size_t len;
	FILE *f = NULL;
	int err = -ENOMEM;

	/* What has ended meanwhile, or was never asked for, would be told as freed. */
	if (choose(p, target, NULL, &r) && (!before || choose(before, target, &r, &earlier)))
		f = open_memstream(&body, &len);
	if (f) {
		err = pprof_write(f, &r, before ? &earlier : NULL,
				  target->allocs ? PPROF_ALLOC_SPACE : PPROF_INUSE_SPACE);
		fclose(f);
	}
	free((void *)r.processes);
	free((void *)earlier.processes);
	if (!err)
		return page__new("application/octet-stream", body, len);
	free(body);
	return NULL;
}
