/* SPDX-License-Identifier: GPL-2.0 */
/* python.h: is this ELF file a CPython interpreter, and where are its frames (heapwatch/python.h).
 * The file can be hostile: all that comes out is bounded. */
#ifndef UNWIND_PYTHON_H
#define UNWIND_PYTHON_H

#include "base/segments.h"
#include "heapwatch/python.h"

/*
 * Of an open file with these segments: *out with link-time addresses.  0; -ENOENT (no interpreter),
 * -ENOTSUP (one whose frames we do not know: a version before 3.9 or after 3.13, free-threaded).
 */
int python_read(int fd, const struct segments *segments, struct hw_python *out);

#endif
