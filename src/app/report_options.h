/* SPDX-License-Identifier: GPL-2.0 */
/* report_options.h: the command line of heapwatch report. */
#ifndef APP_REPORT_OPTIONS_H
#define APP_REPORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_format {
	FORMAT_TEXT,
	FORMAT_INFO,
	FORMAT_JSON,
	FORMAT_FOLDED,
	FORMAT_PPROF,
	FORMAT_HTML,
};

/* A moment of the recording. */
struct report_moment {
	enum { MOMENT_TIME, MOMENT_PEAK, MOMENT_END } kind;
	uint64_t ns; /* since the attach, of MOMENT_TIME */
};

#define REPORT_PROCESSES 64

struct report_options {
	const char *file;
	struct report_moment at, from; /* from: only with diff */
	bool diff;
	enum report_format format;
	const char *processes[REPORT_PROCESSES];
	size_t nprocesses;
	const char *output;	  /* NULL: stdout */
	const char *suppressions; /* a file, or NULL */
	uint64_t min_age_ns;	  /* 0: any */
	size_t top;		  /* callsites per process; 0: all */
	unsigned int depth;	  /* frames per callsite; 0: all */
	bool force, help;
};

/* 0, or -EINVAL after a line on stderr. */
int report_options_parse(int argc, char **argv, struct report_options *out);
void report_options_help(void);

#endif
