// SPDX-License-Identifier: GPL-2.0
#include "probe/behind_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heapwatch/event.h"

/* Grows when places that were proven earlier are not to be used any more. */
static const char HEAD[] = "heapwatch places 2";

static const char *directory(void)
{
	const char *dir = getenv("CACHE_DIRECTORY");

	return dir && *dir == '/' ? dir : "/var/cache/heapwatch";
}

static int name_of(const char *build_id, const char *suffix, char *path, size_t len)
{
	int n = snprintf(path, len, "%s/places.%s%s", directory(), build_id, suffix);

	return n < 0 || (size_t)n >= len ? -ENAMETOOLONG : 0;
}

static bool makes_sense(const struct candidates *c, const struct behind_place *p)
{
	uint8_t fn = (uint8_t)p->cookie;
	bool frees = fn == HW_FN_LARGE_FREE, request = fn == HW_FN_REQUEST;
	uint64_t addr = p->cookie >> 16 & 0xff, size = p->cookie >> 24;

	if ((!frees && !request && fn != HW_FN_LARGE_ALLOC) ||
	    p->cookie & 0xff00 & ~(uint64_t)(request ? 0 : HW_COOKIE_HEADER) ||
	    (request ? !size || addr : !addr) || addr >= HW_REGS || size >= HW_REGS)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (c->at[i].offset == p->offset && (frees     ? c->at[i].frees
						     : request ? c->at[i].requests
							       : c->at[i].allocs))
			return true;
	return false;
}

static int parse(FILE *f, const struct candidates *c, struct behind *out)
{
	struct behind_place p;
	bool allocs = false, frees = false;
	char line[80];

	if (!fgets(line, sizeof(line), f) || strncmp(line, HEAD, sizeof(HEAD) - 1) ||
	    line[sizeof(HEAD) - 1] != '\n')
		return -EBADMSG;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %" SCNx64, &p.offset, &p.cookie) != 2 ||
		    !makes_sense(c, &p))
			return -EBADMSG;
		if ((uint8_t)p.cookie == HW_FN_REQUEST) {
			if (out->request.cookie)
				return -EBADMSG;
			out->request = p;
			continue;
		}
		if (out->n == BEHIND_MAX)
			return -EBADMSG;
		*((uint8_t)p.cookie == HW_FN_LARGE_FREE ? &frees : &allocs) = true;
		out->places[out->n++] = p;
	}
	return allocs && frees ? 0 : -EBADMSG;
}

int behind_load(const struct candidates *c, struct behind *out)
{
	char path[4096];
	struct stat st;
	FILE *f = NULL;
	int fd, err = name_of(out->build_id, "", path, sizeof(path));

	out->n = 0;
	out->request = (struct behind_place){0};
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || (st.st_uid && st.st_uid != geteuid()) ||
		 st.st_mode & (S_IWGRP | S_IWOTH))
		err = -EPERM;
	if (!err) {
		f = fdopen(fd, "r");
		err = f ? parse(f, c, out) : -errno;
	}
	if (f)
		fclose(f);
	else
		close(fd);
	if (err)
		out->n = 0;
	return err;
}

int behind_save(const struct behind *b)
{
	char path[4096], fresh[4096];
	FILE *f;
	int fd, err = name_of(b->build_id, "", path, sizeof(path));

	if (!err)
		err = name_of(b->build_id, ".new", fresh, sizeof(fresh));
	if (err)
		return err;
	if (mkdir(directory(), 0755) && errno != EEXIST)
		return -errno;
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	fprintf(f, "%s\n", HEAD);
	for (size_t i = 0; i < b->n; i++)
		fprintf(f, "%" PRIx64 " %" PRIx64 "\n", b->places[i].offset, b->places[i].cookie);
	if (b->request.cookie)
		fprintf(f, "%" PRIx64 " %" PRIx64 "\n", b->request.offset, b->request.cookie);
	err = ferror(f) || fflush(f) ? -EIO : 0;
	if (fclose(f) || err || rename(fresh, path)) {
		err = err ? err : -errno;
		unlink(fresh);
	}
	return err;
}
