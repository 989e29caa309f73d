/* SPDX-License-Identifier: GPL-2.0 */
/* emulated.h: tests that look at their own process through /proc, under an emulator's. */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* run.py --emulator says so: qemu-user shows the host's /proc/PID, with its own mappings and not
 * this program's, and has no process_vm_readv. */
static inline void skip_emulated(void)
{
	if (!getenv("HEAPWATCH_EMULATED"))
		return;
	printf("skip: the emulator does not show this process's own memory\n");
	skip();
}

#endif
