// SPDX-License-Identifier: GPL-2.0
#include "model/report_copy.h"

#include <string.h>

#include "base/arena.h"

/* An arena that ran out is told by *failed. */
struct copier {
	struct arena *arena;
	bool failed;
};

static const char *string(struct copier *c, const char *s)
{
	const char *copy = s ? arena__string(c->arena, s) : NULL;

	c->failed |= s && !copy;
	return copy;
}

static void *array(struct copier *c, const void *from, size_t n, size_t size)
{
	void *copy = arena__alloc(c->arena, n, size);

	if (!copy)
		c->failed = true;
	else if (n)
		memcpy(copy, from, n * size);
	return copy;
}

static const struct report_frame *copy_frames(struct copier *c, const struct report_frame *from,
					      size_t n)
{
	struct report_frame *frames = array(c, from, n, sizeof(*frames));

	for (size_t i = 0; frames && i < n; i++) {
		frames[i].function = string(c, from[i].function);
		frames[i].file = string(c, from[i].file);
		frames[i].module = string(c, from[i].module);
	}
	return frames;
}

const struct report_frame *report_copy_frames(struct arena *a, const struct report_frame *frames,
					      size_t n)
{
	struct copier c = {.arena = a};
	const struct report_frame *copy = copy_frames(&c, frames, n);

	return c.failed ? NULL : copy;
}

static void copy_allocator(struct copier *c, struct report_allocator *a)
{
	struct report_arena *arenas = array(c, a->arenas, a->narenas, sizeof(*arenas));

	a->name = string(c, a->name);
	a->version = string(c, a->version);
	a->searched = string(c, a->searched);
	a->confidence = string(c, a->confidence);
	a->own_name = string(c, a->own_name);
	a->own_quality = string(c, a->own_quality);
	for (size_t i = 0; arenas && i < a->narenas; i++)
		arenas[i].confidence = string(c, arenas[i].confidence);
	a->arenas = arenas;
}

static void copy_memory(struct copier *c, struct report_process *p)
{
	struct report_line *lines = array(c, p->waterfall, p->nlines, sizeof(*lines));
	struct report_pinned *pinned = array(c, p->pinned, p->npinned, sizeof(*pinned));
	struct report_advice *advice = array(c, p->advice, p->nadvice, sizeof(*advice));

	for (size_t i = 0; lines && i < p->nlines; i++) {
		lines[i].what = string(c, lines[i].what);
		lines[i].quality = string(c, lines[i].quality);
	}
	for (size_t i = 0; pinned && i < p->npinned; i++) {
		pinned[i].blocks = string(c, pinned[i].blocks);
		pinned[i].frames = copy_frames(c, pinned[i].frames, pinned[i].nframes);
	}
	for (size_t i = 0; advice && i < p->nadvice; i++) {
		advice[i].what = string(c, advice[i].what);
		advice[i].how = string(c, advice[i].how);
	}
	p->waterfall = lines;
	p->pinned = pinned;
	p->advice = advice;
}

struct report_process *report_copy(struct arena *a, const struct report_process *from)
{
	struct copier c = {.arena = a};
	struct report_process *p = array(&c, from, 1, sizeof(*p));
	struct report_site *sites;

	if (!p)
		return NULL;
	p->comm = string(&c, p->comm);
	p->exe = string(&c, p->exe);
	p->seen_from = string(&c, p->seen_from);
	p->user_probes = string(&c, p->user_probes);
	p->kernel_probes = string(&c, p->kernel_probes);
	p->mode = string(&c, p->mode);
	p->estimates = string(&c, p->estimates);
	copy_allocator(&c, &p->allocator);
	copy_memory(&c, p);
	sites = array(&c, p->sites, p->nsites, sizeof(*sites));
	for (size_t i = 0; sites && i < p->nsites; i++) {
		sites[i].frames = copy_frames(&c, sites[i].frames, sites[i].nframes);
		sites[i].reason = string(&c, sites[i].reason);
	}
	for (size_t i = 0; i < p->ncuts && i < REPORT_CUTS; i++)
		p->cuts[i].reason = string(&c, p->cuts[i].reason);
	p->sites = sites;
	return c.failed ? NULL : p;
}
