// SPDX-License-Identifier: GPL-2.0
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/utf8.h"

/* The one process-wide setting: where the log is cut off. */
static atomic_int log_limit = LOG_NOTE;

void log_set_level(enum log_level level)
{
	atomic_store(&log_limit, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&log_limit);
}

void log_vmsg(enum log_level level, const char *fmt, va_list ap)
{
	char line[1024], clean[3 * sizeof(line)];

	if ((int)level > atomic_load(&log_limit))
		return;
	/* One write per line, so that two threads' messages do not mix. */
	vsnprintf(line, sizeof(line), fmt, ap);
	/* Names of processes and files are whatever their owners like, escape sequences too. */
	utf8_clean(clean, sizeof(clean), line);
	fprintf(stderr, "heapwatch: %s%s\n",
		level == LOG_WARN    ? "warning: "
		: level == LOG_DEBUG ? "debug: "
				     : "",
		clean);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}
