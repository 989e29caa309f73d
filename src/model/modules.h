/* SPDX-License-Identifier: GPL-2.0 */
/*
 * modules.h: what was mapped where in one address space, remembered: names outlive the process.
 * Parsed from the text of /proc/PID/maps, whose path names are the target's to choose: untrusted.
 * Pure; procfs.h reads the file.
 */
#ifndef MODEL_MODULES_H
#define MODEL_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module {
	uint64_t start, end; /* addresses */
	uint64_t offset;     /* in the file, of start */
	uint64_t inode;	     /* 0: no file */
	uint32_t dev_major, dev_minor;
	bool read, write, exec, shared;
	bool deleted;	  /* " (deleted)" was stripped from path */
	const char *path; /* "" for anonymous memory; "[heap]", "[stack]", "[vdso]" ... */
};

struct modules;

/* Its file's device as one number. */
static inline uint64_t modules_dev(const struct module *m)
{
	return (uint64_t)m->dev_major << 32 | m->dev_minor;
}

struct modules *modules__new(void);
void modules__free(struct modules *m);
/* What a fork's child starts with.  NULL where memory is out. */
struct modules *modules__copy(const struct modules *m);

/*
 * Merge the text of a maps file: ranges named in it replace what was known of those addresses,
 * others are kept (a module that was unmapped still names old stacks).  A malformed line is
 * skipped and counted.  Returns the number of skipped lines, or -ENOMEM.
 */
int modules__parse(struct modules *m, const char *text, size_t len);
/* The range that holds addr, or NULL.  Valid until the next parse. */
const struct module *modules__find(const struct modules *m, uint64_t addr);
size_t modules__count(const struct modules *m);
/* By address; i < modules__count. */
const struct module *modules__at(const struct modules *m, size_t i);

#endif
