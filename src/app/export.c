// SPDX-License-Identifier: GPL-2.0
#include "app/export.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/export_metrics.h"
#include "app/export_pages.h"
#include "app/export_render.h"
#include "app/limits.h"
#include "app/machine_source.h"
#include "app/privileges.h"
#include "app/watcher.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "inspect/machine_sampler.h"
#include "model/machine.h"
#include "model/report.h"
#include "model/rules.h"
#include "out/callsites.h"
#include "out/http.h"
#include "out/web_config.h"
#include "probe/feature.h"

#define RULES_FILE_MAX (1 << 20)
#define STALE_TICKS    6 /* without a tick, before /healthz says so; and 30 s at least */

struct exporter {
	const struct export_options *options;
	struct rules *rules;
	struct web_config *web;	       /* NULL: no file */
	struct machine_source *source; /* of the counters of brk, mmap and munmap */
	struct sampler *sampler;
	struct groups *groups;
	struct callsites *callsites;
	struct watcher *watcher;
	struct pages *pages;
	struct http *http;
	const struct machine *machine; /* of the last tick */
	uint64_t render_ns;
	double started, reloaded;
	bool reload_ok;
};

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)(t.tv_nsec / 1000000) / 1e3;
}

/* ---- configuration ---- */

static int add_watches(const struct export_options *o, struct rules *r)
{
	char error[256];
	int err = 0;

	for (size_t i = 0; i < o->nwatches && !err; i++) {
		err = rules__parse_watch(r, o->watches[i], error, sizeof(error));
		if (err == -EINVAL)
			log_error("--watch '%s': %s", o->watches[i], error);
	}
	return err;
}

static int read_rules(const struct export_options *o, struct rules **out)
{
	struct rules *r = rules__new();
	char error[256], *text;
	size_t len;
	int err = r ? add_watches(o, r) : -ENOMEM;

	if (!err && o->rules) {
		err = file_read(o->rules, RULES_FILE_MAX, &text, &len);
		if (err) {
			log_error("cannot read the rule file %s: %s", o->rules, strerror(-err));
		} else {
			err = rules__parse(r, text, len, error, sizeof(error));
			free(text);
			if (err == -EINVAL)
				log_error("%s: %s", o->rules, error);
		}
	}
	if (err) {
		rules__free(r);
		return err;
	}
	*out = r;
	return 0;
}

static int read_files(struct exporter *e)
{
	int err = read_rules(e->options, &e->rules);

	if (!err && e->options->web_config)
		err = web_config__read(e->options->web_config, &e->web);
	e->reload_ok = !err;
	e->reloaded = now_seconds();
	return err;
}

static int reload_web(struct exporter *e)
{
	struct web_config *web;
	int err;

	if (!e->options->web_config)
		return 0;
	err = web_config__read(e->options->web_config, &web);
	if (err)
		return err;
	pages__flush(e->pages);
	err = http__reload(e->http, web);
	pages__open(e->pages);
	if (err) {
		web_config__free(web);
		return err;
	}
	web_config__free(e->web);
	e->web = web;
	return 0;
}

int exporter__reload(struct exporter *e)
{
	struct rules *rules;
	bool rules_ok = !read_rules(e->options, &rules), web_ok;

	if (rules_ok) {
		rules__free(e->rules);
		e->rules = rules;
	}
	web_ok = !reload_web(e);
	e->reload_ok = rules_ok && web_ok;
	if (e->reload_ok) {
		e->reloaded = now_seconds();
		log_note("configuration read again");
	} else {
		log_warn("the %s in force", rules_ok ? "web config before stays"
					    : web_ok ? "rules before stay"
						     : "rules and web config before stay");
	}
	if (rules__watches(e->rules) && watcher__start(e->watcher))
		log_warn("nobody can be watched; passive figures go on");
	return http__serves(e->http) ? 0 : -EIO;
}

/* ---- a tick ---- */

static int render(struct exporter *e, const struct report *r)
{
	const struct export_self self = {.options = e->options,
					 .machine = e->machine,
					 .watcher = e->watcher,
					 .http = e->http,
					 .render_ns = e->render_ns,
					 .started = e->started,
					 .reload_ok = e->reload_ok,
					 .reloaded = e->reloaded};
	uint64_t start_ns = clock_now_ns();
	struct pages_set set;
	int err = export_render(&self, e->groups, e->callsites, r, &set);

	if (!err)
		pages__publish(e->pages, &set, clock_now_ns());
	e->render_ns = clock_now_ns() - start_ns;
	return err;
}

static void show_all(struct exporter *e)
{
	const struct machine *m = e->machine;
	uint32_t *pids = calloc(m->nprocesses + 1, sizeof(*pids));
	struct sampler_shown shown = {.pids = pids, .pss = e->options->pss};

	for (size_t i = 0; pids && i < m->nprocesses; i++)
		if (!(m->processes[i].flags & (MACHINE_KERNEL_THREAD | MACHINE_ZOMBIE)))
			pids[shown.n++] = m->processes[i].pid;
	if (pids)
		sampler__show(e->sampler, &shown);
	free(pids);
}

