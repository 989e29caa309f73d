/* SPDX-License-Identifier: GPL-2.0 */
/*
 * images.h: the files of code that were seen in any watched process: what was mapped where in one
 * that ended before it could be looked at is known from its records, by inode; here are the names.
 */
#ifndef APP_IMAGES_H
#define APP_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "heapwatch/event.h"

struct images;
struct modules;
struct names;

/* NULL where memory is out. */
struct images *images__new(void);
void images__free(struct images *i);

/* Remember the files behind these modules' code.  0 or -ENOMEM. */
int images__see(struct images *i, const struct modules *m);

/*
 * Fill m with what the records say was mapped.  exe: the path that exec was given, where it is
 * still the file of that inode it is opened for names.  Files that nobody knows are left out.  0 or
 * -ENOMEM.
 */
int images__imagine(struct images *i, const struct hw_module *maps, size_t n, const char *exe,
		    struct names *names, struct modules *m);

#endif
