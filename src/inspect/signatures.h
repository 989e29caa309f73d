/* SPDX-License-Identifier: GPL-2.0 */
/* signatures.h: of blocks of a process's glibc heap, what kind of thing each is (signature.h), read
 * from its memory without stopping it. */
#ifndef INSPECT_SIGNATURES_H
#define INSPECT_SIGNATURES_H

#include <stddef.h>
#include <stdint.h>

#include "model/signature.h"

struct memory;
struct modules;
struct signature_range;

/* Where files are mapped: to *files, the caller's to free.  0 or -ENOMEM. */
int signatures_files(const struct modules *m, struct signature_range **files, size_t *n);

struct signatures_chunk {
	uint64_t addr; /* of the block, a multiple of 16 */
	uint64_t size; /* of its chunk, as its header says; 0: it could not be read */
	struct signature begins;
	uint64_t words[SIGNATURE_CONTENT]; /* that it begins with; zeroes if it is not there */
};
/* Of n chunks, by their addr, the rest.  0, -ESRCH, -EPERM. */
int signatures_read(const struct memory *mem, const struct signature_range *files, size_t nfiles,
		    struct signatures_chunk *chunks, size_t n);

#endif
