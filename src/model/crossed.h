/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crossed.h: of each callsite's crossings (crossings.h), how many are there still.  One whose block
 * had gone when it was looked at first shows that where what lies there then does not begin or end
 * where that did; in about as many cases another of its size took its place, and it seems to be
 * there.  So of a callsite of which half are known to be gone the others most likely are too. Pure.
 */
#ifndef MODEL_CROSSED_H
#define MODEL_CROSSED_H

#include <stddef.h>
#include <stdint.h>

struct crossing;
struct sampling_crossed;

struct crossed {
	uint32_t site;
	uint32_t looked; /* these were looked at */
	uint32_t found;	 /* of these, who fitted */
	uint32_t same;	 /* of these, who begins with the same each time since */
};

/* Of n crossings, and what was seen of each (sampling.h): by site, *sites of them, for the caller
 * to free.  NULL where memory is out. */
struct crossed *crossed_by_site(const struct crossing *all, const struct sampling_crossed *crossed,
				size_t n, size_t *sites);
/* NULL: none was looked at. */
const struct crossed *crossed_of(const struct crossed *all, size_t n, uint32_t site);

/* Of those that were found, the share that is its own, by the above.  NULL: all. */
double crossed_own(const struct crossed *c);
/* ... where of all its blocks no more than this part stay (births_stay). */
double crossed_own_of(const struct crossed *c, double stay);

#endif
