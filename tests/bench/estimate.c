// SPDX-License-Identifier: GPL-2.0
/*
 * estimate.c TRACE SEEN EVERY LOOK LARGE SEEDS DELAY [PAGES]: how well the estimator tells who
 * holds what, on a trace of a real program (tracer.c), of which windows of SEEN calls in each EVERY
 * are seen, their blocks are looked at DELAY calls later and the heap each LOOK calls at most, and
 * with LARGE 1 all large blocks are seen; of PAGES pages that the heap grows by one is told of. For
 * each seed, at eight instants: means of the ten largest callsites' error as a share of their
 * bytes, how many of their error bars hold the truth, and of the 40 largest callsites'; and the
 * bars' median width as a share of the truth.  Last a line "all" with the means over the seeds.
 */
#include <stdio.h>

#include "../unit/replay_score.h"
#include "../unit/replay_trace.h"

#define INSTANTS 8

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(const struct trace_record *t, const uint32_t *signatures, size_t n,
		const struct replay_plan *plan, struct replay_score *score)
{
	uint64_t next = n / (INSTANTS + 1);
	unsigned int instants = 0;
	struct replay r;

	replay_start(&r, plan);
	for (size_t i = 0; i < n; i++) {
		replay_call(&r, &t[i], signatures[i]);
		if (i < next || instants == INSTANTS)
			continue;
		replay_judge(&r, score);
		instants++;
		next += n / (INSTANTS + 1);
	}
	replay_end(&r);
}

int main(int argc, char **argv)
{
	FILE *f = argc > 7 ? fopen(argv[1], "rb") : NULL;
	struct replay_plan plan = {.seen = f ? strtoull(argv[2], NULL, 10) : 0,
				   .every = f ? strtoull(argv[3], NULL, 10) : 0,
				   .look = f ? strtoull(argv[4], NULL, 10) : 0,
				   .large = f && atoi(argv[5]),
				   .pages = argc > 8 ? strtoull(argv[8], NULL, 10) : 0,
				   .delay = f ? strtoull(argv[7], NULL, 10) : 0};
	uint64_t seeds = f ? strtoull(argv[6], NULL, 10) : 0;
	struct replay_score all = {0};
	struct trace_record *t;
	uint32_t *signatures;
	size_t n, got;

	if (!f || !plan.seen || plan.seen > plan.every) {
		fprintf(stderr,
			"usage: estimate TRACE SEEN EVERY LOOK LARGE SEEDS DELAY [PAGES]\n");
		return 1;
	}
	fseek(f, 0, SEEK_END);
	n = (size_t)ftell(f) / sizeof(*t);
	rewind(f);
	t = malloc((n + 1) * sizeof(*t));
	replay_must(t);
	got = fread(t, sizeof(*t), n, f);
	fclose(f);
	signatures = replay_signatures(t, &got);
	all.widths = calloc(seeds * INSTANTS * REPLAY_LARGEST + 1, sizeof(*all.widths));
	replay_must(all.widths);
	for (plan.seed = 1; plan.seed <= seeds; plan.seed++) {
		struct replay_score s = {.widths = all.widths + (size_t)all.bars10};

		run(t, signatures, got, &plan, &s);
		all.n += s.n;
		all.error += s.error;
		all.inside += s.inside;
		all.bars += s.bars;
		all.inside10 += s.inside10;
		all.bars10 += s.bars10;
		all.untold10 += s.untold10;
		printf("seed %2u error %.4f inside %.3f of 40 %.3f\n", (unsigned int)plan.seed,
		       s.error / s.n, s.inside10 / s.bars10, s.inside / s.bars);
		fflush(stdout);
	}
	qsort(all.widths, (size_t)all.bars10, sizeof(*all.widths), by_value);
	printf("all error %.4f inside %.3f of 40 %.3f width %.3f untold %.3f\n", all.error / all.n,
	       all.inside10 / all.bars10, all.inside / all.bars, all.widths[(size_t)all.bars10 / 2],
	       all.untold10 / (all.untold10 + all.bars10));
	free(all.widths);
	free(signatures);
	free(t);
	return 0;
}
