// SPDX-License-Identifier: GPL-2.0
/* fuzz_maps: the text of /proc/PID/maps, in two parts, the second merged over the first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

static void parse(struct modules *m, const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);

	must(text != NULL);
	memcpy(text, data, size);
	must(modules__parse(m, text, size) >= 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct modules *m = modules__new();
	uint64_t end = 0;

	must(m != NULL);
	parse(m, data, size / 2);
	parse(m, data + size / 2, size - size / 2);
	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *x = modules__at(m, i);

		must(x->start < x->end && x->start >= end);
		must(modules__find(m, x->start) == x && modules__find(m, x->end - 1) == x);
		must(strlen(x->path) <= size);
		end = x->end;
	}
	must(modules__find(m, end) == NULL);
	modules__free(m);
	return 0;
}
