/* SPDX-License-Identifier: GPL-2.0 */
/* cohorts.h: reading what the sampled blocks of a process begin with (model/cohort.h). */
#ifndef APP_COHORTS_H
#define APP_COHORTS_H

#include <stdint.h>

#include "model/signature.h"

struct block;
struct blocks;
struct inspection;
struct sampling_look;

/* A block that came in a window that has ended. */
void cohorts_peek(struct inspection *i, const struct block *b,
		  const uint64_t words[SIGNATURE_WORDS]);
/* All that the ledger has; after the look at the heap, of which spans are.  Where memory
 * is out, or the process has ended, the last one stays. */
void cohorts_look(struct inspection *i, const struct blocks *blocks, const struct sampling_look *l);

#endif
