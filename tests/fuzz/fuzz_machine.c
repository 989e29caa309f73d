// SPDX-License-Identifier: GPL-2.0
/* fuzz_machine: the files of /proc/PID whose text is partly the process's own: stat, cgroup,
 * cmdline; and status, statm, meminfo, loadavg. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "inspect/machine_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

/* What was made fit to be shown is not changed by making it so again. */
static void is_clean(const char *s)
{
	char again[8192];

	must(!strcmp(utf8_clean(again, sizeof(again), s), s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), path[256], unit[64], args[300];
	struct machine_stat stat;
	struct machine_statm statm;
	struct machine_status status;
	struct machine_memory memory;
	uint32_t running, threads;
	uint64_t pss;
	double load[3];
	bool container;

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	if (!machine_parse_stat(text, &stat))
		must(strlen(stat.comm) < sizeof(stat.comm));
	is_clean(stat.comm);
	machine_parse_statm(text, &statm);
	machine_parse_status(text, &status);
	machine_parse_meminfo(text, &memory);
	machine_parse_loadavg(text, load, &running, &threads);
	machine_parse_pss(text, &pss);
	machine_parse_cgroup(text, path, sizeof(path));
	is_clean(path);
	machine_cgroup_unit(path, unit, sizeof(unit), &container);
	must(strlen(unit) < sizeof(unit));
	is_clean(machine_join_args(args, sizeof(args), (const char *)data, size));
	free(text);
	return 0;
}
