// SPDX-License-Identifier: GPL-2.0
/* metric_table.c: every metric there is.  contrib/metrics.md is made from it, and a test compares.
 */
#include "model/metrics.h"

#define GROUP           \
	{               \
		"group" \
	}

static const struct metric_family families[METRIC_COUNT] = {
    /* What /proc and the allocators say: no probe in anybody's malloc. */
    [METRIC_PROCESSES] = {"heapwatch_group_processes", METRIC_GAUGE, "",
			  "Processes of the group that run now.", GROUP},
    [METRIC_RESIDENT] = {"heapwatch_group_resident_bytes", METRIC_GAUGE, "bytes",
			 "Resident memory (RSS), summed: a page that processes share counts once "
			 "for each of them.",
			 GROUP},
    [METRIC_UNSHARED] = {"heapwatch_group_unshared_bytes", METRIC_GAUGE, "bytes",
			 "Resident memory without files and shared memory (RSS minus shared), "
			 "summed.",
			 GROUP},
    [METRIC_PROPORTIONAL] = {"heapwatch_group_proportional_bytes", METRIC_GAUGE, "bytes",
			     "Proportional set size (PSS), summed over the processes of which it "
			     "was read; only with --pss.",
			     GROUP},
    [METRIC_SWAP] = {"heapwatch_group_swap_bytes", METRIC_GAUGE, "bytes",
		     "Memory that is swapped out, summed.", GROUP},
    [METRIC_ALLOCATOR_SYSTEM] = {"heapwatch_group_allocator_system_bytes", METRIC_GAUGE, "bytes",
				 "What malloc has from the kernel, blocks with a mapping of their "
				 "own included, touched or not; of the processes whose allocator "
				 "can be read: glibc, jemalloc, tcmalloc, mimalloc.",
				 GROUP},
    [METRIC_ALLOCATOR_IN_USE] = {"heapwatch_group_allocator_in_use_bytes", METRIC_GAUGE, "bytes",
				 "Of it: in blocks that the program holds, as far as counted; see "
				 "heapwatch_group_heaps.",
				 GROUP},
    [METRIC_ALLOCATOR_FREE] = {"heapwatch_group_allocator_free_bytes", METRIC_GAUGE, "bytes",
			       "Of it: free, held by the allocator.", GROUP},
    [METRIC_ALLOCATOR_RESIDENT_FREE] =
	{"heapwatch_group_allocator_resident_free_bytes", METRIC_GAUGE, "bytes",
	 "Of the free memory: in resident pages, thread caches included. Absent where no heap of "
	 "the group was walked.",
	 GROUP},
    [METRIC_MAPPED] = {"heapwatch_group_mapped_bytes", METRIC_GAUGE, "bytes",
		       "Private resident memory that malloc does not hold (an estimate; beside "
		       "another malloc than glibc's the least that it can be): other "
		       "allocators, stacks, JIT code.",
		       GROUP},
    [METRIC_GROWTH] = {"heapwatch_group_growth_bytes_per_second", METRIC_GAUGE, "",
		       "Growth of the resident memory over the last minute, summed over the "
		       "processes seen for ten seconds at least.",
		       GROUP},
    [METRIC_HEAPS] =
	{"heapwatch_group_heaps",
	 METRIC_GAUGE,
	 "",
	 "Processes by how well their heap is known: exact (every free chunk counted, or, of an "
	 "allocator that is not glibc's, its own counters, which stood still), estimated (an upper "
	 "bound of what is in use, or counted some time ago), unknown.",
	 {"group", "quality"}},
    [METRIC_BRK_CALLS] = {"heapwatch_group_brk_calls", METRIC_COUNTER, "",
			  "Successful calls of brk.", GROUP},
    [METRIC_MMAP_CALLS] = {"heapwatch_group_mmap_calls", METRIC_COUNTER, "",
			   "Successful calls of mmap.", GROUP},
    [METRIC_MUNMAP_CALLS] = {"heapwatch_group_munmap_calls", METRIC_COUNTER, "",
			     "Successful calls of munmap.", GROUP},
    [METRIC_MAPPED_TOTAL] = {"heapwatch_group_mmap_bytes", METRIC_COUNTER, "bytes",
			     "Anonymous memory mapped by mmap.", GROUP},
    [METRIC_UNMAPPED_TOTAL] = {"heapwatch_group_munmap_bytes", METRIC_COUNTER, "bytes",
			       "Memory unmapped by munmap.", GROUP},
    /* What the probes say of the processes that are watched. */
    [METRIC_WATCHED] = {"heapwatch_group_watched_processes", METRIC_GAUGE, "",
			"Processes with probes in their allocator.", GROUP},
    [METRIC_MODES] =
	{"heapwatch_group_watch_modes",
	 METRIC_GAUGE,
	 "",
	 "Watched processes by what of malloc is seen within --max-overhead: exact (every "
	 "call), degraded (the same, but events were lost), large (blocks beyond the "
	 "thread cache), sampled, passive (nothing).",
	 {"group", "mode"}},
    [METRIC_OUTSTANDING] = {"heapwatch_group_outstanding_bytes", METRIC_GAUGE, "bytes",
			    "Bytes that watched processes asked malloc for since the attach and "
			    "did not free yet; see heapwatch_group_watch_modes for how they are "
			    "known.",
			    GROUP},
    [METRIC_OUTSTANDING_BLOCKS] = {"heapwatch_group_outstanding_blocks", METRIC_GAUGE, "",
				   "The blocks of heapwatch_group_outstanding_bytes.", GROUP},
    [METRIC_OUTSTANDING_MAPPED] =
	{"heapwatch_group_outstanding_mapped_bytes", METRIC_GAUGE, "bytes",
	 "Anonymous memory that watched processes mapped themselves since "
	 "the attach and still have.",
	 GROUP},
    [METRIC_EVENTS] = {"heapwatch_group_events", METRIC_COUNTER, "",
		       "Records of watched processes that were received.", GROUP},
    [METRIC_LOST_EVENTS] = {"heapwatch_group_lost_events", METRIC_COUNTER, "",
			    "Events of watched processes that were lost; outstanding figures are "
			    "degraded after one.",
			    GROUP},
    [METRIC_REPAIRED_BLOCKS] = {"heapwatch_group_repaired_blocks", METRIC_COUNTER, "",
				"Blocks taken off the account because the heap says that they are "
				"free.",
				GROUP},
    [METRIC_PROBE_HITS] = {"heapwatch_group_probe_hits", METRIC_COUNTER, "",
			   "Times that a watched process ran into a probe.", GROUP},
    [METRIC_PROBE_SECONDS] = {"heapwatch_group_probe_seconds", METRIC_COUNTER, "seconds",
			      "Time that watched processes spent in probes: hits times the cost of "
			      "one (an estimate).",
			      GROUP},
    [METRIC_CALLSITE_BYTES] = {"heapwatch_callsite_outstanding_bytes",
			       METRIC_GAUGE,
			       "bytes",
			       "Bytes outstanding by callsite, the largest of each watched group; "
			       "site is a stable id (\"other\": all the rest), kind heap or map.",
			       {"group", "kind", "site", "function"}},
    [METRIC_CALLSITE_BLOCKS] = {"heapwatch_callsite_outstanding_blocks",
				METRIC_GAUGE,
				"",
				"Blocks (of kind map: mappings) outstanding by callsite.",
				{"group", "kind", "site", "function"}},
    [METRIC_CALLSITE_GROWTH] =
	{"heapwatch_callsite_growth_bytes_per_second",
	 METRIC_GAUGE,
	 "",
	 "Growth over the last minutes of the callsites that surely grow, the fastest of each "
	 "watched group, --top at most; no other has this series.",
	 {"group", "kind", "site", "function"}},
    [METRIC_CALLSITE_GROWTH_ERROR] = {"heapwatch_callsite_growth_error_bytes_per_second",
				      METRIC_GAUGE,
				      "",
				      "Of heapwatch_callsite_growth_bytes_per_second: the truth is "
				      "within that nine times in ten.",
				      {"group", "kind", "site", "function"}},
    /* About the exporter. */
    [METRIC_BUILD] =
	{"heapwatch_build",
	 METRIC_INFO,
	 "",
	 "The version of heapwatch, and the kinds of probes in use: on the mapping calls "
	 "of all processes, and on watched ones.",
	 {"version", "machine", "system_probes", "user_probes"}},
    [METRIC_GROUPS] = {"heapwatch_groups", METRIC_GAUGE, "", "Groups that are exported.", {NULL}},
    [METRIC_GROUPS_LIMIT] = {"heapwatch_groups_limit",
			     METRIC_GAUGE,
			     "",
			     "The most groups that are exported (--max-groups).",
			     {NULL}},
    [METRIC_GROUPS_FOLDED] = {"heapwatch_groups_folded_processes",
			      METRIC_GAUGE,
			      "",
			      "Processes in the group \"other\" for want of room.",
			      {NULL}},
    [METRIC_WATCH_LIMIT] = {"heapwatch_watch_limit_processes",
			    METRIC_GAUGE,
			    "",
			    "The most processes that are watched at once (--max-watched).",
			    {NULL}},
    [METRIC_WATCH_FAILED] = {"heapwatch_watch_failed_processes",
			     METRIC_GAUGE,
			     "",
			     "Processes that a rule wants watched and that cannot be, or are over "
			     "the limit.",
			     {NULL}},
    [METRIC_WATCH_WITHDRAWN] =
	{"heapwatch_watch_withdrawn_processes",
	 METRIC_GAUGE,
	 "",
	 "Watched processes of which not every call is seen, or none, because "
	 "that would cost more than --max-overhead.",
	 {NULL}},
    [METRIC_WATCH_WITHDRAWALS] = {"heapwatch_watch_withdrawals",
				  METRIC_COUNTER,
				  "",
				  "Times that probes were withdrawn because of their cost.",
				  {NULL}},
    [METRIC_OVERHEAD] = {"heapwatch_overhead_ratio",
			 METRIC_GAUGE,
			 "",
			 "Time in probes over ten seconds, of the watched process that has most of "
			 "it, as a share of its run time without them (an estimate).",
			 {NULL}},
    [METRIC_OVERHEAD_LIMIT] = {"heapwatch_overhead_limit_ratio",
			       METRIC_GAUGE,
			       "",
			       "The most of it that is permitted (--max-overhead; +Inf: no limit).",
			       {NULL}},
    [METRIC_TICKS] =
	{"heapwatch_ticks", METRIC_COUNTER, "", "Times that the machine was looked at.", {NULL}},
    [METRIC_TICK_DURATION] = {"heapwatch_tick_duration_seconds",
			      METRIC_GAUGE,
			      "seconds",
			      "Time that the last look took.",
			      {NULL}},
    [METRIC_RENDER_DURATION] = {"heapwatch_render_duration_seconds",
				METRIC_GAUGE,
				"seconds",
				"Time that it took to write the previous tick's pages.",
				{NULL}},
    [METRIC_LAST_TICK] = {"heapwatch_last_tick_timestamp_seconds",
			  METRIC_GAUGE,
			  "seconds",
			  "When these figures were read.",
			  {NULL}},
    [METRIC_HTTP_REQUESTS] = {"heapwatch_http_requests",
			      METRIC_COUNTER,
			      "",
			      "Requests answered, by status code.",
			      {"code"}},
    [METRIC_RELOAD_OK] =
	{"heapwatch_config_last_reload_successful",
	 METRIC_GAUGE,
	 "",
	 "1 if the rule and web config files in force are those on disk at the last "
	 "reload, 0 if that one had an error.",
	 {NULL}},
    [METRIC_RELOAD_TIME] = {"heapwatch_config_last_reload_success_timestamp_seconds",
			    METRIC_GAUGE,
			    "seconds",
			    "When the rule and web config files were last read without an error.",
			    {NULL}},
    [METRIC_SELF_CPU] = {"process_cpu_seconds",
			 METRIC_COUNTER,
			 "seconds",
			 "Processor time of heapwatch itself.",
			 {NULL}},
    [METRIC_SELF_RESIDENT] = {"process_resident_memory_bytes",
			      METRIC_GAUGE,
			      "bytes",
			      "Resident memory of heapwatch itself.",
			      {NULL}},
    [METRIC_SELF_START] = {"process_start_time_seconds",
			   METRIC_GAUGE,
			   "seconds",
			   "When heapwatch was started.",
			   {NULL}},
};

const struct metric_family *metric_family(enum metric id)
{
	return &families[id];
}
