// SPDX-License-Identifier: GPL-2.0
/*
 * estimate.c TRACE SEEN EVERY LARGE SEED: how well the estimator tells who holds what, on a trace
 * of a real program (tracer.c), of which windows of SEEN calls in each EVERY are seen, and with
 * LARGE 1 all large blocks.  At eight instants: one line "error ERROR bytes HELD told TOLD" with
 * the ten largest callsites' error as a share of their bytes; then "all SEEN_SHARE ERROR INSIDE"
 * with the means, INSIDE: of the 40 largest callsites' error bars, how many hold the truth.
 */
#include <stdio.h>

#include "../unit/replay.h"

#define INSTANTS 8

int main(int argc, char **argv)
{
	FILE *f = argc > 5 ? fopen(argv[1], "rb") : NULL;
	struct replay_plan plan = {.seen = f ? strtoull(argv[2], NULL, 10) : 0,
				   .every = f ? strtoull(argv[3], NULL, 10) : 0,
				   .large = f && atoi(argv[4]),
				   .seed = f ? strtoull(argv[5], NULL, 10) : 0};
	struct replay_score score = {0};
	struct trace_record call;
	uint64_t all, next;
	struct replay r;

	if (!f || !plan.seen || plan.seen > plan.every) {
		fprintf(stderr, "usage: estimate TRACE SEEN EVERY LARGE SEED\n");
		return 1;
	}
	fseek(f, 0, SEEK_END);
	all = (uint64_t)ftell(f) / sizeof(call);
	rewind(f);
	next = all / (INSTANTS + 1);
	replay_start(&r, &plan);
	while (fread(&call, sizeof(call), 1, f) == 1) {
		replay_call(&r, &call);
		if (r.calls < next || score.n == INSTANTS)
			continue;
		replay_judge(&r, &score);
		printf("error %.4f bytes %.0f told %.0f\n", score.last_error, score.bytes,
		       score.told);
		next += all / (INSTANTS + 1);
	}
	fclose(f);
	printf("all %.5f %.4f %.3f\n", (double)r.seen / (double)all, score.error / score.n,
	       score.bars > 0 ? score.inside / score.bars : 0);
	replay_end(&r);
	return 0;
}
