// SPDX-License-Identifier: GPL-2.0
/* ledger_requests.c: large chunks that were asked for, and whose they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger_parts.h"

int ledger_settle_site(struct ledger *l, uint32_t *at, ledger_leave_fn leave, void *arg)
{
	uint32_t nframes, left, site;
	struct stack s;
	uint64_t *pc, key;
	int err;

	sites__stack(l->sites, *at, &s);
	left = leave(arg, s.pc, s.nframes);
	if (!left || left >= s.nframes) {
		*at = SITES_UNKNOWN;
		return 0;
	}
	/* Adding one moves what s points to. */
	nframes = s.nframes - left;
	pc = malloc(nframes * sizeof(*pc));
	if (!pc)
		return -ENOMEM;
	memcpy(pc, s.pc + left, nframes * sizeof(*pc));
	key = stack_key_without(&s, left);
	err = sites__add(l->sites, key, s.flags, nframes, pc);
	free(pc);
	if (err == -ENOMEM)
		return err;
	site = sites__find(l->sites, key);
	if (site)
		sites__change(l->sites, site, REPORT_HEAP, 0, 1);
	*at = site;
	return 0;
}

void ledger_unsettle_site(struct ledger *l, uint32_t site)
{
	if (site)
		sites__change(l->sites, site, REPORT_HEAP, 0, -1);
}

static void gone(void *ledger, const struct request *r)
{
	if (r->settled)
		ledger_unsettle_site(ledger, r->site);
}

int ledger_request(struct ledger *l, const struct hw_request *e)
{
	return requests_add(&l->requests, e->chunk, sites__find(l->sites, e->stack), gone, l);
}

int ledger__requests(struct ledger *l, ledger_leave_fn leave, void *arg, struct request **out,
		     size_t *n, uint32_t *gaps)
{
	*out = NULL;
	*n = 0;
	*gaps = l->requests.gaps;
	if (!l->requests.n)
		return 0;
	*out = malloc(l->requests.n * sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < l->requests.n; i++) {
		struct request *r = &l->requests.all[i];
		int err = r->settled ? 0 : ledger_settle_site(l, &r->site, leave, arg);

		if (err) {
			free(*out);
			*out = NULL;
			return err;
		}
		r->settled = true;
		(*out)[i] = *r;
	}
	*n = l->requests.n;
	return 0;
}

void ledger__keep_requests(struct ledger *l, uint32_t until, const uint32_t *held, size_t n)
{
	requests_keep(&l->requests, until, held, n, gone, l);
}
