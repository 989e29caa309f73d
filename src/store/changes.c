// SPDX-License-Identifier: GPL-2.0
#include "store/changes.h"

#include <errno.h>
#include <string.h>

#include "store/words.h"

static const struct changes_site nothing;

void changes_encode(const struct changes_site *before, size_t nbefore,
		    const struct changes_site *now, size_t nnow, struct bytes *out)
{
	uint64_t last = 0;

	for (size_t i = 0, k = 0; i < nbefore || k < nnow;) {
		const struct changes_site *b = &nothing, *n = &nothing;
		uint64_t number, mask = 0;

		if (k == nnow || (i < nbefore && before[i].number <= now[k].number))
			b = &before[i++];
		if (k < nnow && (b == &nothing || b->number == now[k].number))
			n = &now[k++];
		number = n == &nothing ? b->number : n->number;
		for (unsigned int f = 0; f < CHANGES_FIELDS; f++)
			if (b->value[f] != n->value[f])
				mask |= 1u << f;
		if (!mask)
			continue;
		bytes__add(out, number - last);
		bytes__add(out, mask);
		for (unsigned int f = 0; f < CHANGES_FIELDS; f++)
			if (mask & 1u << f)
				bytes__add_signed(out, (int64_t)(n->value[f] - b->value[f]));
		last = number;
	}
}

int changes_decode(const void *data, size_t len, changes_fn fn, void *arg)
{
	struct bytes_reader r = {.at = data, .end = (const uint8_t *)data + len};
	uint64_t number = 0;
	int err = 0;

	while (r.at < r.end && !err) {
		uint64_t change[CHANGES_FIELDS] = {0}, gap = bytes__take(&r);
		uint64_t mask = bytes__take(&r);

		/* Fields of later versions would have a version of their own. */
		if (r.bad || !gap || gap > UINT64_MAX - number || mask >> CHANGES_FIELDS)
			return -EBADMSG;
		number += gap;
		for (unsigned int f = 0; f < CHANGES_FIELDS; f++)
			if (mask & 1u << f)
				change[f] = (uint64_t)bytes__take_signed(&r);
		if (r.bad)
			return -EBADMSG;
		err = fn(arg, number, change);
	}
	return err;
}
