// SPDX-License-Identifier: GPL-2.0
#include "model/signature.h"

#include <stdbool.h>

static bool in_file(const struct signature_range *files, size_t n, uint64_t word)
{
	size_t low = 0, high = n;

	if (!n || word < files[0].start || word >= files[n - 1].end)
		return false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (word >= files[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && word >= files[low].start;
}

/* FNV-1a, whose upper half is mixed best. */
uint32_t signature_content(const uint64_t *words, size_t n)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < n && i < SIGNATURE_CONTENT; i++)
		hash = (hash ^ words[i] ^ (uint64_t)i << 56) * 1099511628211u;
	return (uint32_t)(hash >> 32);
}

uint32_t signature_of(const struct signature_range *files, size_t nfiles, const uint64_t *words,
		      size_t n)
{
	uint64_t hash = 14695981039346656037ull;
	bool any = false;

	for (size_t i = 0; i < n && i < SIGNATURE_WORDS; i++) {
		if (!in_file(files, nfiles, words[i]))
			continue;
		hash = (hash ^ words[i] ^ (uint64_t)i << 56) * 1099511628211u;
		any = true;
	}
	return any ? (uint32_t)(hash >> 32) | 1 : 0;
}

/* Numbers that counts and flags have. */
#define SMALL 65536

static bool says_nothing(const struct signature_range *files, size_t nfiles, uint64_t word)
{
	return word + SMALL < 2 * SMALL || in_file(files, nfiles, word);
}

struct signature signature_take(const struct signature_range *files, size_t nfiles,
				const uint64_t *words, uint64_t chunk)
{
	size_t n = signature_content_words(chunk);
	struct signature s = {.kind = signature_of(files, nfiles, words, signature_words(chunk)),
			      .content = signature_content(words, n)};

	for (size_t i = 0; i < n; i++)
		if (!says_nothing(files, nfiles, words[i]))
			s.marks[i] = (uint16_t)(words[i] * 0x9e3779b97f4a7c15ull >> 48) | 1;
	return s;
}
