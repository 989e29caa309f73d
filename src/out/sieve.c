// SPDX-License-Identifier: GPL-2.0
#include "out/sieve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/report.h"

struct list {
	char **words;
	size_t n;
};

struct sieve {
	struct list leaks, processes;
	size_t top;
	struct arena *arena; /* of the words */
	struct arena *out;   /* of the last report */
	struct report report;
};

struct sieve *sieve__new(void)
{
	struct sieve *s = calloc(1, sizeof(*s));

	if (s)
		s->arena = arena__new();
	if (s && !s->arena) {
		free(s);
		return NULL;
	}
	return s;
}

void sieve__free(struct sieve *s)
{
	if (!s)
		return;
	free(s->leaks.words);
	free(s->processes.words);
	arena__free(s->arena);
	arena__free(s->out);
	free(s);
}

static int add(struct sieve *s, struct list *l, const char *word, size_t len)
{
	char **words = realloc(l->words, (l->n + 1) * sizeof(*words));
	char *copy = arena__alloc(s->arena, len + 1, 1);

	if (words)
		l->words = words;
	if (!words || !copy)
		return -ENOMEM;
	memcpy(copy, word, len);
	words[l->n++] = copy;
	return 0;
}

int sieve__suppress(struct sieve *s, const char *text, size_t *line)
{
	int err = 0;

	for (*line = 1; *text && !err; ++*line) {
		size_t len = strcspn(text, "\n"), skip = strspn(text, " \t\r");
		const char *word = text + skip;
		size_t n = len > skip ? len - skip : 0;

		while (n && strchr(" \t\r", word[n - 1]))
			n--;
		text += len + (text[len] == '\n');
		if (!n || *word == '#')
			continue;
		if (n <= 5 || strncmp(word, "leak:", 5))
			return -EINVAL;
		err = add(s, &s->leaks, word + 5, n - 5);
	}
	return err;
}

int sieve__process(struct sieve *s, const char *word)
{
	return add(s, &s->processes, word, strlen(word));
}

void sieve__top(struct sieve *s, size_t top)
{
	s->top = top;
}

/*
 * Does the text, from here on, begin with the pattern?  Greedy is not needed: the first place where
 * what follows a '*' fits is as good as any.
 */
static bool fits(const char *text, const char *pattern)
{
	const char *star = NULL, *from = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (!*pattern || (*pattern == '$' && !pattern[1] && !*text)) {
			return true;
		} else if (*text && *pattern == *text) {
			pattern++;
			text++;
		} else if (star && *from) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
}

static bool found(const char *text, const char *pattern)
{
	if (!text)
		return false;
	if (*pattern == '^')
		return fits(text, pattern + 1);
	/* As if it began with a '*'. */
	for (; *text; text++)
		if (fits(text, pattern))
			return true;
	return fits(text, pattern);
}

static bool suppressed(const struct sieve *s, const struct report_site *site)
{
	for (size_t k = 0; k < s->leaks.n; k++)
		for (size_t i = 0; i < site->nframes; i++) {
			const struct report_frame *f = &site->frames[i];

			if (found(f->function, s->leaks.words[k]) ||
			    found(f->file, s->leaks.words[k]) ||
			    found(f->module, s->leaks.words[k]))
				return true;
		}
	return false;
}

static bool wanted(const struct sieve *s, const struct report_process *p)
{
	for (size_t i = 0; i < s->processes.n; i++) {
		const char *word = s->processes.words[i];
		char *end;
		unsigned long pid = strtoul(word, &end, 10);

		if (!strcmp(word, p->comm) || (!*end && *word >= '0' && pid == p->pid))
			return true;
	}
	return !s->processes.n;
}

static int apply_process(struct sieve *s, struct report_process *p, struct sieve_count *count)
{
	struct report_site *sites = arena__alloc(s->out, p->nsites, sizeof(*sites));
	size_t n = 0;

	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < p->nsites; i++) {
		if (suppressed(s, &p->sites[i])) {
			count->sites++;
			count->bytes += p->sites[i].bytes;
		} else if (!s->top || n < s->top) {
			sites[n++] = p->sites[i];
			continue;
		}
		p->hidden_bytes += p->sites[i].bytes;
	}
	p->sites = sites;
	p->nsites = n;
	return 0;
}

const struct report *sieve__apply(struct sieve *s, const struct report *r,
				  struct sieve_count *count)
{
	struct report_process *processes;
	size_t n = 0;

	*count = (struct sieve_count){0};
	arena__free(s->out);
	s->out = arena__new();
	processes = s->out ? arena__alloc(s->out, r->nprocesses, sizeof(*processes)) : NULL;
	if (!processes)
		return NULL;
	for (size_t i = 0; i < r->nprocesses; i++) {
		if (!wanted(s, &r->processes[i]))
			continue;
		processes[n] = r->processes[i];
		if (apply_process(s, &processes[n++], count))
			return NULL;
	}
	s->report = *r;
	s->report.nprocesses = count->processes = n;
	s->report.processes = processes;
	return &s->report;
}
