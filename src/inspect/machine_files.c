// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_files.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

/* The next number of a line of them; signs are taken, "-1" is UINT64_MAX. */
static bool number(const char **p, uint64_t *out)
{
	char *end;

	while (**p == ' ' || **p == '\t')
		(*p)++;
	if (!isdigit((unsigned char)**p) && **p != '-')
		return false;
	*out = strtoull(*p, &end, 10);
	*p = end;
	return true;
}

int machine_parse_stat(const char *text, struct machine_stat *out)
{
	const char *name = strchr(text, '('), *end = strrchr(text, ')'), *p;
	uint64_t field[27] = {0};
	char raw[sizeof(out->comm)];
	size_t len;

	*out = (struct machine_stat){0};
	/* The name may hold parentheses itself: the last one closes it. */
	if (!name || !end || end < name || end[1] != ' ' || !end[2])
		return -EBADMSG;
	out->state = end[2];
	p = end + 3;
	for (int i = 4; i <= 26; i++)
		if (!number(&p, &field[i]))
			return -EBADMSG;
	len = (size_t)(end - name - 1);
	if (len >= sizeof(raw))
		len = sizeof(raw) - 1;
	memcpy(raw, name + 1, len);
	raw[len] = 0;
	utf8_clean(out->comm, sizeof(out->comm), raw);
	out->ppid = (uint32_t)field[4];
	out->kernel_thread = field[9] & PF_KTHREAD;
	out->threads = (uint32_t)field[20];
	out->start_time = field[22];
	out->start_code = field[26];
	return 0;
}

int machine_parse_statm(const char *text, struct machine_statm *out)
{
	*out = (struct machine_statm){0};
	return number(&text, &out->size) && number(&text, &out->rss) &&
		       number(&text, &out->shared) && number(&text, &out->text)
		   ? 0
		   : -EBADMSG;
}

/* The number behind "name" at the start of a line. */
static bool line_number(const char *text, const char *name, uint64_t *out)
{
	size_t len = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len)) {
			p += len;
			return number(&p, out);
		}
	}
	return false;
}

int machine_parse_status(const char *text, struct machine_status *out)
{
	uint64_t kib = 0, uid;
	const char *p;

	*out = (struct machine_status){0};
	/* Real, effective, saved, of the file system. */
	p = strstr(text, "\nUid:");
	if (!p)
		return -EBADMSG;
	p += 5;
	if (!number(&p, &uid) || !number(&p, &uid))
		return -EBADMSG;
	out->uid = (uint32_t)uid;
	/* Kernel threads have no such line. */
	if (line_number(text, "VmSwap:", &kib))
		out->swap = kib * 1024;
	return 0;
}

int machine_parse_meminfo(const char *text, struct machine_memory *out)
{
	const struct {
		const char *name;
		uint64_t *to;
	} lines[] = {
	    {"MemTotal:", &out->total},
	    {"MemFree:", &out->free},
	    {"MemAvailable:", &out->available},
	    {"Buffers:", &out->buffers},
	    {"Cached:", &out->cached},
	    {"SwapTotal:", &out->swap_total},
	    {"SwapFree:", &out->swap_free},
	    {"AnonPages:", &out->anon},
	    {"Mapped:", &out->mapped},
	    {"Shmem:", &out->shmem},
	    {"Slab:", &out->slab},
	};

	*out = (struct machine_memory){0};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (line_number(text, lines[i].name, lines[i].to))
			*lines[i].to *= 1024;
	return out->total ? 0 : -EBADMSG;
}

int machine_parse_loadavg(const char *text, double load[3], uint32_t *running, uint32_t *threads)
{
	/* Not scanf: its decimal point is the locale's. */
	for (int i = 0; i < 3; i++) {
		uint64_t whole, hundredths;

		if (!number(&text, &whole) || *text++ != '.' || !number(&text, &hundredths))
			return -EBADMSG;
		load[i] = (double)whole + (double)hundredths / 100;
	}
	return sscanf(text, " %u/%u", running, threads) == 2 ? 0 : -EBADMSG;
}

