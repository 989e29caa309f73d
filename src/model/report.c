// SPDX-License-Identifier: GPL-2.0
#include "model/report.h"

#include <stdio.h>
#include <string.h>

double report_growth_seconds(const struct report_process *p)
{
	double most = p->heap_growth.known ? p->heap_growth.seconds : 0;

	for (size_t i = 0; i < p->nsites; i++)
		if (p->sites[i].growth.known && p->sites[i].growth.seconds > most)
			most = p->sites[i].growth.seconds;
	return most;
}

/* A look each few seconds is as it should be. */
#define OLD_S 10

bool report_estimates(const struct report_process *p, char *line, size_t size)
{
	double age = p->inspection_age + p->estimates_older;

	if (size)
		line[0] = '\0';
	if (!p->estimates)
		return false;
	if (!strcmp(p->estimates, "missing")) {
		if (p->outstanding_blocks)
			snprintf(line, size,
				 "no look has seen all of the heap: blocks are those that windows "
				 "saw come and not go");
		return p->outstanding_blocks;
	}
	if (!strcmp(p->estimates, "stale")) {
		snprintf(line, size,
			 "the heap changed under the last look at it: estimates are of %.0f s ago",
			 age);
		return true;
	}
	if (age >= OLD_S)
		snprintf(line, size, "estimates are of %.0f s ago", age);
	return false;
}
