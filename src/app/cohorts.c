// SPDX-License-Identifier: GPL-2.0
#include "app/cohorts.h"

#include <stdlib.h>

#include "app/inspection.h"
#include "base/clock.h"
#include "inspect/memory.h"
#include "inspect/signatures.h"
#include "model/blocks.h"
#include "model/cohort.h"
#include "model/sampling.h"

/* Read at once. */
#define BATCH 4096u

void cohorts_peek(struct inspection *i, const struct block *b,
		  const uint64_t words[SIGNATURE_WORDS])
{
	if (!i->cohort)
		i->cohort = cohort__new();
	if (i->cohort)
		cohort__see(i->cohort, clock_now_ns(), b, words);
}

static int add(void *arg, const struct block *b)
{
	return cohort__add(arg, b);
}

static int read_all(const struct inspection *i, struct cohort *c)
{
	const struct memory mem = memory_of(i->pid);
	struct signatures_chunk *chunks = calloc(BATCH, sizeof(*chunks));
	size_t n = cohort__to_read(c);
	int err = chunks ? 0 : -1;

	for (size_t done = 0, some; done < n && !err; done += some) {
		some = n - done < BATCH ? n - done : BATCH;
		for (size_t k = 0; k < some; k++)
			chunks[k].addr = cohort__block(c, done + k)->addr;
		err = signatures_read(&mem, NULL, 0, chunks, some);
		for (size_t k = 0; k < some && !err; k++)
			cohort__tell(c, done + k, chunks[k].words);
	}
	free(chunks);
	return err;
}

void cohorts_look(struct inspection *i, const struct blocks *blocks, const struct sampling_look *l)
{
	if (!i->cohort)
		i->cohort = cohort__new();
	if (!i->cohort)
		return;
	/* Only glibc's chunks are known by size. */
	cohort__begin(i->cohort, i->when_ns, i->sampling.told, l->spans, l->nspans);
	if (!blocks__each(blocks, add, i->cohort) && !read_all(i, i->cohort))
		cohort__finish(i->cohort);
}
