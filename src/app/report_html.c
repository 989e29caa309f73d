// SPDX-License-Identifier: GPL-2.0
#include "app/report_html.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "model/report.h"
#include "out/html.h"
#include "out/sieve.h"
#include "store/instant.h"
#include "store/recording.h"

/* A screen has not many more columns than that. */
#define INSTANTS 1000

/* Which ticks: evenly, and each that somebody will want to see. */
static bool *choose(const struct recording *r, size_t *count)
{
	const struct recording_mark *marks;
	const struct recording_tick *ticks;
	size_t n = recording__ticks(r, &ticks), nmarks = recording__marks(r, &marks);
	bool *keep = calloc(n, sizeof(*keep));

	if (!keep)
		return NULL;
	for (size_t i = 0; i < n; i++)
		keep[i] = n <= INSTANTS || i * INSTANTS / n != (i + 1) * INSTANTS / n;
	keep[0] = keep[n - 1] = keep[recording__peak(r)] = true;
	for (size_t i = 0; i < nmarks && i < INSTANTS; i++)
		keep[recording__tick_at(r, marks[i].elapsed_ns)] = true;
	*count = n;
	return keep;
}

static int add_instants(struct html *h, struct recording *r, struct sieve *s)
{
	struct instant *instant = instant__new(r);
	size_t n = 0;
	bool *keep = choose(r, &n);
	const struct report *report;
	struct sieve_count count;
	int err = instant && keep ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++) {
		if (!keep[i])
			continue;
		err = instant__seek(instant, i, &report);
		if (!err)
			report = sieve__apply(s, report, &count);
		if (!err)
			err = report ? html__add(h, report) : -ENOMEM;
	}
	instant__free(instant);
	free(keep);
	return err;
}

static int add_marks(struct html *h, const struct recording *r)
{
	const struct recording_process *processes;
	const struct recording_mark *marks;
	size_t n = recording__marks(r, &marks);
	int err = 0;

	recording__processes(r, &processes);
	for (size_t i = 0; i < n && !err; i++)
		err = html__mark(h, marks[i].elapsed_ns,
				 marks[i].process ? processes[marks[i].process - 1].pid : 0,
				 marks[i].text);
	return err;
}

static int add_notes(struct html *h, const struct recording *r)
{
	static const char *const keys[] = {"arguments", "host", "kernel", "heapwatch"};
	int err = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !err; i++) {
		const char *value = recording__note(r, keys[i]);

		if (value)
			err = html__note(h, keys[i], value);
	}
	return err;
}

int report_html_write(FILE *f, const char *title, struct recording *r, struct sieve *s)
{
	struct html *h = html__new();
	int err = h ? add_instants(h, r, s) : -ENOMEM;

	if (!err)
		err = add_marks(h, r);
	if (!err)
		err = add_notes(h, r);
	if (!err)
		err = html__write(h, title, f);
	html__free(h);
	return err;
}
