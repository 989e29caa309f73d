// SPDX-License-Identifier: GPL-2.0
/* fuzz_rules: the text of a rule file, then processes against the rules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine.h"
#include "model/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct machine_process p = {.comm = "nginx",
					  .exe = "/usr/sbin/nginx",
					  .cmdline = "nginx: worker process",
					  .cgroup = "/system.slice/nginx.service",
					  .unit = "nginx.service",
					  .user = "www-data"};
	struct rules *r = rules__new();
	char name[RULES_NAME], error[128] = "";
	char *text = malloc(size ? size : 1);
	int err;

	must(r && text);
	memcpy(text, data, size);
	err = rules__parse(r, text, size, error, sizeof(error));
	must(!err || (error[0] && !strncmp(error, "line ", 5) && !rules__watches(r)));
	if (rules__group(r, &p, name) == RULES_GROUP)
		must(strlen(name) < sizeof(name));
	must(!rules__watch(r, &p) || rules__watches(r));
	rules__free(r);
	free(text);
	return 0;
}
