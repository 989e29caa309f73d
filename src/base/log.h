/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h: messages for the user, on stderr, each one line that starts with "heapwatch: ".
 * Who turns a failure into -errno logs it, once; callers pass it on.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTE, LOG_DEBUG };

/* Messages above this level are dropped.  Starts as LOG_NOTE; -v makes it LOG_DEBUG. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* From now on each message is logfmt, as daemons' collectors want it:
 * ts=2026-01-31T12:00:00.000Z level=info msg="..." */
void log_set_logfmt(void);

void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vmsg(enum log_level level, const char *fmt, va_list ap);
/* Another's text of any length: a message a line, empty ones left out, nothing cut off. */
void log_lines(enum log_level level, const char *text);

#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_note(...)  log_msg(LOG_NOTE, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
