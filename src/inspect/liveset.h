/* SPDX-License-Identifier: GPL-2.0 */
/*
 * liveset.h: at which addresses of a heap a live block starts: a bit for each 16 bytes.  Filled by
 * a walk; then it says of any address whether a block can be live there.  Pure.
 */
#ifndef INSPECT_LIVESET_H
#define INSPECT_LIVESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct liveset;

/* NULL where memory is out. */
struct liveset *liveset__new(void);
void liveset__free(struct liveset *s);

/* A block is live at addr (a multiple of 16).  Ascending addresses are cheapest.  0 or -ENOMEM. */
int liveset__add(struct liveset *s, uint64_t addr);
bool liveset__has(const struct liveset *s, uint64_t addr);
size_t liveset__memory(const struct liveset *s);

#endif
