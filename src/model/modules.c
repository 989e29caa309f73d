// SPDX-License-Identifier: GPL-2.0
#include "model/modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct modules {
	struct module *sorted; /* by start, not overlapping; paths are owned by the table below */
	size_t n;
	char **paths;
	size_t npaths, paths_room;
};

struct modules *modules__new(void)
{
	return calloc(1, sizeof(struct modules));
}

void modules__free(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->npaths; i++)
		free(m->paths[i]);
	free(m->paths);
	free(m->sorted);
	free(m);
}

/* Neighbours in a maps file mostly share their path: looking from the end finds it at once. */
static const char *intern(struct modules *m, const char *s, size_t len)
{
	char *copy;

	if (!len)
		return "";
	for (size_t i = m->npaths; i-- > 0 && i + 16 > m->npaths;)
		if (strlen(m->paths[i]) == len && !memcmp(m->paths[i], s, len))
			return m->paths[i];
	if (m->npaths == m->paths_room) {
		size_t room = m->paths_room ? 2 * m->paths_room : 16;
		char **paths = reallocarray(m->paths, room, sizeof(*paths));

		if (!paths)
			return NULL;
		m->paths = paths;
		m->paths_room = room;
	}
	copy = strndup(s, len);
	if (copy)
		m->paths[m->npaths++] = copy;
	return copy;
}

struct modules *modules__copy(const struct modules *m)
{
	struct modules *copy = modules__new();

	if (!copy)
		return NULL;
	copy->sorted = calloc(m->n ? m->n : 1, sizeof(*copy->sorted));
	for (size_t i = 0; copy->sorted && i < m->n; i++) {
		const char *path = m->sorted[i].path;

		copy->sorted[i] = m->sorted[i];
		copy->sorted[i].path = intern(copy, path, strlen(path));
		if (!copy->sorted[i].path)
			break;
		copy->n++;
	}
	if (copy->n == m->n && copy->sorted)
		return copy;
	modules__free(copy);
	return NULL;
}

/* The number at *p, in this base, up to the character `stop`, which is stepped over. */
static bool number(const char **p, const char *end, unsigned int base, char stop, uint64_t *out)
{
	const char *s = *p;

	*out = 0;
	for (; s < end && *s != stop; s++) {
		unsigned int digit = *s >= '0' && *s <= '9'   ? (unsigned int)(*s - '0')
				     : *s >= 'a' && *s <= 'f' ? (unsigned int)(*s - 'a') + 10
							      : base;

		if (digit >= base || *out >> 60)
			return false;
		*out = *out * base + digit;
	}
	if (s == end || s == *p)
		return false;
	*p = s + 1;
	return true;
}

/* fs/proc/task_mmu.c, show_map_vma(): "start-end rwxp offset major:minor inode   path".  A newline
 * in a path is written as \012, nothing else is escaped. */
static int parse_line(struct modules *m, const char *p, const char *end, struct module *out)
{
	static const char deleted[] = " (deleted)";
	uint64_t major, minor;
	size_t len;

	if (!number(&p, end, 16, '-', &out->start) || !number(&p, end, 16, ' ', &out->end) ||
	    out->start >= out->end || end - p < 5 || p[4] != ' ')
		return -EBADMSG;
	out->read = p[0] == 'r';
	out->write = p[1] == 'w';
	out->exec = p[2] == 'x';
	out->shared = p[3] == 's';
	p += 5;
	if (!number(&p, end, 16, ' ', &out->offset) || !number(&p, end, 16, ':', &major) ||
	    !number(&p, end, 16, ' ', &minor) || !number(&p, end, 10, ' ', &out->inode) ||
	    major > UINT32_MAX || minor > UINT32_MAX)
		return -EBADMSG;
	out->dev_major = (uint32_t)major;
	out->dev_minor = (uint32_t)minor;
	while (p < end && *p == ' ')
		p++;
	len = (size_t)(end - p);
	out->deleted = out->inode && len >= sizeof(deleted) - 1 &&
		       !memcmp(end - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1);
	if (out->deleted)
		len -= sizeof(deleted) - 1;
	if (memchr(p, 0, len))
		return -EBADMSG;
	out->path = intern(m, p, len);
	return out->path ? 0 : -ENOMEM;
}

static int by_start(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The parts of old that nothing in fresh (sorted, not overlapping, *k its first candidate) covers,
 * to out. */
static size_t uncovered(const struct module *old, const struct module *fresh, size_t n, size_t *k,
			struct module *out)
{
	struct module rest = *old;
	size_t made = 0;

	while (*k < n && fresh[*k].end <= rest.start)
		++*k;
	for (size_t i = *k; i < n && fresh[i].start < rest.end; i++) {
		if (fresh[i].start > rest.start) {
			out[made] = rest;
			out[made++].end = fresh[i].start;
		}
		if (fresh[i].end >= rest.end)
			return made;
		if (fresh[i].end > rest.start) {
			if (rest.inode)
				rest.offset += fresh[i].end - rest.start;
			rest.start = fresh[i].end;
		}
	}
	out[made++] = rest;
	return made;
}

static int merge(struct modules *m, struct module *fresh, size_t n)
{
	/* Each end of a fresh range cuts an old one at most once. */
	struct module *all = calloc(m->n + 2 * n + 1, sizeof(*all));
	size_t made = 0, k = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++)
		made += uncovered(&m->sorted[i], fresh, n, &k, all + made);
	if (n)
		memcpy(all + made, fresh, n * sizeof(*fresh));
	made += n;
	qsort(all, made, sizeof(*all), by_start);
	free(m->sorted);
	m->sorted = all;
	m->n = made;
	return 0;
}

int modules__parse(struct modules *m, const char *text, size_t len)
{
	const char *p = text, *end = text + len, *eol;
	struct module *fresh;
	size_t lines = 1, n = 0, kept = 0;
	int skipped = 0, err = 0;

	for (const char *s = p; (s = memchr(s, '\n', (size_t)(end - s))); s++)
		lines++;
	fresh = calloc(lines, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	for (; p < end && err != -ENOMEM; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		err = parse_line(m, p, eol, &fresh[n]);
		if (!err)
			n++;
		else
			skipped++;
	}
	qsort(fresh, n, sizeof(*fresh), by_start);
	/* The kernel's ranges never overlap; those of a file that was tampered with may. */
	for (size_t i = 0; i < n; i++) {
		if (kept && fresh[i].start < fresh[kept - 1].end)
			skipped++;
		else
			fresh[kept++] = fresh[i];
	}
	if (err != -ENOMEM)
		err = merge(m, fresh, kept);
	free(fresh);
	return err == -ENOMEM ? err : skipped;
}

const struct module *modules__find(const struct modules *m, uint64_t addr)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->sorted[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && m->sorted[low].start <= addr ? &m->sorted[low] : NULL;
}

size_t modules__count(const struct modules *m)
{
	return m->n;
}

const struct module *modules__at(const struct modules *m, size_t i)
{
	return &m->sorted[i];
}
