/* SPDX-License-Identifier: GPL-2.0 */
/*
 * codes.h: code objects of interpreters (struct hw_code) on their way from the records to whoever
 * names frames.  Pure: no I/O, no clock.
 */
#ifndef MODEL_CODES_H
#define MODEL_CODES_H

#include <stddef.h>

struct codes;
struct hw_code;

/* NULL where memory is out. */
struct codes *codes__new(void);
void codes__free(struct codes *c);

/* Keep a copy of a record that was checked (decode.h).  0, -ENOMEM, or -ENOSPC where 32 MiB wait:
 * that object is never named. */
int codes__put(struct codes *c, const struct hw_code *code);

size_t codes__count(const struct codes *c);
/* In the order in which they came; i < codes__count. */
const struct hw_code *codes__at(const struct codes *c, size_t i);

#endif
