// SPDX-License-Identifier: GPL-2.0
#include "model/crossed.h"

#include <stdlib.h>

#include "model/crossings.h"
#include "model/sampling.h"

static int by_site(const void *a, const void *b)
{
	const struct crossed *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

static void add(struct crossed *to, const struct crossed *c)
{
	to->looked += c->looked;
	to->found += c->found;
	to->same += c->same;
}

struct crossed *crossed_by_site(const struct crossing *all, const struct sampling_crossed *crossed,
				size_t n, size_t *sites)
{
	struct crossed *t = calloc(n + 1, sizeof(*t));
	size_t looked = 0, kept = 0;

	*sites = 0;
	if (!t)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (all[i].site && !all[i].mapped && crossed[i].looked)
			t[looked++] = (struct crossed){all[i].site, 1, crossed[i].found,
						       crossed[i].found && crossed[i].same};
	if (!looked)
		return t;
	qsort(t, looked, sizeof(*t), by_site);
	for (size_t i = 1; i < looked; i++)
		if (t[i].site == t[kept].site)
			add(&t[kept], &t[i]);
		else
			t[++kept] = t[i];
	*sites = kept + 1;
	return t;
}

const struct crossed *crossed_of(const struct crossed *all, size_t n, uint32_t site)
{
	const struct crossed key = {.site = site};

	return n ? bsearch(&key, all, n, sizeof(key), by_site) : NULL;
}

double crossed_own(const struct crossed *c)
{
	double gone = c ? c->looked - c->found : 0;

	if (gone <= 0)
		return 1;
	return gone < c->found ? 1 - gone / c->found : 0;
}

/* All that stay are among those that were found. */
double crossed_own_of(const struct crossed *c, double stay)
{
	double own = crossed_own(c);

	if (c && c->found)
		stay *= (double)c->looked / c->found;
	return own < stay ? own : stay;
}
