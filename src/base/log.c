// SPDX-License-Identifier: GPL-2.0
#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

/* A message is cut off there. */
#define LINE_MAX_BYTES 1023

/* The one process-wide setting: where the log is cut off, and how its lines look. */
static atomic_int log_limit = LOG_NOTE;
static atomic_bool log_logfmt;

void log_set_level(enum log_level level)
{
	atomic_store(&log_limit, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&log_limit);
}

void log_set_logfmt(void)
{
	atomic_store(&log_logfmt, true);
}

static void write_plain(enum log_level level, const char *text)
{
	fprintf(stderr, "heapwatch: %s%s\n",
		level == LOG_WARN    ? "warning: "
		: level == LOG_DEBUG ? "debug: "
				     : "",
		text);
}

static void write_logfmt(enum log_level level, const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char quoted[2048], when[32];
	struct timespec now;
	size_t used = 0;
	struct tm tm;

	for (; *text && used + 3 < sizeof(quoted); text++) {
		if (*text == '"' || *text == '\\')
			quoted[used++] = '\\';
		quoted[used++] = *text;
	}
	quoted[used] = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "ts=%s.%03ldZ level=%s msg=\"%s\"\n", when, now.tv_nsec / 1000000,
		names[level], quoted);
}

void log_vmsg(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES + 1], clean[3 * sizeof(line)];

	if ((int)level > atomic_load(&log_limit))
		return;
	/* One write per line, so that two threads' messages do not mix. */
	vsnprintf(line, sizeof(line), fmt, ap);
	/* Names of processes and files are whatever their owners like, escape sequences too. */
	utf8_clean(clean, sizeof(clean), line);
	if (atomic_load(&log_logfmt))
		write_logfmt(level, clean);
	else
		write_plain(level, clean);
}

void log_lines(enum log_level level, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		int part = len < LINE_MAX_BYTES ? (int)len : LINE_MAX_BYTES;

		if (len)
			log_msg(level, "%.*s", part, text);
		text += len ? part : 1;
		if (len == (size_t)part && *text == '\n')
			text++;
	}
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}
