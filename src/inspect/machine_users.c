// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_users.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

/* Open addressing; a machine with more users than this gets numbers for the rest. */
#define SLOTS 4096

struct user {
	bool used;
	uint32_t uid;
	char name[33];
};

struct machine_users {
	size_t n;
	char number[16];
	struct user slots[SLOTS];
};

struct machine_users *machine_users__new(void)
{
	return calloc(1, sizeof(struct machine_users));
}

void machine_users__free(struct machine_users *u)
{
	free(u);
}

static void look_up(struct user *to)
{
	struct passwd entry, *found = NULL;
	char buf[4096];

	if (!getpwuid_r(to->uid, &entry, buf, sizeof(buf), &found) && found)
		utf8_clean(to->name, sizeof(to->name), found->pw_name);
	else
		snprintf(to->name, sizeof(to->name), "%u", to->uid);
}

const char *machine_users__name(struct machine_users *u, uint32_t uid)
{
	size_t i = uid * 2654435761u % SLOTS;

	while (u->slots[i].used && u->slots[i].uid != uid)
		i = (i + 1) % SLOTS;
	if (u->slots[i].used)
		return u->slots[i].name;
	if (u->n == SLOTS / 2) {
		snprintf(u->number, sizeof(u->number), "%u", uid);
		return u->number;
	}
	u->n++;
	u->slots[i] = (struct user){.used = true, .uid = uid};
	look_up(&u->slots[i]);
	return u->slots[i].name;
}
