// SPDX-License-Identifier: GPL-2.0
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

uint64_t hash_seed(const void *where)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)where;
	return seed;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const char *s = data;
	uint64_t h = seed ^ len, word;

	for (; len; s += sizeof(word), len -= sizeof(word)) {
		word = 0;
		memcpy(&word, s, len < sizeof(word) ? len : sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
		if (len <= sizeof(word))
			break;
	}
	h *= 0xbf58476d1ce4e5b9ull;
	return h ^ h >> 32;
}
