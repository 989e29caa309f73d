// SPDX-License-Identifier: GPL-2.0
/* fuzz_web_config: the YAML of a web config file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "out/web_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct web_config *w = NULL;
	char error[128] = "";
	int err = web_config__parse((const char *)data, size, &w, error, sizeof(error));

	must(!err == !error[0] && !err == (w != NULL));
	if (!w)
		return 0;
	must(!w->cert_file == !w->key_file);
	must(!w->client_auth == !w->client_ca_file);
	must(w->min_version >= 10 && w->min_version <= w->max_version && w->max_version <= 13);
	for (size_t i = 0; i < w->nusers; i++)
		must(strlen(w->users[i].value) == 60 && !strchr(w->users[i].name, ':'));
	for (size_t i = 0; i < w->nheaders; i++)
		must(!strpbrk(w->headers[i].value, "\r\n"));
	web_config__free(w);
	return 0;
}