int exporter__tick(struct exporter *e)
{
	const struct machine *m = sampler__tick(e->sampler, clock_now_ns());
	const struct report *r;
	int err = m ? groups__tick(e->groups, m, e->rules) : -ENOMEM;

	if (!err) {
		e->machine = m;
		watcher__follow(e->watcher, m, e->rules);
		show_all(e);
		r = watcher__report(e->watcher);
		if (r)
			err = export_account(e->groups, e->callsites, r);
		if (!err)
			err = render(e, r);
		if (r)
			watcher__settle(e->watcher, r);
	}
	http__reap(e->http, clock_now_ns());
	if (err)
		log_error("a look at the machine failed: %s", strerror(-err));
	return err;
}

/* ---- start and end ---- */

static int make(struct exporter *e)
{
	const struct export_options *o = e->options;
	uint64_t stale_ns = STALE_TICKS * o->interval_ns;
	struct sampler_options options = {.source = NULL};
	int err;

	e->source = machine_source__new();
	if (!e->source)
		return -ENOMEM;
	options.source = machine_source__sampler(e->source);
	limits_raise_files();
	err = sampler__new(&options, &e->sampler);
	if (err) {
		log_error("cannot read /proc: %s", strerror(-err));
		return err;
	}
	e->groups = groups__new(&(struct groups_config){
	    .by = o->by, .limit = o->max_groups, .expire_ns = o->expire_ns});
	e->callsites = callsites__new(o->top);
	e->watcher = watcher__new(o, e->sampler);
	e->pages = pages__new(stale_ns > 30000000000u ? stale_ns : 30000000000u);
	return e->groups && e->callsites && e->watcher && e->pages ? 0 : -ENOMEM;
}

/*
 * Tracepoints, the last resort, make every system call of the machine slower: only for who asks for
 * them.
 */
static void count_calls(struct exporter *e)
{
	enum kernel_kind kind = e->options->system;

	if (kind == KERNEL_AUTO)
		kind = feature_best_kernel(NULL);
	if (e->options->system == KERNEL_AUTO && kind == KERNEL_TRACEPOINT) {
		log_note("calls of brk, mmap and munmap are not counted: this kernel has neither "
			 "fentry nor kprobes; --system-probes tracepoint makes do without");
		kind = KERNEL_NONE;
	}
	machine_source__start(e->source, kind);
	if (kind != KERNEL_NONE && !machine_source__sampler(e->source)->kind[0])
		log_warn("calls of brk, mmap and munmap are not counted: %s",
			 machine_source__sampler(e->source)->reason);
}

int exporter__new(const struct export_options *o, struct exporter **out)
{
	struct exporter *e = calloc(1, sizeof(*e));
	struct http_config http = {.answer = pages__answer};
	int err = e ? 0 : -ENOMEM;

	if (err)
		return err;
	e->options = o;
	e->started = now_seconds();
	err = read_files(e);
	if (!err) {
		http.fd = http_listen(o->listen);
		err = http.fd < 0 ? http.fd : make(e);
		if (err && http.fd >= 0)
			close(http.fd);
	}
	libbpf_set_print(NULL); /* trying what works may fail, and that is no news */
	/* It mounts, where it must: before capabilities go.  They go while there is one thread. */
	if (!err && feature_tracefs())
		log_debug("tracefs is not there");
	if (!err)
		err = privileges_drop(o->rules || o->nwatches	 ? PRIVILEGES_WATCH
				      : o->system != KERNEL_NONE ? PRIVILEGES_PROBES
								 : PRIVILEGES_LOOK);
	if (!err) {
		http.arg = e->pages;
		err = http__new(&http, e->web, &e->http);
	}
	if (!err)
		count_calls(e);
	if (!err && rules__watches(e->rules))
		err = watcher__start(e->watcher);
	if (err) {
		exporter__free(e);
		return err;
	}
	*out = e;
	return 0;
}

void exporter__free(struct exporter *e)
{
	if (!e)
		return;
	if (e->http)
		pages__flush(e->pages);
	http__free(e->http);
	watcher__free(e->watcher);
	pages__free(e->pages);
	callsites__free(e->callsites);
	groups__free(e->groups);
	sampler__free(e->sampler);
	machine_source__free(e->source);
	web_config__free(e->web);
	rules__free(e->rules);
	free(e);
}

int exporter__fd(const struct exporter *e)
{
	return watcher__fd(e->watcher);
}

int exporter__step(struct exporter *e)
{
	return watcher__step(e->watcher);
}

void exporter__url(const struct exporter *e, char *buf, size_t len)
{
	char where[96];

	http__address(e->http, where, sizeof(where));
	snprintf(buf, len, "%s://%s", http__secure(e->http) ? "https" : "http", where);
}

void exporter__figures(const struct exporter *e, size_t *groups, size_t *processes, size_t *watched)
{
	struct watcher_state state;

	watcher__state(e->watcher, &state);
	*groups = groups__count(e->groups);
	*processes = e->machine ? e->machine->nprocesses - e->machine->kernel_threads : 0;
	*watched = state.watched;
}
