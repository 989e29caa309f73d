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
    {REPORT_HEAP, 0xa, 1009, 11, 5003, 53, false, 2, frames_a, NULL},
    {REPORT_HEAP, 0xb, 211, 2, 211, 2, true, 4, frames_b, NULL},
    {REPORT_HEAP, 0, 17, 1, 17, 1, false, 0, NULL, NULL},
};

static const struct report_site sites_2[] = {
    {REPORT_HEAP, 0xa, 2017, 29, 7001, 83, false, 2, frames_a, NULL},
    {REPORT_MAP, 0xc, 8192, 1, 12288, 2, false, 1, frames_c, NULL},
    {REPORT_HEAP, 0xb, 11, 1, 211, 2, true, 4, frames_b, NULL},
};

static const struct report_site sites_other[] = {
    {REPORT_HEAP, 0xa, 101, 3, 103, 5, false, 2, frames_a, NULL},
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
