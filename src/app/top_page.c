// SPDX-License-Identifier: GPL-2.0
#include "app/top_page.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "app/build.h"
#include "app/machine_source.h"
#include "app/top_watch.h"
#include "app/watched.h"
#include "base/arena.h"
#include "base/clock.h"
#include "model/report_copy.h"
#include "tui/page.h"

#define SECOND 1000000000ull

/* A look without probes takes a twentieth of the time at most, and is not repeated before this. */
#define LOOK_AGAIN (2 * SECOND)
#define LOOK_PART  20
/* With probes: a report this often. */
#define REPORT_EVERY SECOND

struct top_page {
	pthread_t thread;
	struct session_config config;
	struct machine_source *source;
	int notify_fd, command_fd;

	/* Under the lock. */
	pthread_mutex_t lock;
	uint32_t pid;
	bool watch, quit;
	uint64_t opened; /* counts top_page__open */
	struct page_data *fresh;
	uint32_t watched;
};

/* What the thread is at. */
struct work {
	uint32_t pid;
	bool watch;
	uint64_t opened, next_ns;
	struct top_watch *session;
	bool told;	   /* something was published: what is known of one that ended stays */
	char refused[160]; /* why there are no probes, though they were asked for */
};

static void publish(struct top_page *t, struct work *w, struct page_data *d)
{
	struct page_data *old = d;

	if (!d)
		return;
	w->told |= d->process != NULL;
	d->has_mappings =
	    machine_source__mappings(t->source, w->pid, d->arena, &d->mappings, &d->nmappings);
	pthread_mutex_lock(&t->lock);
	/* Another process's page is open by now. */
	if (t->opened == w->opened) {
		old = t->fresh;
		t->fresh = d;
	}
	pthread_mutex_unlock(&t->lock);
	page_data_free(old);
	eventfd_write(t->notify_fd, 1);
}

static void set_watched(struct top_page *t, uint32_t pid)
{
	pthread_mutex_lock(&t->lock);
	t->watched = pid;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->notify_fd, 1);
}

static struct page_data *page_data_new(enum page_watch watch, const char *why)
{
	struct arena *a = arena__new();
	struct page_data *d = a ? arena__alloc(a, 1, sizeof(*d)) : NULL;

	if (!d) {
		arena__free(a);
		return NULL;
	}
	*d = (struct page_data){.arena = a, .watch = watch, .why = arena__string(a, why)};
	if (!d->why)
		d->why = "";
	return d;
}

/* ---- without probes ---- */

static int explain(pid_t pid, struct build *b, struct watched **w)
{
	const struct watch_tools nothing = {0};
	int err = watched__new(pid, w);

	if (!err)
		err = watched__attach(*w, &nothing);
	/* A program without an allocator that is known has mappings all the same. */
	if (!err || err == -ENOENT)
		err = inspection_update(&(*w)->inspection, NULL, (*w)->modules, 0);
	if (!err)
		err = build__add_passive(b, *w);
	return err;
}

static void look(struct top_page *t, struct work *w)
{
	struct build *b = build__new(1);
	struct watched *watched = NULL;
	uint64_t start = clock_now_ns(), took;
	const char *why = w->refused;
	struct page_data *d;
	int err = b ? explain((pid_t)w->pid, b, &watched) : -ENOMEM;

	if (err == -ESRCH)
		why = "it has ended";
	else if (err == -EPERM || err == -EACCES)
		why = "its memory may not be read: it is another user's, or protected; root may";
	else if (err)
		why = strerror(-err);
	d = page_data_new(w->refused[0] ? PAGE_REFUSED : PAGE_PASSIVE, why);
	if (d && !err)
		d->process = report_copy(d->arena, build__finish(b, NULL, 0, false)->processes);
	build__free(b);
	watched__free(watched);
	if (err == -ESRCH && w->told) {
		page_data_free(d);
		w->pid = 0;
		return;
	}
	publish(t, w, d);
	took = clock_now_ns() - start;
	w->next_ns =
	    clock_now_ns() + (LOOK_PART * took > LOOK_AGAIN ? LOOK_PART * took : LOOK_AGAIN);
}

/* ---- with probes ---- */

