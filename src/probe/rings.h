/* SPDX-License-Identifier: GPL-2.0 */
/* rings.h: the ring buffers that the BPF programs write into, and the map that they find them by.
 */
#ifndef PROBE_RINGS_H
#define PROBE_RINGS_H

#include <stddef.h>

struct rings;

/*
 * n rings of so many bytes (a power of two of pages), and the map of them.  Putting a ring into the
 * map takes a grace period of the kernel's, which a thread waits for while the caller goes on to
 * load programs.  0 or -errno; logged.
 */
int rings__new(size_t bytes, unsigned int n, struct rings **out);
void rings__free(struct rings *r);

/* The map's descriptor, which stays r's. */
int rings__map(const struct rings *r);

/* Wait until all rings are in the map, and make them readable.  Before anything is attached.  0 or
 * -errno; logged. */
int rings__open(struct rings *r);

/* Becomes readable when a ring has crossed its wake-up mark. */
int rings__epoll_fd(const struct rings *r);
/* Hand every record that is there to fn, which returns non-zero to stop after that one.  Returns
 * how many, or -errno (not of fn). */
int rings__drain(struct rings *r, int (*fn)(void *arg, const void *data, size_t len), void *arg);

#endif
