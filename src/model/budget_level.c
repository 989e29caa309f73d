// SPDX-License-Identifier: GPL-2.0
#include "model/budget.h"

#include <string.h>

static const char *const names[] = {[BUDGET_EXACT] = "exact",
				    [BUDGET_LARGE] = "large",
				    [BUDGET_SAMPLED] = "sampled",
				    [BUDGET_PASSIVE] = "passive"};

const char *budget_level_name(enum budget_level level)
{
	return names[level];
}

bool budget_level_parse(const char *word, enum budget_level *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(word, names[i]))
			continue;
		*out = (enum budget_level)i;
		return true;
	}
	return false;
}

bool budget_begins_whole(const struct budget_config *config)
{
	return config->share != 0 && config->most == BUDGET_EXACT && !config->poor;
}
