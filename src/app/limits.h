/* SPDX-License-Identifier: GPL-2.0 */
/* limits.h: what a system-wide view needs more of than a shell gives. */
#ifndef APP_LIMITS_H
#define APP_LIMITS_H

/* The sampler keeps a descriptor for each process, as far as this limit permits: up to 65,536, or
 * to the hard limit. */
void limits_raise_files(void);

#endif
