// SPDX-License-Identifier: GPL-2.0
#include "probe/kinds.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *word, *name;
} user_words[USER_KINDS] = {
    [USER_AUTO] = {"auto", "auto"},
    [USER_SESSION] = {"session", "session"},
    [USER_MULTI] = {"multi", "uprobe_multi"},
    [USER_PERF] = {"perf", "perf_event"},
};

static const char *const kernel_words[KERNEL_KINDS] = {
    [KERNEL_AUTO] = "auto",	[KERNEL_FENTRY] = "fentry",
    [KERNEL_KPROBE] = "kprobe", [KERNEL_TRACEPOINT] = "tracepoint",
    [KERNEL_NONE] = "none",
};

const char *user_kind_name(enum user_kind kind)
{
	return user_words[kind].name;
}

const char *kernel_kind_name(enum kernel_kind kind)
{
	return kernel_words[kind];
}

int user_kind_parse(const char *word, enum user_kind *out)
{
	for (int i = 0; i < USER_KINDS; i++)
		if (!strcmp(word, user_words[i].word)) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

int kernel_kind_parse(const char *word, enum kernel_kind *out)
{
	for (int i = 0; i < KERNEL_KINDS; i++)
		if (!strcmp(word, kernel_words[i])) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}
