/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rules.h: which group a process belongs to, and whether it is to be watched, as an administrator
 * wrote it down.  A rule file has one rule a line; '#' starts a comment:
 *
 *	group NAME KEY=PATTERN...	these processes are the group NAME
 *	ignore KEY=PATTERN...		these are in no group
 *	watch KEY=PATTERN...		these get probes
 *
 * A process matches where every KEY (comm, exe, cmdline, cgroup, unit, user) matches its pattern:
 * '*' is any run of characters, '?' any one.  The first group or ignore rule that matches counts;
 * watch rules are apart from them.  NAME may hold {comm}, {cgroup}, {unit}, {user}.  Words with
 * blanks stand in double quotes.
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define RULES_MAX  1000 /* rules in a file */
#define RULES_NAME 256	/* bytes of a group's name, with its 0 */

struct machine_process;
struct rules;

struct rules *rules__new(void);
void rules__free(struct rules *r);

/* Add the rules of a file's text.  0; -ENOMEM; -EINVAL: `error` (len bytes) says "line 3: ...", and
 * r is as it was. */
int rules__parse(struct rules *r, const char *text, size_t text_len, char *error, size_t len);
/* Add one watch rule, of the words behind "watch": "comm=redis-server".  The same, without a line
 * number. */
int rules__parse_watch(struct rules *r, const char *words, char *error, size_t len);

enum rules_verdict {
	RULES_NONE,   /* no rule is about it */
	RULES_GROUP,  /* name is its group */
	RULES_IGNORE, /* it is to be left out */
};
enum rules_verdict rules__group(const struct rules *r, const struct machine_process *p,
				char name[RULES_NAME]);
bool rules__watch(const struct rules *r, const struct machine_process *p);
/* How many watch rules there are. */
size_t rules__watches(const struct rules *r);

/* Does the pattern match all of the text?  Time: at most the product of their lengths. */
bool rules_match(const char *pattern, const char *text);

#endif
