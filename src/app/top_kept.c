// SPDX-License-Identifier: GPL-2.0
#include "app/top_kept.h"

#include "base/utf8.h"

static const char *keep(char *to, size_t len, const char *s)
{
	/* Cut at a whole character. */
	return utf8_clean(to, len, s);
}

void top_kept_set(struct top_kept *k, const struct machine_process *p)
{
	k->process = *p;
	k->process.user = keep(k->user, sizeof(k->user), p->user);
	k->process.comm = keep(k->comm, sizeof(k->comm), p->comm);
	k->process.cmdline = keep(k->cmdline, sizeof(k->cmdline), p->cmdline);
	k->process.exe = keep(k->exe, sizeof(k->exe), p->exe);
	k->process.cgroup = keep(k->cgroup, sizeof(k->cgroup), p->cgroup);
	k->process.unit = keep(k->unit, sizeof(k->unit), p->unit);
	k->process.allocator = keep(k->allocator, sizeof(k->allocator), p->allocator);
	k->process.callsite = keep(k->callsite, sizeof(k->callsite), p->callsite);
}
