/* SPDX-License-Identifier: GPL-2.0 */
/*
 * intern.h: keys (strings, or structs without padding) kept once each and numbered in the order of
 * their arrival, from 0.
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern;

struct intern *intern__new(void);
void intern__free(struct intern *in);

/* The key's number; a key not seen before gets the next one.  -ENOMEM, -ENOSPC (2^31 keys). */
int64_t intern__add(struct intern *in, const void *key, size_t len);
/* Its number, or -ENOENT. */
int64_t intern__find(const struct intern *in, const void *key, size_t len);

size_t intern__count(const struct intern *in);
/* The key of this number (below the count), its length to *len (may be NULL).  A 0 byte follows
 * it; it is aligned as a uint64_t.  Valid until the next add. */
const void *intern__key(const struct intern *in, size_t number, size_t *len);
size_t intern__memory(const struct intern *in);

#endif
