// SPDX-License-Identifier: GPL-2.0
#include "app/machine_source.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/build_memory.h"
#include "base/arena.h"
#include "inspect/procfs.h"
#include "model/modules.h"
#include "model/report_copy.h"
#include "probe/system.h"
#include "symbol/names.h"
#include "tui/page.h"

#define NAMES_FILES 4

/* Callsites named between two readings of the counters: a name may cost milliseconds. */
#define NAMES_MOST 4

/* What names knows of files and strings grows: after so many callsites it is begun anew. */
#define NAMED_MOST 100

/* Callsites that a page shows. */
#define MAPPINGS_MOST 200

struct machine_source {
	pthread_mutex_t lock;
	struct system *system;
	struct names *names;
	struct sampler_source sampler;
	struct sampler_events *events;
	size_t room;
	unsigned int named, named_since;
};

static int read_events(void *arg, const struct sampler_events **out, size_t *n);
static bool name_site(void *arg, uint32_t pid, uint64_t site, char *buf, size_t len);

struct machine_source *machine_source__new(void)
{
	struct machine_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->sampler = (struct sampler_source){.kind = "", .reason = "starting", .arg = s};
	return s;
}

void machine_source__start(struct machine_source *s, enum kernel_kind kind)
{
	struct system *system = NULL;
	const char *why = "not wanted";
	int err = kind == KERNEL_NONE ? -1 : system__new(kind, &system, &why);

	pthread_mutex_lock(&s->lock);
	s->sampler.reason = why;
	if (!err) {
		s->system = system;
		s->names = names__new(NAMES_FILES);
		s->sampler.kind = kernel_kind_name(system__kind(system));
		s->sampler.read = read_events;
		s->sampler.name = s->names ? name_site : NULL;
	}
	pthread_mutex_unlock(&s->lock);
}

void machine_source__free(struct machine_source *s)
{
	if (!s)
		return;
	system__free(s->system);
	names__free(s->names);
	pthread_mutex_destroy(&s->lock);
	free(s->events);
	free(s);
}

const struct sampler_source *machine_source__sampler(const struct machine_source *s)
{
	return &s->sampler;
}

static void forget_names(struct machine_source *s)
{
	struct names *fresh = names__new(NAMES_FILES);

	if (!fresh)
		return;
	names__free(s->names);
	s->names = fresh;
	s->named_since = 0;
	malloc_trim(0);
}

static int read_events(void *arg, const struct sampler_events **out, size_t *n)
{
	struct machine_source *s = arg;
	const struct system_process *p;
	int err;

	pthread_mutex_lock(&s->lock);
	s->named_since += s->named;
	s->named = 0;
	if (s->named_since > NAMED_MOST)
		forget_names(s);
	err = system__read(s->system, &p, n);
	if (!err && *n > s->room) {
		free(s->events);
		s->room = *n + *n / 4;
		s->events = calloc(s->room, sizeof(*s->events));
		if (!s->events) {
			s->room = 0;
			err = -1;
		}
	}
	for (size_t i = 0; !err && i < *n; i++)
		s->events[i] = (struct sampler_events){.pid = p[i].pid,
						       .start_ns = p[i].figures.start,
						       .brks = p[i].figures.brks,
						       .mmaps = p[i].figures.mmaps,
						       .munmaps = p[i].figures.munmaps,
						       .mapped_bytes = p[i].figures.mapped,
						       .unmapped_bytes = p[i].figures.unmapped,
						       .site = p[i].figures.site,
						       .site_bytes = p[i].figures.site_bytes};
	*out = s->events;
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* Where names of pid's code are looked up; NULL where it cannot be read. */
static struct modules *open_modules(struct machine_source *s, uint32_t pid)
{
	struct modules *m = modules__new();

	if (m && procfs_modules((pid_t)pid, m) >= 0 && !names__prepare(s->names, (pid_t)pid, m))
		return m;
	modules__free(m);
	return NULL;
}

/*
 * Which frames tell who it was: not the system call's wrapper, and not the allocator that asks on
 * somebody's behalf, unless nothing else is known.  "malloc" says that it was malloc.
 */
static void tell(const struct report_frame *frames, size_t n, char *buf, size_t len)
{
	const struct report_frame *best = &frames[n > 1];
	const char *module;

	for (size_t i = 1; i < n; i++) {
		module = frames[i].module ? strrchr(frames[i].module, '/') : NULL;
		if (module && strncmp(module, "/libc.so", 8) && strncmp(module, "/ld-linux", 9)) {
			best = &frames[i];
			break;
		}
	}
	module = best->module ? strrchr(best->module, '/') : NULL;
	module = module ? module + 1 : best->module ? best->module : "?";
	/* Within libc it is malloc, whose own functions have no names, by mmap or by brk. */
	if (!strncmp(module, "libc.so", 7) &&
	    (!best->function || strstr(best->function, "sbrk") || strstr(best->function, "malloc")))
		snprintf(buf, len, "malloc");
	else if (best->function)
		snprintf(buf, len, "%s (%s)", best->function, module);
	else
		snprintf(buf, len, "%s+0x%llx", module, (unsigned long long)best->offset);
}

static struct report_frame *frames_of(struct machine_source *s, const struct modules *m,
				      const struct hw_site *site, size_t *n)
{
	uint64_t pc[HW_SITE_FRAMES];

	*n = site->nframes < HW_SITE_FRAMES ? site->nframes : HW_SITE_FRAMES;
	for (size_t i = 0; i < *n; i++)
		pc[i] = site->pc[i];
	/* The first is where the system call is: no return address. */
	return build_frames(s->names, m, pc, *n, 0);
}

static bool name_site(void *arg, uint32_t pid, uint64_t site, char *buf, size_t len)
{
	struct machine_source *s = arg;
	struct report_frame *frames = NULL;
	struct modules *m = NULL;
	struct hw_site figures;
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	if (s->named < NAMES_MOST && !system__site(s->system, pid, site, &figures) &&
	    figures.nframes) {
		s->named++;
		m = open_modules(s, pid);
		frames = m ? frames_of(s, m, &figures, &n) : NULL;
	}
	if (frames)
		tell(frames, n, buf, len);
	pthread_mutex_unlock(&s->lock);
	modules__free(m);
	free(frames);
	return frames != NULL;
}

bool machine_source__mappings(struct machine_source *s, uint32_t pid, struct arena *arena,
			      const struct page_mapping **out, size_t *n)
{
	const struct system_site *sites = NULL;
	struct page_mapping *to = NULL;
	struct modules *m = NULL;
	size_t found = 0;

	*n = 0;
	pthread_mutex_lock(&s->lock);
	if (s->system && !system__sites(s->system, pid, &sites, &found)) {
		found = found < MAPPINGS_MOST ? found : MAPPINGS_MOST;
		to = arena__alloc(arena, found, sizeof(*to));
		m = to && found ? open_modules(s, pid) : NULL;
	}
	for (size_t i = 0; m && i < found && sites[i].figures.bytes > 0; i++) {
		const struct hw_site *f = &sites[i].figures;
		size_t frames;
		struct report_frame *named = frames_of(s, m, f, &frames);

		to[i] = (struct page_mapping){.bytes = (uint64_t)f->bytes, .maps = f->maps};
		to[i].frames = named ? report_copy_frames(arena, named, frames) : NULL;
		to[i].nframes = to[i].frames ? frames : 0;
		free(named);
		*n = i + 1;
		s->named_since++;
	}
	pthread_mutex_unlock(&s->lock);
	modules__free(m);
	*out = to;
	return to != NULL;
}
