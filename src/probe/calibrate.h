/* SPDX-License-Identifier: GPL-2.0 */
/* calibrate.h: two functions of our own whose first instructions are known, to time a trap on. */
#ifndef PROBE_CALIBRATE_H
#define PROBE_CALIBRATE_H

#include <stdint.h>

enum calibrate_fn {
	CALIBRATE_EMULATED, /* starts with push: the kernel emulates it */
	CALIBRATE_STEPPED,  /* starts with test: the kernel single-steps it */
};

/* The function's offset in /proc/self/exe; 0 where it could not be found. */
uint64_t calibrate_offset(enum calibrate_fn fn);
void calibrate_run(enum calibrate_fn fn, unsigned int times);
/* ns a call, the fastest of five rounds of `times`. */
double calibrate_time(enum calibrate_fn fn, unsigned int times);

#endif