static void begin(struct top_page *t, struct work *w)
{
	struct page_data *d = page_data_new(PAGE_STARTING, "");

	if (d)
		publish(t, w, d);
	if (top_watch__new(&t->config, (pid_t)w->pid, &w->session, w->refused,
			   sizeof(w->refused))) {
		/* What can be said without probes is said all the same. */
		w->watch = false;
		return;
	}
	set_watched(t, w->pid);
	/* The first figures soon, then once a second. */
	w->next_ns = clock_now_ns() + SECOND / 5;
}

static void report(struct top_page *t, struct work *w)
{
	struct page_data *d = page_data_new(PAGE_WATCHING, "");

	bool ended;

	if (d)
		top_watch__report(w->session, d);
	ended = d && d->process && d->process->exited;
	publish(t, w, d);
	w->next_ns = clock_now_ns() + REPORT_EVERY;
	/* The page keeps these figures; there is nothing more to come. */
	if (ended)
		w->pid = 0;
}

static void stop(struct top_page *t, struct work *w)
{
	if (!w->session)
		return;
	top_watch__free(w->session);
	w->session = NULL;
	set_watched(t, 0);
}

/* ---- the thread ---- */

/* Another command: false where it is to end. */
static bool take_command(struct top_page *t, struct work *w)
{
	eventfd_t n;
	bool quit;

	eventfd_read(t->command_fd, &n);
	pthread_mutex_lock(&t->lock);
	quit = t->quit;
	if (t->opened != w->opened) {
		struct work now = {.pid = t->pid, .watch = t->watch, .opened = t->opened};

		pthread_mutex_unlock(&t->lock);
		stop(t, w);
		*w = now;
		return !quit;
	}
	pthread_mutex_unlock(&t->lock);
	return !quit;
}

static void wait_for_work(const struct top_page *t, const struct work *w)
{
	struct pollfd fds[] = {
	    {.fd = t->command_fd, .events = POLLIN},
	    {.fd = w->session ? top_watch__fd(w->session) : -1, .events = POLLIN},
	};
	uint64_t now = clock_now_ns();
	int timeout = !w->pid ? -1 : w->next_ns > now ? (int)((w->next_ns - now) / 1000000 + 1) : 0;

	poll(fds, 2, timeout);
}

static void *run(void *arg)
{
	struct top_page *t = arg;
	struct work w = {0};

	while (take_command(t, &w)) {
		if (w.pid && w.watch && !w.session)
			begin(t, &w);
		if (w.session)
			top_watch__step(w.session);
		if (w.pid && clock_now_ns() >= w.next_ns) {
			if (w.session)
				report(t, &w);
			else
				look(t, &w);
		}
		if (!w.pid)
			stop(t, &w);
		wait_for_work(t, &w);
	}
	stop(t, &w);
	return NULL;
}

int top_page__new(const struct session_config *config, struct machine_source *source, int notify_fd,
		  struct top_page **out)
{
	struct top_page *t = calloc(1, sizeof(*t));
	sigset_t all, before;
	int err;

	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->source = source;
	t->notify_fd = notify_fd;
	pthread_mutex_init(&t->lock, NULL);
	t->command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = t->command_fd < 0 ? errno : 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!err)
		err = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		if (t->command_fd >= 0)
			close(t->command_fd);
		free(t);
		return -err;
	}
	*out = t;
	return 0;
}

bool top_page__free(struct top_page *t)
{
	struct timespec until;

	if (!t)
		return true;
	pthread_mutex_lock(&t->lock);
	t->quit = true;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->command_fd, 1);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	if (pthread_timedjoin_np(t->thread, NULL, &until))
		return false;
	close(t->command_fd);
	page_data_free(t->fresh);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return true;
}

void top_page__open(struct top_page *t, uint32_t pid, bool watch)
{
	pthread_mutex_lock(&t->lock);
	t->pid = pid;
	t->watch = watch;
	t->opened++;
	page_data_free(t->fresh);
	t->fresh = NULL;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->command_fd, 1);
}

struct page_data *top_page__take(struct top_page *t)
{
	struct page_data *d;

	pthread_mutex_lock(&t->lock);
	d = t->fresh;
	t->fresh = NULL;
	pthread_mutex_unlock(&t->lock);
	return d;
}

uint32_t top_page__watched(struct top_page *t)
{
	uint32_t pid;

	pthread_mutex_lock(&t->lock);
	pid = t->watched;
	pthread_mutex_unlock(&t->lock);
	return pid;
}
