/* SPDX-License-Identifier: GPL-2.0 */
/* rows.h: the SQLite side of a recorder: transactions and rows (schema.h).  The first error stays.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/dictionary.h"
#include "store/schema.h"

struct rows;

/* As recorder__new. */
int rows__new(const char *path, bool replace, struct rows **out);
/* What was not committed is lost. */
void rows__free(struct rows *r);

/* -EBUSY: a reader holds the file; the transaction stays open, and the next commit tries again. */
int rows__commit(struct rows *r);
/* How long a commit waits for readers, ms. */
void rows__patience(struct rows *r, int ms);
int rows__limit(struct rows *r, unsigned int pages);

/* Each opens a transaction where none is. */
int rows__note(struct rows *r, const char *key, const char *value);
/* All entries that were not written yet. */
int rows__dictionary(struct rows *r, const struct dictionary *d);
int rows__sample(struct rows *r, const struct schema_sample *s);
int rows__mark(struct rows *r, uint64_t time_ns, uint64_t process, const char *text);
int rows__tick(struct rows *r, const struct schema_tick *t);

/* How many rows each table has, and what they add up to (schema.h); marks come last. */
struct words;
void rows__totals(const struct rows *r, struct words *out);

#endif
