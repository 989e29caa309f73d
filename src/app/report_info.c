// SPDX-License-Identifier: GPL-2.0
#include "app/report_info.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"
#include "store/instant.h"
#include "store/recording.h"
#include "store/schema.h"

/* What the samples say of a process. */
struct life {
	size_t first, last; /* ticks, from 0 */
	bool seen, exited;
	uint64_t peak;
	size_t peak_tick;
};

static int add_sample(void *arg, const struct schema_sample *s)
{
	struct life *l = (struct life *)arg + (s->process - 1);
	uint64_t private =
	    s->columns[0] > s->columns[1] ? (uint64_t)(s->columns[0] - s->columns[1]) : 0;

	if (!l->seen)
		l->first = (size_t)s->tick - 1;
	l->seen = true;
	if (!l->exited)
		l->last = (size_t)s->tick - 1;
	l->exited = s->columns[8] != 0;
	if (private > l->peak) {
		l->peak = private;
		l->peak_tick = (size_t)s->tick - 1;
	}
	return 0;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void note(FILE *f, const struct recording *r, const char *key, const char *what)
{
	const char *value = recording__note(r, key);
	char clean[4096];

	if (value)
		fprintf(f, "  %-10s %s\n", what, utf8_clean(clean, sizeof(clean), value));
}

static void write_head(FILE *f, const struct recording *r)
{
	const struct recording_tick *ticks;
	size_t n = recording__ticks(r, &ticks), peak = recording__peak(r);
	time_t start = (time_t)((ticks[0].time_ns - ticks[0].elapsed_ns) / 1000000000u);
	char when[64] = "?", size[SIZE_TEXT];
	struct tm tm;

	if (localtime_r(&start, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(f, "recorded from %s on: %zu tick%s, %.1f s to %.1f s after the attach\n", when, n,
		n == 1 ? "" : "s", seconds(ticks[0].elapsed_ns), seconds(ticks[n - 1].elapsed_ns));
	note(f, r, "arguments", "of");
	note(f, r, "host", "host");
	note(f, r, "kernel", "Linux");
	note(f, r, "heapwatch", "heapwatch");
	fprintf(f, "peak of all processes: %s private (RSS less shared) at %.1f s, of %u alive\n",
		size_format(size, ticks[peak].private_bytes), seconds(ticks[peak].elapsed_ns),
		ticks[peak].alive);
}

static void write_processes(FILE *f, const struct recording *r, const struct report *last,
			    const struct life *lives)
{
	const struct recording_process *processes;
	const struct recording_tick *ticks;
	size_t n = recording__processes(r, &processes);
	char size[SIZE_TEXT], comm[256];

	recording__ticks(r, &ticks);
	fprintf(f, "\n%10s %10s %10s %14s %10s  process\n", "pid", "from", "to", "peak private",
		"at");
	for (size_t i = 0; i < n; i++) {
		const struct life *l = &lives[i];
		const char *name = "?";

		for (size_t k = 0; k < last->nprocesses; k++)
			if (last->processes[k].pid == processes[i].pid &&
			    last->processes[k].start_time == processes[i].start_time)
				name = last->processes[k].comm;
		fprintf(f, "%10u %8.1f s %8.1f s %14s %8.1f s  %s%s\n", processes[i].pid,
			seconds(ticks[l->first].elapsed_ns), seconds(ticks[l->last].elapsed_ns),
			size_format(size, l->peak), seconds(ticks[l->peak_tick].elapsed_ns),
			utf8_clean(comm, sizeof(comm), name), l->exited ? "  [ended]" : "");
	}
}

static void write_marks(FILE *f, const struct recording *r)
{
	const struct recording_process *processes;
	const struct recording_mark *marks;
	size_t n = recording__marks(r, &marks);
	char text[4096];

	recording__processes(r, &processes);
	if (n)
		fprintf(f, "\n%10s  mark\n", "at");
	for (size_t i = 0; i < n; i++) {
		utf8_clean(text, sizeof(text), marks[i].text);
		if (marks[i].process)
			fprintf(f, "%8.1f s  %u exec %s\n", seconds(marks[i].elapsed_ns),
				processes[marks[i].process - 1].pid, text);
		else
			fprintf(f, "%8.1f s  %s\n", seconds(marks[i].elapsed_ns), text);
	}
}

int report_info_write(FILE *f, struct recording *r)
{
	const struct recording_process *processes;
	const struct recording_tick *ticks;
	size_t n = recording__processes(r, &processes), nticks = recording__ticks(r, &ticks);
	struct life *lives = calloc(n + 1, sizeof(*lives));
	struct instant *i = instant__new(r);
	const struct report *last;
	int err = lives && i ? instant__seek(i, nticks - 1, &last) : -ENOMEM;

	if (!err)
		err = recording__samples(r, 0, nticks, add_sample, lives);
	if (!err) {
		write_head(f, r);
		write_processes(f, r, last, lives);
		write_marks(f, r);
		err = fflush(f) || ferror(f) ? -EIO : 0;
	}
	instant__free(i);
	free(lives);
	return err;
}
