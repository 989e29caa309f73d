// SPDX-License-Identifier: GPL-2.0
#include "store/recording.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/report.h"
#include "store/dictionary.h"
#include "store/fields.h"
#include "store/recording_parts.h"
#include "store/schema.h"
#include "store/source.h"

/* A tick as it is being counted up. */
struct scan {
	struct recording *r;
	struct words state;
	struct scan_process {
		uint64_t private_bytes;
		bool exited;
	} * processes; /* by number, less 1 */
	size_t n, room;
	struct recording_tick *tick;
};

/* Processes are numbered as they come, so each is at most one further than those before. */
static int scan_sample(void *arg, const struct schema_sample *s)
{
	struct scan *x = arg;
	struct scan_process *p;

	if (s->process > x->n + 1)
		return -EBADMSG;
	if (s->process > x->n) {
		if (x->n == x->room) {
			x->room = x->room ? 2 * x->room : 64;
			p = realloc(x->processes, x->room * sizeof(*p));
			if (!p)
				return -ENOMEM;
			x->processes = p;
		}
		x->n++;
	}
	x->processes[s->process - 1] = (struct scan_process){
	    .private_bytes =
		s->columns[0] > s->columns[1] ? (uint64_t)(s->columns[0] - s->columns[1]) : 0,
	    .exited = s->columns[8] != 0,
	};
	x->tick->samples++;
	return 0;
}

/* The processes of the tick whose state is in x. */
static int scan_present(struct scan *x)
{
	struct recording_tally tally;
	uint64_t number;
	int err = recording_tally_read(&x->state, &tally);

	for (size_t i = 0; !err && i < tally.nprocesses; i++) {
		number = tally.processes[i];
		if (!number || number > x->n)
			return -EBADMSG;
		if (!x->processes[number - 1].exited) {
			x->tick->alive++;
			x->tick->private_bytes += x->processes[number - 1].private_bytes;
		}
	}
	return err || tally.samples == x->tick->samples ? err : -EBADMSG;
}

static int scan_tick(void *arg, const struct schema_tick *t)
{
	struct scan *x = arg;
	struct recording *r = x->r;
	int err;

	if (r->nticks == r->ticks_room) {
		size_t room = r->ticks_room ? 2 * r->ticks_room : 256;
		struct recording_tick *grown = realloc(r->ticks, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->ticks = grown;
		r->ticks_room = room;
	}
	if (r->nticks && t->elapsed_ns < r->ticks[r->nticks - 1].elapsed_ns)
		return -EBADMSG;
	x->tick = &r->ticks[r->nticks++];
	*x->tick = (struct recording_tick){.time_ns = t->time_ns, .elapsed_ns = t->elapsed_ns};
	err = words__apply(&x->state, t->state, t->state_len);
	if (!err)
		err = recording__samples(r, t->id - 1, t->id, scan_sample, x);
	return err ? err : scan_present(x);
}

static int scan(struct recording *r)
{
	struct scan x = {.r = r};
	struct recording_tally tally;
	int err = recording__tick_states(r, 0, INT64_MAX, scan_tick, &x);

	if (!err && !r->nticks)
		err = -ENODATA;
	if (!err)
		err = recording_tally_read(&x.state, &tally);
	if (!err)
		memcpy(r->totals, tally.totals, sizeof(r->totals));
	words__free(&x.state);
	free(x.processes);
	return err;
}

int recording__open(const char *path, int flags, struct recording **out)
{
	struct recording *r = calloc(1, sizeof(*r));
	int err = r ? source_open(path, &r->db) : -ENOMEM;

	if (err) {
		free(r);
		return err;
	}
	r->unchecked = flags & RECORDING_UNCHECKED;
	r->arena = arena__new();
	err = r->arena ? scan(r) : -ENOMEM;
	if (!err)
		err = recording_load(r);
	if (err) {
		log_error("%s: %s", path,
			  err == -ENODATA   ? "nothing was recorded: not one tick"
			  : err == -EBADMSG ? "damaged: its rows are not those that were written"
					    : strerror(-err));
		recording__free(r);
		return err;
	}
	*out = r;
	return 0;
}

void recording__free(struct recording *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < sizeof(r->st) / sizeof(*r->st); i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	free(r->texts);
	free(r->frames);
	free(r->stacks);
	free(r->processes);
	free(r->sites);
	free(r->marks);
	free(r->ticks);
	arena__free(r->arena);
	free(r);
}

size_t recording__ticks(const struct recording *r, const struct recording_tick **out)
{
	*out = r->ticks;
	return r->nticks;
}

size_t recording__tick_at(const struct recording *r, uint64_t elapsed_ns)
{
	size_t low = 0, high = r->nticks;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (r->ticks[middle].elapsed_ns <= elapsed_ns)
			low = middle;
		else
			high = middle;
	}
	return low;
}

size_t recording__peak(const struct recording *r)
{
	size_t peak = 0;

	for (size_t i = 1; i < r->nticks; i++)
		if (r->ticks[i].private_bytes > r->ticks[peak].private_bytes)
			peak = i;
	return peak;
}

size_t recording__marks(const struct recording *r, const struct recording_mark **out)
{
	*out = r->marks;
	return r->nmarks;
}

size_t recording__processes(const struct recording *r, const struct recording_process **out)
{
	*out = r->processes;
	return r->nprocesses;
}

size_t recording__sites(const struct recording *r, const struct recording_site **out)
{
	*out = r->sites;
	return r->nsites;
}

const char *recording__text(const void *arg, uint64_t number)
{
	const struct recording *r = arg;

	return number && number <= r->ntexts ? r->texts[number - 1] : NULL;
}

static int decode_stack(struct recording *r, struct recording_stack *s)
{
	struct bytes_reader b = {.at = s->data, .end = s->data + s->len};
	/* A frame takes a byte at least. */
	struct report_frame *frames = arena__alloc(r->arena, s->len, sizeof(*frames));
	uint64_t truncated = bytes__take(&b), reason = bytes__take(&b);
	size_t n = 0;

	if (!frames)
		return -ENOMEM;
	if (b.bad || truncated > 1 || reason > r->ntexts)
		return -EBADMSG;
	while (b.at < b.end) {
		uint64_t frame = bytes__take(&b);

		if (b.bad || !frame || frame > r->nframes)
			return -EBADMSG;
		frames[n++] = r->frames[frame - 1];
	}
	s->decoded = (struct state_stack){frames, n, truncated, recording__text(r, reason)};
	return 0;
}

int recording__stack(void *arg, uint64_t number, struct state_stack *out)
{
	struct recording *r = arg;
	struct recording_stack *s;
	int err = 0;

	if (!number || number > r->nstacks)
		return -EBADMSG;
	s = &r->stacks[number - 1];
	if (!s->decoded.frames)
		err = decode_stack(r, s);
	*out = s->decoded;
	return err;
}