int machine_parse_pss(const char *text, uint64_t *pss)
{
	if (!line_number(text, "Pss:", pss))
		return -EBADMSG;
	*pss *= 1024;
	return 0;
}

void machine_parse_cgroup(const char *text, char *path, size_t len)
{
	char raw[1024];
	const char *found = NULL;
	size_t n;

	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		const char *controllers, *at;

		p += *p == '\n';
		controllers = strchr(p, ':');
		at = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!at)
			break;
		if (at == controllers + 1 && !found)
			found = at + 1;
		/* On a mixed machine the unified hierarchy may have no controller. */
		if (memmem(controllers, (size_t)(at - controllers), "memory", 6))
			found = at + 1;
	}
	n = found ? strcspn(found, "\n") : 0;
	if (n >= sizeof(raw))
		n = sizeof(raw) - 1;
	if (n)
		memcpy(raw, found, n);
	raw[n] = 0;
	utf8_clean(path, len, raw);
}

static bool is_id(const char *p)
{
	for (int i = 0; i < 64; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return !isxdigit((unsigned char)p[64]);
}

/* The engine, by what stands before the id: "docker-ID.scope", "/docker/ID",
 * "cri-containerd-ID.scope", "libpod-ID.scope", "crio-ID.scope", "kubepods/.../ID". */
static const char *engine(const char *path, const char *id)
{
	static const char *const engines[][2] = {
	    {"docker", "docker"}, {"libpod", "podman"},
	    {"crio", "crio"},	  {"cri-containerd", "containerd"},
	    {"kubepods", "kube"},
	};
	size_t before = (size_t)(id - path);

	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (memmem(path, before, engines[i][0], strlen(engines[i][0])))
			return engines[i][1];
	return NULL;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
	size_t len = strlen(end);

	return n > len && !memcmp(s + n - len, end, len);
}

void machine_cgroup_unit(const char *path, char *unit, size_t len, bool *container)
{
	const char *best = NULL;
	size_t best_len = 0;
	bool in_unit = false;

	*container = false;
	unit[0] = 0;
	for (const char *p = path; *p; p++) {
		const char *by;

		if ((p > path && isxdigit((unsigned char)p[-1])) || !is_id(p))
			continue;
		by = engine(path, p);
		if (!by)
			continue;
		*container = true;
		snprintf(unit, len, "%s %.12s", by, p);
		return;
	}
	/* lxc and incus: "/lxc.payload.NAME/...", "/lxc/NAME/..." */
	if (!strncmp(path, "/lxc.payload.", 13) || !strncmp(path, "/lxc/", 5)) {
		const char *name = path + (path[4] == '.' ? 13 : 5);

		*container = true;
		snprintf(unit, len, "lxc %.*s", (int)strcspn(name, "/"), name);
		return;
	}
	for (const char *p = path; *p;) {
		size_t n;
		bool is_unit;

		p += *p == '/';
		n = strcspn(p, "/");
		/* A unit names more than what it divides itself into. */
		is_unit = ends_with(p, n, ".service") || ends_with(p, n, ".scope") ||
			  ends_with(p, n, ".slice");
		if (n && (is_unit || !in_unit)) {
			best = p;
			best_len = n;
		}
		in_unit |= is_unit;
		p += n;
	}
	if (best)
		snprintf(unit, len, "%.*s", (int)best_len, best);
}

char *machine_join_args(char *buf, size_t len, const char *args, size_t n)
{
	char raw[4096];

	while (n && !args[n - 1])
		n--;
	if (n >= sizeof(raw))
		n = sizeof(raw) - 1;
	for (size_t i = 0; i < n; i++)
		raw[i] = args[i] && args[i] != '\n' ? args[i] : ' ';
	raw[n] = 0;
	return utf8_clean(buf, len, raw);
}
