/* SPDX-License-Identifier: GPL-2.0 */
/*
 * signature.h: what kind of thing a block is, by what it begins with: the words there that point
 * into mapped files, which are its type, its vtable or its functions.  They stay what they are
 * while the block lives, and mostly differ from those of another one that gets its address.  Pure.
 */
#ifndef MODEL_SIGNATURE_H
#define MODEL_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_WORDS 4
/* So many make its content. */
#define SIGNATURE_CONTENT 8

/* How a block begins. */
struct signature {
	uint32_t kind;	  /* signature_of; 0: nothing is known */
	uint32_t content; /* signature_content */
	/* Of each word of the content a hash; 0: it tells no block from another, for it is a small
	 * number, or points into a file as many others of its kind do. */
	uint16_t marks[SIGNATURE_CONTENT];
};

/* Where a file is mapped: [start, end); sorted, and none overlaps another. */
struct signature_range {
	uint64_t start, end;
};

/* How many of a chunk's words make its signature (glibc: the last eight bytes of a chunk's block
 * are the next one's first). */
static inline size_t signature_words(uint64_t chunk)
{
	size_t n = chunk < 16 ? 0 : (size_t)(chunk - 8) / 8;

	return n < SIGNATURE_WORDS ? n : SIGNATURE_WORDS;
}

static inline size_t signature_content_words(uint64_t chunk)
{
	size_t n = chunk < 16 ? 0 : (size_t)(chunk - 8) / 8;

	return n < SIGNATURE_CONTENT ? n : SIGNATURE_CONTENT;
}

/* A hash of a block's first n words: where it is another one by now, so is the block, or it was
 * written to. */
uint32_t signature_content(const uint64_t *words, size_t n);

/* Of a block's first n words; 0: none of them points into a file. */
uint32_t signature_of(const struct signature_range *files, size_t nfiles, const uint64_t *words,
		      size_t n);

/* All three, of a block whose chunk has so many bytes; words has SIGNATURE_CONTENT. */
struct signature signature_take(const struct signature_range *files, size_t nfiles,
				const uint64_t *words, uint64_t chunk);

#endif
