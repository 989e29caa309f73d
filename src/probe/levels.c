// SPDX-License-Identifier: GPL-2.0
#include "probe/levels.h"

#include <errno.h>
#include <stdbool.h>

#include "probe/probes.h"

struct telling {
	struct probes *probes;
	const struct probes_level *level;
	bool again;
};

static int tell(void *arg, pid_t pid, const struct hw_proc *now)
{
	struct telling *t = arg;
	int err;

	if (now->turn == t->level->turn)
		return 0;
	t->again = true;
	err = probes__level(t->probes, pid, t->level);
	return err == -ENOENT ? 0 : err; /* it has ended, or its ring is full, which is counted */
}

int levels_set(struct probes *p, pid_t pid, const struct probes_level *level)
{
	struct telling t = {.probes = p, .level = level};
	int err;

	if (pid)
		return probes__level(p, pid, level);
	/* Until a whole round finds nobody who was not told: who forks after that was told itself.
	 */
	do {
		t.again = false;
		err = probes__each(p, tell, &t);
	} while (!err && t.again);
	return err;
}
