/* SPDX-License-Identifier: GPL-2.0 */
/* glibc_cache.h: what glibc_find said of a file, remembered: a machine's processes share few. */
#ifndef INSPECT_GLIBC_CACHE_H
#define INSPECT_GLIBC_CACHE_H

struct glibc_cache;
struct glibc_file;

/* NULL: no memory. */
struct glibc_cache *glibc_cache__new(void);
void glibc_cache__free(struct glibc_cache *c);

/* As glibc_find.  A file counts as the same while device, inode, size and the times of its last
 * changes are. */
int glibc_cache__find(struct glibc_cache *c, int fd, struct glibc_file *out);

#endif
