// SPDX-License-Identifier: GPL-2.0
#include "out/delta.h"

#include <errno.h>
#include <stdlib.h>

const struct report_process *delta_find(const struct report *r, const struct report_process *p)
{
	for (size_t i = 0; r && i < r->nprocesses; i++)
		if (r->processes[i].pid == p->pid && r->processes[i].start_time == p->start_time)
			return &r->processes[i];
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	const struct report_site *x = ((const struct delta_site *)a)->site;
	const struct report_site *y = ((const struct delta_site *)b)->site;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static int by_growth(const void *a, const void *b)
{
	const struct delta_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return by_key(a, b);
}

/* Counters of different lives may go backwards: differences wrap and are read as signed. */
static void add(struct delta_site *d, const struct report_site *s, uint64_t sign)
{
	d->bytes += (int64_t)(s->bytes * sign);
	d->blocks += (int64_t)(s->blocks * sign);
	d->allocated_bytes += (int64_t)(s->allocated_bytes * sign);
	d->allocated_blocks += (int64_t)(s->allocated_blocks * sign);
}

int64_t delta_sites(const struct report_process *now, const struct report_process *before,
		    struct delta_site **out)
{
	size_t n1 = now ? now->nsites : 0, n0 = before ? before->nsites : 0, n = 0;
	struct delta_site *d = calloc(n1 + n0 + 1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < n1; i++) {
		d[i].site = &now->sites[i];
		add(&d[i], d[i].site, 1);
	}
	for (size_t i = 0; i < n0; i++) {
		d[n1 + i].site = &before->sites[i];
		add(&d[n1 + i], d[n1 + i].site, (uint64_t)-1);
	}
	qsort(d, n1 + n0, sizeof(*d), by_key);
	for (size_t i = 0; i < n1 + n0; i++) {
		if (n && !by_key(&d[n - 1], &d[i])) {
			const struct report_site *s = d[i].site;

			d[n - 1].bytes += d[i].bytes;
			d[n - 1].blocks += d[i].blocks;
			d[n - 1].allocated_bytes += d[i].allocated_bytes;
			d[n - 1].allocated_blocks += d[i].allocated_blocks;
			if (now && s >= now->sites && s < now->sites + n1)
				d[n - 1].site = s;
		} else {
			d[n++] = d[i];
		}
	}
	qsort(d, n, sizeof(*d), by_growth);
	*out = d;
	return (int64_t)n;
}
