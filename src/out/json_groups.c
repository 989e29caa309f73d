// SPDX-License-Identifier: GPL-2.0
#include "out/json_groups.h"

#include <errno.h>
#include <jansson.h>

#include "base/utf8.h"
#include "model/groups.h"
#include "model/machine.h"
#include "model/report.h"
#include "out/json.h"

struct field {
	const char *key;
	uint64_t value;
};

static void set(json_t *o, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_set_new(o, fields[i].key, json_integer((json_int_t)fields[i].value));
}

#define SET(o, fields) set(o, fields, sizeof(fields) / sizeof(*(fields)))

/* What is not known is left out, as in json.c. */
static json_t *group(const struct group *g, bool events)
{
	const struct field always[] = {
	    {"processes", g->processes},     {"rss_bytes", g->rss},
	    {"unshared_bytes", g->unshared}, {"swap_bytes", g->swap},
	    {"heaps_exact", g->exact},	     {"heaps_estimated", g->estimated},
	    {"heaps_unknown", g->unknown},   {"watched_processes", g->watched},
	};
	const struct field heap[] = {
	    {"allocator_system_bytes", g->system},
	    {"allocator_in_use_bytes", g->in_use},
	    {"allocator_free_bytes", g->free},
	    {"mapped_bytes", g->mapped},
	};
	const struct field calls[] = {
	    {"brk_calls", g->counters[GROUP_BRKS]},
	    {"mmap_calls", g->counters[GROUP_MMAPS]},
	    {"munmap_calls", g->counters[GROUP_MUNMAPS]},
	};
	const struct field watched[] = {
	    {"outstanding_bytes", g->outstanding},
	    {"outstanding_blocks", g->outstanding_blocks},
	    {"outstanding_mapped_bytes", g->outstanding_mapped},
	    {"events", g->counters[GROUP_EVENTS]},
	    {"lost_events", g->counters[GROUP_LOST]},
	};
	char name[1024];
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(utf8_clean(name, sizeof(name), g->name)));
	SET(o, always);
	if (g->exact || g->estimated)
		SET(o, heap);
	if (g->with_resident_free)
		json_object_set_new(o, "allocator_resident_free_bytes",
				    json_integer((json_int_t)g->resident_free));
	if (g->with_pss)
		json_object_set_new(o, "pss_bytes", json_integer((json_int_t)g->pss));
	if (g->with_growth)
		json_object_set_new(o, "growth_bytes_per_second", json_real(g->growth));
	if (events)
		SET(o, calls);
	if (g->watched)
		SET(o, watched);
	return o;
}

int json_groups_write(FILE *f, const struct groups *g, const struct machine *m,
		      const struct report *r)
{
	const struct report nobody = {.time_ns = m->time_ns};
	json_t *root = json_report(r ? r : &nobody), *groups = json_array();
	int err = 0;

	for (size_t i = 0; i < groups__count(g); i++)
		json_array_append_new(groups, group(groups__at(g, i), m->events[0]));
	if (!root || json_object_set_new(root, "groups", groups))
		err = -ENOMEM;
	else if (json_dumpf(root, f, JSON_COMPACT) || fputc('\n', f) == EOF || fflush(f))
		err = -EIO;
	json_decref(root);
	return err;
}
