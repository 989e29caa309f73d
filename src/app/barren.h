/* SPDX-License-Identifier: GPL-2.0 */
/*
 * barren.h: files that were looked through and have no allocator, so that it is not done again for
 * each process that maps them: a compiler's have hundreds of thousands of symbols.
 */
#ifndef APP_BARREN_H
#define APP_BARREN_H

#include <stdbool.h>

struct barren;
struct target;

/* NULL where memory is out. */
struct barren *barren__new(void);
void barren__free(struct barren *b);

/* Remember the open file fd, if that is what target says of it. */
void barren__add(struct barren *b, int fd, const struct target *target);
/* Is it one of them?  nameless: it was stripped, so there is no telling.  b may be NULL. */
bool barren__has(const struct barren *b, int fd, bool *nameless);

#endif
