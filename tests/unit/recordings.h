/* SPDX-License-Identifier: GPL-2.0 */
/* recordings.h: files of TICKS recorded ticks, and whether they read as they were written. */
#ifndef RECORDINGS_H
#define RECORDINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evolving_report.h"
#include "store/instant.h"
#include "store/recorder.h"
#include "store/recording.h"

#define TICKS 11

static char dir[] = "/tmp/heapwatch-damage-XXXXXX";
static char file[64], journal[80], scratch[64];
static char *texts[TICKS];

static inline void put(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static inline char *get(const char *name, size_t *len)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, *len), *len);
	close(fd);
	return data;
}

/* All its ticks, each as it was; how many, or -errno. */
static int check_all(const char *name)
{
	const struct recording_tick *ticks;
	const struct report *report;
	struct recording *r;
	struct instant *i;
	int err = recording__open(name, 0, &r), n;

	if (err)
		return err;
	n = (int)recording__ticks(r, &ticks);
	assert_in_range(n, 1, TICKS);
	i = instant__new(r);
	assert_non_null(i);
	for (int t = 0; t < n; t++) {
		char *got;

		assert_int_equal(instant__seek(i, (size_t)t, &report), 0);
		got = ev_text(report);
		assert_string_equal(got, texts[t]);
		free(got);
	}
	instant__free(i);
	recording__free(r);
	return n;
}

static int setup(void **state)
{
	struct evolving *e = malloc(sizeof(*e));

	(void)state;
	if (!e || !mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/a.hw", dir);
	snprintf(journal, sizeof(journal), "%s-journal", file);
	snprintf(scratch, sizeof(scratch), "%s/scratch.hw", dir);
	ev_init(e, 3);
	for (int i = 0; i < TICKS; i++)
		texts[i] = ev_text(ev_next(e));
	free(e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	unlink(journal);
	unlink(scratch);
	for (int i = 0; i < TICKS; i++)
		free(texts[i]);
	return rmdir(dir);
}

#endif
