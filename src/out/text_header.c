// SPDX-License-Identifier: GPL-2.0
/* text_header.c: who a process is, how it is seen, and what is wrong with its figures. */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "model/report.h"
#include "out/text_parts.h"

/* What it did before the probes were there is not in the figures. */
static void beginning(const struct text *t, const struct report_process *p)
{
	bool late = !strcmp(p->seen_from, "late");
	char line[256];

	if (late && p->exited && p->began_ns + p->late_ns >= p->ended_ns) {
		text_put(t, TEXT_WARM,
			 "  it ended before its probes were in place: none of its blocks is seen");
	} else if (late) {
		snprintf(line, sizeof(line),
			 "  its probes were in place %.1f ms after its fork: what it did before is "
			 "as from before an attach",
			 (double)p->late_ns / 1e6);
		text_put(t, TEXT_DIM, line);
	} else if (!strcmp(p->seen_from, "unknown")) {
		text_put(t, TEXT_WARM, "  its fork was lost: it may have done more than is shown");
	}
	if (p->unfollowed) {
		snprintf(line, sizeof(line),
			 "  %" PRIu64
			 " of its children could not be followed (see --max-processes)",
			 p->unfollowed);
		text_put(t, TEXT_WARM, line);
	}
}

bool text_has_probes(const struct report_process *p)
{
	return strcmp(p->user_probes, "none") && strcmp(p->user_probes, "unsafe");
}

static void estimates(const struct text *t, const struct report_process *p)
{
	char line[256], indented[258];
	bool warn = report_estimates(p, line, sizeof(line));

	if (!line[0])
		return;
	snprintf(indented, sizeof(indented), "  %s", line);
	text_put(t, warn ? TEXT_WARM : TEXT_DIM, indented);
}

static void seen(const struct text *t, const struct report_process *p)
{
	static const struct {
		const char *mode, *what;
	} says[] = {
	    {"large", "blocks over 1,032 bytes are seen; smaller ones are estimates"},
	    {"sampled", "callsites are estimates, from windows in which every call is seen"},
	    {"passive", "no call is seen now; callsites are estimates"}};
	char line[256], n[32];
	size_t i = 0;

	if (!text_has_probes(p)) {
		if (!p->nsites)
			return;
		text_put(t, TEXT_WARM,
			 "  passive: no call is seen; callsites are estimates, a sample for "
			 "some pages that a heap grows by");
		return estimates(t, p);
	}
	while (i < sizeof(says) / sizeof(*says) && strcmp(says[i].mode, p->mode))
		i++;
	snprintf(line, sizeof(line), "  overhead %.2f %% of its run time", p->overhead_percent);
	text_put(t, TEXT_DIM, line);
	if (i == sizeof(says) / sizeof(*says))
		return;
	snprintf(line, sizeof(line), "  %s: %s (%s so far; --exact sees all)", p->mode,
		 says[i].what, text_grouped(n, p->windows));
	text_put(t, TEXT_WARM, line);
	estimates(t, p);
}

/* The first line then, and not cut to the width: what was searched is the answer to why. */
static void no_allocator(const struct text *t, const struct report_process *p)
{
	char comm[256], searched[1024 + 64];
	bool passive = !strcmp(p->mode, "passive");

	fprintf(t->f, "%" PRIu32 " (%s)  no known allocator in %s: %s%s%s\n", p->pid,
		utf8_clean(comm, sizeof(comm), p->comm),
		utf8_clean(searched, sizeof(searched), p->allocator.searched),
		passive ? "its heap is not known" : "only its mappings are seen, by ",
		passive ? "" : p->kernel_probes, p->exited ? "  [ended]" : "");
}

void text_header(const struct text *t, const struct report_process *p)
{
	char line[8192], comm[256], exe[4200], from[256];
	bool never = !strcmp(p->seen_from, "never");

	if (p->allocator.searched && !never)
		return no_allocator(t, p);
	snprintf(line, sizeof(line), "%" PRIu32 " (%s)  %s%s", p->pid,
		 utf8_clean(comm, sizeof(comm), p->comm), utf8_clean(exe, sizeof(exe), p->exe),
		 p->exited ? "  [ended]" : "");
	text_put(t, TEXT_BOLD, line);
	utf8_clean(from, sizeof(from), p->allocator.name);
	if (never)
		snprintf(line, sizeof(line),
			 "  a 32-bit program: nothing that it allocates or maps is seen");
	else if (!text_has_probes(p))
		snprintf(line, sizeof(line), "  %s %s, without probes", from,
			 p->allocator.version ? p->allocator.version : "");
	else
		snprintf(line, sizeof(line), "  %s %s by %s, mappings by %s", from,
			 p->allocator.version ? p->allocator.version : "", p->user_probes,
			 p->kernel_probes);
	text_put(t, never ? TEXT_WARM : TEXT_DIM, line);
	if (!strcmp(p->user_probes, "unsafe"))
		text_put(t, TEXT_WARM,
			 "  no probe is put on malloc here: it could kill who has a seccomp filter "
			 "(see 'heapwatch doctor')");
	seen(t, p);
	beginning(t, p);
	if (!strcmp(p->mode, "degraded") && p->lost_events) {
		char n[32];

		snprintf(line, sizeof(line),
			 "  %s: %s events lost; blocks may be missing, or shown though freed (see "
			 "--ring-size)",
			 p->mode, text_grouped(n, p->lost_events));
		text_put(t, TEXT_WARM, line);
	}
}
