/* SPDX-License-Identifier: GPL-2.0 */
/* hash.h: a seeded hash of bytes: who is watched chooses the keys, so the seed must not be known.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Random; needs an address that is not known to others for where there is no randomness yet. */
uint64_t hash_seed(const void *where);
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

#endif
