// SPDX-License-Identifier: GPL-2.0
/* linger.c: preloaded, has a program stay for three seconds when it has done all, with what it has
 * not freed. */
#include <unistd.h>

static __attribute__((destructor)) void linger(void)
{
	sleep(3);
	_exit(0);
}
