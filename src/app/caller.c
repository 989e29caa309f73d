// SPDX-License-Identifier: GPL-2.0
#include "app/caller.h"

#include <stdlib.h>
#include <sys/fsuid.h>
#include <unistd.h>

static bool number(const char *name, unsigned int *out)
{
	const char *word = getenv(name);
	unsigned long n;
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	n = strtoul(word, &end, 10);
	*out = (unsigned int)n;
	return !*end && n < 0xffffffffu;
}

void caller_find(struct caller *c)
{
	*c = (struct caller){0};
	c->known =
	    !geteuid() && number("SUDO_UID", &c->uid) && number("SUDO_GID", &c->gid) && c->uid;
}

void caller_enter(const struct caller *c)
{
	if (!c->known)
		return;
	setfsgid(c->gid);
	setfsuid(c->uid);
}

void caller_leave(const struct caller *c)
{
	if (!c->known)
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
}
