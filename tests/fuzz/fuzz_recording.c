// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_recording: any bytes as a recording's file, sums not looked at, so that what comes after
 * them is reached; what can be read is written in every format.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/report.h"
#include "out/diff.h"
#include "out/folded.h"
#include "out/html.h"
#include "out/json.h"
#include "out/pprof.h"
#include "out/text.h"
#include "store/instant.h"
#include "store/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TICKS 16

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

static void write_all(FILE *f, struct html *h, const struct report *first, const struct report *r)
{
	static const struct text_style style;
	static const struct diff_style diff;

	json_write(f, r);
	text_write(f, r, &style);
	folded_write(f, r, NULL);
	pprof_write(f, r, first, PPROF_INUSE_SPACE);
	diff_write(f, first, r, &diff);
	html__add(h, r);
}

static void read_all(struct recording *r)
{
	struct instant *a = instant__new(r), *b = instant__new(r);
	const struct recording_tick *ticks;
	const struct report *first, *report;
	struct html *h = html__new();
	size_t n = recording__ticks(r, &ticks);
	FILE *f = fopen("/dev/null", "we");

	must(a && b && h && f && n);
	must(recording__peak(r) < n && recording__tick_at(r, ticks[n / 2].elapsed_ns) < n);
	if (!instant__seek(a, 0, &first))
		for (size_t i = 0; i < n && i < TICKS; i++)
			if (!instant__seek(b, i, &report))
				write_all(f, h, first, report);
	instant__held(b, 0, n - 1, &report);
	html__write(h, "x", f);
	fclose(f);
	html__free(h);
	instant__free(a);
	instant__free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	struct recording *r;
	int fd;

	if (!path[0]) {
		snprintf(path, sizeof(path), "/dev/shm/heapwatch-fuzz-%d", getpid());
		/* What log.h says; the fuzzer has its own way to the terminal. */
		stderr = fopen("/dev/null", "we");
		must(stderr != NULL);
	}
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (!recording__open(path, RECORDING_UNCHECKED, &r)) {
		read_all(r);
		recording__free(r);
	}
	unlink(path);
	return 0;
}
