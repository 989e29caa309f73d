// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "base/symbols.h"
#include "inspect/allocator_file.h"
#include "inspect/tcmalloc.h"

static int find(struct Elf *elf, bool library, uint64_t at[ALLOCATOR_VARIABLES])
{
	struct symbol want[] = {{.name = "_ZN8tcmalloc6Static14pageheap_lock_E"},
				{.name = "_ZN8tcmalloc11ThreadCache13thread_heaps_E"}};

	(void)library;
	symbols_find(elf, true, want, 2);
	at[0] = want[0].value;
	at[1] = want[1].value;
	at[2] = 0;
	return want[0].n == 1 && want[1].n == 1 ? 0 : -ENOENT;
}

int tcmalloc_locate(pid_t pid, const struct modules *m, struct tcmalloc *out)
{
	uint64_t at[ALLOCATOR_VARIABLES];
	int err = allocator_file_locate(pid, m, "libtcmalloc", find, at);

	if (!err)
		*out = (struct tcmalloc){memory_of(pid), at[0], at[1]};
	return err;
}
