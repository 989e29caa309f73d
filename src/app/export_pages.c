// SPDX-License-Identifier: GPL-2.0
#include "app/export_pages.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/export_profile.h"
#include "base/clock.h"
#include "out/page.h"
#include "out/prom.h"

#define PLAIN "text/plain; charset=utf-8"

struct waiting {
	struct http_client *client; /* NULL: free */
	uint64_t until_ns;
	struct profile_target target;
	struct profile *before;
};

struct pages {
	uint64_t max_age_ns;
	pthread_mutex_t lock; /* of all that follows */
	uint64_t published_ns;
	struct pages_set set;
	struct waiting waiting[PAGES_WAITING];
	bool closed; /* nobody may wait */
};

struct pages *pages__new(uint64_t max_age_ns)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->max_age_ns = max_age_ns;
	p->published_ns = clock_now_ns();
	return p;
}

static void put_set(struct pages_set *set)
{
	page__put(set->text);
	page__put(set->openmetrics);
	page__put(set->index);
	page__put(set->report);
	profile__put(set->profile);
}

void pages__free(struct pages *p)
{
	if (!p)
		return;
	put_set(&p->set);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct page *no_process(const struct profile_target *target)
{
	char text[512];

	if (target->pid)
		snprintf(text, sizeof(text),
			 "process %u is not watched; --watch or a rule names those that are\n",
			 target->pid);
	else
		snprintf(text, sizeof(text),
			 "no process of the group %.255s is watched; --watch or a rule names those "
			 "that are\n",
			 target->group);
	return page__text(PLAIN, text);
}

static unsigned int profile_now(const struct profile *p, const struct profile_target *target,
				const struct profile *before, struct page **out)
{
	if (!p || !profile__count(p, target)) {
		*out = no_process(target);
		return 404;
	}
	*out = profile__page(p, target, before);
	return *out ? 200 : 503;
}

void pages__publish(struct pages *p, const struct pages_set *set, uint64_t now_ns)
{
	struct pages_set old;
	struct waiting due[PAGES_WAITING];
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	old = p->set;
	p->set = *set;
	p->published_ns = now_ns;
	for (size_t i = 0; i < PAGES_WAITING; i++)
		if (p->waiting[i].client && now_ns >= p->waiting[i].until_ns) {
			due[n++] = p->waiting[i];
			p->waiting[i].client = NULL;
		}
	pthread_mutex_unlock(&p->lock);
	put_set(&old);
	for (size_t i = 0; i < n; i++) {
		struct page *page = NULL;
		/* Only we change the set: it does not need the lock. */
		unsigned int status =
		    profile_now(p->set.profile, &due[i].target, due[i].before, &page);

		http__answer(due[i].client, status, page);
		profile__put(due[i].before);
	}
}

void pages__flush(struct pages *p)
{
	pthread_mutex_lock(&p->lock);
	p->closed = true;
	for (size_t i = 0; i < PAGES_WAITING; i++) {
		struct waiting *w = &p->waiting[i];

		if (!w->client)
			continue;
		http__answer(w->client, 503, page__text(PLAIN, "heapwatch ends or reloads\n"));
		profile__put(w->before);
		w->client = NULL;
	}
	pthread_mutex_unlock(&p->lock);
}

void pages__open(struct pages *p)
{
	pthread_mutex_lock(&p->lock);
	p->closed = false;
	pthread_mutex_unlock(&p->lock);
}

static unsigned int wait_for(struct pages *p, struct http_client *client,
			     const struct profile_target *target, uint64_t seconds,
			     struct page **out)
{
	unsigned int status = 429;

	pthread_mutex_lock(&p->lock);
	if (p->closed)
		status = 503;
	else if (!p->set.profile || !profile__count(p->set.profile, target)) {
		*out = no_process(target);
		status = 404;
	}
	for (size_t i = 0; i < PAGES_WAITING && status == 429; i++) {
		if (p->waiting[i].client)
			continue;
		p->waiting[i] = (struct waiting){.client = client,
						 .until_ns = clock_now_ns() + seconds * 1000000000u,
						 .target = *target,
						 .before = profile__get(p->set.profile)};
		status = HTTP_LATER;
	}
	pthread_mutex_unlock(&p->lock);
	return status;
}

static unsigned int profile(struct pages *p, const struct http_request *r,
			    const struct profile_target *target, struct page **out)
{
	const char *seconds = http_query(r, "seconds");
	struct profile *now;
	unsigned int status;
	unsigned long n;
	char *end;

	if (seconds) {
		n = strtoul(seconds, &end, 10);
		if (*seconds < '0' || *seconds > '9' || *end || n > PAGES_MAX_SECONDS) {
			*out = page__text(PLAIN, "seconds takes a number from 0 to 300\n");
			return 400;
		}
		if (n)
			return wait_for(p, r->client, target, n, out);
	}
	pthread_mutex_lock(&p->lock);
	now = p->set.profile ? profile__get(p->set.profile) : NULL;
	pthread_mutex_unlock(&p->lock);
	status = profile_now(now, target, NULL, out);
	profile__put(now);
	return status;
}

/* A page of the last tick, or 503 where there is none yet. */
static unsigned int of_set(struct pages *p, struct page *const *which, struct page **out)
{
	pthread_mutex_lock(&p->lock);
	if (*which)
		*out = page__get(*which);
	pthread_mutex_unlock(&p->lock);
	return *out ? 200 : 503;
}

static unsigned int health(struct pages *p, struct page **out)
{
	uint64_t now_ns = clock_now_ns(), age_ns;
	char text[128];

	pthread_mutex_lock(&p->lock);
	age_ns = now_ns > p->published_ns ? now_ns - p->published_ns : 0;
	pthread_mutex_unlock(&p->lock);
	if (age_ns <= p->max_age_ns) {
		*out = page__text(PLAIN, "ok\n");
		return 200;
	}
	snprintf(text, sizeof(text), "the last look at the machine was %llu s ago\n",
		 (unsigned long long)(age_ns / 1000000000u));
	*out = page__text(PLAIN, text);
	return 503;
}

unsigned int pages__answer(void *arg, const struct http_request *r, struct page **out)
{
	struct profile_target target;
	struct pages *p = arg;

	if (!strcmp(r->path, "/metrics"))
		return of_set(p,
			      prom_negotiate(r->accept) == PROM_OPENMETRICS ? &p->set.openmetrics
									    : &p->set.text,
			      out);
	if (!strcmp(r->path, "/"))
		return of_set(p, &p->set.index, out);
	if (!strcmp(r->path, "/api/report.json"))
		return of_set(p, &p->set.report, out);
	if (!strcmp(r->path, "/healthz"))
		return health(p, out);
	if (profile_target(r->path, &target))
		return profile(p, r, &target, out);
	return 404;
}
