/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strpool.h: strings kept once each, until the pool is freed.
 */
#ifndef BASE_STRPOOL_H
#define BASE_STRPOOL_H

struct strpool;

struct strpool *strpool__new(void);
void strpool__free(struct strpool *p);

/* The pool's own copy of s: equal strings have one address.  NULL: no memory. */
const char *strpool__add(struct strpool *p, const char *s);

#endif
