/* SPDX-License-Identifier: GPL-2.0 */
/* file.h: small files, read whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

/* The bytes of a file, the caller's to free, with a 0 behind them.  -EFBIG: there are more than
 * `most`; other -errno of open and read.  Not logged. */
int file_read(const char *path, size_t most, char **out, size_t *len);

#endif
