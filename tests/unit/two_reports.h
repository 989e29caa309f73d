/* SPDX-License-Identifier: GPL-2.0 */
/* two_reports.h: two instants of the same two processes; a third process is only in the first. */
#ifndef TWO_REPORTS_H
#define TWO_REPORTS_H

#include "model/report.h"

/* 0x1000 into its file is mapped at 0x400000. */
#define PROGRAM 0x3ff000u
#define LIBRARY 0x7f0000000000u

static const struct report_frame frames_a[] = {
    {"read_rows", "/src/rows.c", 41, "/usr/bin/app", 0x1169, PROGRAM + 0x1169},
    {"main", "/src/main.c", 7, "/usr/bin/app", 0x2042, PROGRAM + 0x2042},
};

static const struct report_frame frames_b[] = {
    {"ns::call<a;b>(char*)", NULL, 0, "/usr/lib/libx.so", 0x11, LIBRARY + 0x11},
    {NULL, NULL, 0, "/usr/lib/libx.so", 0x5abc, LIBRARY + 0x5abc},
    {"</script>\n\xff", "/src/main.c", 9, "/usr/bin/app", 0x2050, PROGRAM + 0x2050},
    {.pc = 0x13},
};

static const struct report_frame frames_c[] = {
    {"mmap64", NULL, 0, "/usr/lib/libc.so.6", 0x100, LIBRARY + 0x100},
};

static const struct report_site sites_1[] = {
    {.kind = REPORT_HEAP,
     .stack = 0xa,
     .bytes = 1009,
     .blocks = 11,
     .allocated_bytes = 5003,
     .allocated_blocks = 53,
     .nframes = 2,
     .frames = frames_a},
    {.kind = REPORT_HEAP,
     .stack = 0xb,
     .bytes = 211,
     .blocks = 2,
     .allocated_bytes = 211,
     .allocated_blocks = 2,
     .truncated = true,
     .nframes = 4,
     .frames = frames_b},
    {.kind = REPORT_HEAP,
     .stack = 0,
     .bytes = 17,
     .blocks = 1,
     .allocated_bytes = 17,
     .allocated_blocks = 1,
     .nframes = 0},
};

static const struct report_site sites_2[] = {
    {.kind = REPORT_HEAP,
     .stack = 0xa,
     .bytes = 2017,
     .blocks = 29,
     .allocated_bytes = 7001,
     .allocated_blocks = 83,
     .nframes = 2,
     .frames = frames_a},
    {.kind = REPORT_MAP,
     .stack = 0xc,
     .bytes = 8192,
     .blocks = 1,
     .allocated_bytes = 12288,
     .allocated_blocks = 2,
     .nframes = 1,
     .frames = frames_c},
    {.kind = REPORT_HEAP,
     .stack = 0xb,
     .bytes = 11,
     .blocks = 1,
     .allocated_bytes = 211,
     .allocated_blocks = 2,
     .truncated = true,
     .nframes = 4,
     .frames = frames_b},
};

static const struct report_site sites_other[] = {
    {.kind = REPORT_HEAP,
     .stack = 0xa,
     .bytes = 101,
     .blocks = 3,
     .allocated_bytes = 103,
     .allocated_blocks = 5,
     .nframes = 2,
     .frames = frames_a},
};

static const struct report_process processes_1[] = {
    {.pid = 4711,
     .start_time = 100,
     .comm = "app",
     .exe = "/usr/bin/app",
     .nsites = 3,
     .sites = sites_1},
    {.pid = 4713,
     .start_time = 200,
     .comm = "gone;x",
     .exe = "/bin/gone",
     .nsites = 1,
     .sites = sites_other},
};

static const struct report_process processes_2[] = {
    {.pid = 4711,
     .start_time = 100,
     .comm = "app",
     .exe = "/usr/bin/app",
     .nsites = 3,
     .sites = sites_2},
    {.pid = 4713,
     .start_time = 300,
     .comm = "new",
     .exe = "/bin/new",
     .nsites = 1,
     .sites = sites_other},
};

static const struct report report_1 = {.time_ns = 1700000000000000001,
				       .elapsed_ns = 1000000000,
				       .nprocesses = 2,
				       .processes = processes_1};
static const struct report report_2 = {.time_ns = 1700000002000000003,
				       .elapsed_ns = 3000000002,
				       .nprocesses = 2,
				       .processes = processes_2};

#endif
