// SPDX-License-Identifier: GPL-2.0
#include "model/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine.h"

enum key { KEY_COMM, KEY_EXE, KEY_CMDLINE, KEY_CGROUP, KEY_UNIT, KEY_USER, KEYS };

static const char *const key_names[KEYS] = {"comm", "exe", "cmdline", "cgroup", "unit", "user"};

enum kind { KIND_GROUP, KIND_IGNORE, KIND_WATCH };

struct rule {
	enum kind kind;
	char *name;	      /* of a group */
	char *patterns[KEYS]; /* NULL: any */
};

struct rules {
	struct rule *all;
	size_t n;
};

struct error {
	unsigned int line; /* 0: not of a file */
	char *text;
	size_t len;
};

static const char *value_of(const struct machine_process *p, enum key key)
{
	const char *const values[KEYS] = {p->comm, p->exe, p->cmdline, p->cgroup, p->unit, p->user};

	return values[key] ? values[key] : "";
}

static int refuse(const struct error *e, const char *why, const char *word)
{
	char line[32] = "";

	if (e->line)
		snprintf(line, sizeof(line), "line %u: ", e->line);
	snprintf(e->text, e->len, "%s%s%s%.64s%s", line, why, word ? " '" : "", word ? word : "",
		 word ? "'" : "");
	return -EINVAL;
}

static void free_rule(struct rule *r)
{
	free(r->name);
	for (size_t i = 0; i < KEYS; i++)
		free(r->patterns[i]);
}

struct rules *rules__new(void)
{
	return calloc(1, sizeof(struct rules));
}

/* Back to n rules. */
static void cut(struct rules *r, size_t n)
{
	while (r->n > n)
		free_rule(&r->all[--r->n]);
}

void rules__free(struct rules *r)
{
	if (!r)
		return;
	cut(r, 0);
	free(r->all);
	free(r);
}

bool rules_match(const char *pattern, const char *text)
{
	const char *star = NULL, *from = text;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			/* One character more for the last star; earlier ones need no second try. */
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/*
 * The next word of a line, in place: quotation marks are taken off.  NULL: no more.  *bad is set
 * where a quotation mark has no second.
 */
static char *next_word(char **line, bool *bad)
{
	char *from = *line, *to, *word;
	bool quoted = false;

	while (is_blank(*from))
		from++;
	if (!*from || *from == '#')
		return NULL;
	for (word = to = from; *from && (quoted || !is_blank(*from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*bad |= quoted;
	*line = *from ? from + 1 : from;
	*to = 0;
	return word;
}

static int add_pattern(struct rule *r, char *word, const struct error *e)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return refuse(e, "KEY=PATTERN was expected, not", word);
	*equals = 0;
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(word, key_names[i]))
			continue;
		if (r->patterns[i])
			return refuse(e, "a key stands twice in one rule:", word);
		if (!equals[1])
			return refuse(e, "a key without a pattern:", word);
		r->patterns[i] = strdup(equals + 1);
		return r->patterns[i] ? 0 : -ENOMEM;
	}
	return refuse(e, "a key is comm, exe, cmdline, cgroup, unit or user, not", word);
}

static int add_patterns(struct rule *r, char *line, const struct error *e)
{
	bool bad = false, any = false;
	char *word;
	int err = 0;

	while (!err && (word = next_word(&line, &bad)) && !bad) {
		err = add_pattern(r, word, e);
		any = true;
	}
	if (!err && bad)
		err = refuse(e, "a quotation mark without a second", NULL);
	if (!err && !any)
		err = refuse(e, "a rule needs at least one KEY=PATTERN", NULL);
	return err;
}

/* {comm} and the like, each complete and known. */
static int check_name(const char *name, const struct error *e)
{
	if (!*name)
		return refuse(e, "a group needs a name", NULL);
	if (strlen(name) >= RULES_NAME)
		return refuse(e, "a group's name is too long:", name);
	for (const char *at = strchr(name, '{'); at; at = strchr(at + 1, '{')) {
		size_t len = strcspn(at + 1, "}"), i = 0;

		while (i < KEYS && (strlen(key_names[i]) != len || i == KEY_CMDLINE ||
				    strncmp(key_names[i], at + 1, len)))
			i++;
		if (i == KEYS || !at[1 + len])
			return refuse(e,
				      "a name may hold {comm}, {exe}, {cgroup}, {unit}, {user}, "
				      "not",
				      at);
	}
	return 0;
}

static int parse_line(struct rule *r, char *line, const struct error *e)
{
	bool bad = false;
	char *word = next_word(&line, &bad), *name;
	int err;

	if (!strcmp(word, "watch")) {
		r->kind = KIND_WATCH;
	} else if (!strcmp(word, "ignore")) {
		r->kind = KIND_IGNORE;
	} else if (!strcmp(word, "group")) {
		r->kind = KIND_GROUP;
		name = next_word(&line, &bad);
		if (bad)
			return refuse(e, "a quotation mark without a second", NULL);
		if (!name)
			return refuse(e, "a group needs a name", NULL);
		if (strchr(name, '='))
			return refuse(e, "a group needs a name before", name);
		err = check_name(name, e);
		if (err)
			return err;
		r->name = strdup(name);
		if (!r->name)
			return -ENOMEM;
	} else {
		return refuse(e, "a rule starts with group, ignore or watch, not", word);
	}
	return add_patterns(r, line, e);
}

static int add_line(struct rules *r, char *line, const struct error *e)
{
	struct rule rule = {.kind = KIND_WATCH};
	struct rule *all;
	int err;

	if (r->n == RULES_MAX)
		return refuse(e, "there are more rules than 1000", NULL);
	err = parse_line(&rule, line, e);
	if (!err) {
		all = reallocarray(r->all, r->n + 1, sizeof(*all));
		err = all ? 0 : -ENOMEM;
	}
	if (err) {
		free_rule(&rule);
		return err;
	}
	r->all = all;
	r->all[r->n++] = rule;
	return 0;
}

static int parse_lines(struct rules *r, char *text, struct error *e)
{
	size_t before = r->n;
	int err = 0;

	while (*text && !err) {
		char *line = text;
		size_t len = strcspn(text, "\n"), blank = strspn(text, " \t\r");

		text += len + (text[len] == '\n');
		line[len] = 0;
		e->line++;
		if (blank < len && line[blank] != '#')
			err = add_line(r, line, e);
	}
	if (err)
		cut(r, before);
	return err;
}

int rules__parse(struct rules *r, const char *text, size_t text_len, char *error, size_t len)
{
	struct error e = {.text = error, .len = len};
	const char *nul = memchr(text, 0, text_len);
	char *copy;
	int err;

	if (nul) {
		for (const char *at = text; at < nul; at++)
			e.line += *at == '\n';
		e.line++;
		return refuse(&e, "this is no text: a byte is 0", NULL);
	}
	copy = malloc(text_len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, text_len);
	copy[text_len] = 0;
	err = parse_lines(r, copy, &e);
	free(copy);
	return err;
}

int rules__parse_watch(struct rules *r, const char *words, char *error, size_t len)
{
	struct error e = {.text = error, .len = len};
	char *line;
	int err;

	if (asprintf(&line, "watch %s", words) < 0)
		return -ENOMEM;
	err = add_line(r, line, &e);
	free(line);
	return err;
}

static bool matches(const struct rule *r, const struct machine_process *p)
{
	for (size_t i = 0; i < KEYS; i++)
		if (r->patterns[i] && !rules_match(r->patterns[i], value_of(p, i)))
			return false;
	return true;
}

static void fill_name(char name[RULES_NAME], const char *pattern, const struct machine_process *p)
{
	size_t used = 0;

	while (*pattern && used < RULES_NAME - 1) {
		size_t i = 0, len = strcspn(pattern, "}");

		if (*pattern != '{') {
			name[used++] = *pattern++;
			continue;
		}
		while (strncmp(key_names[i], pattern + 1, len - 1))
			i++; /* check_name has seen to it that there is one */
		for (const char *v = value_of(p, i); *v && used < RULES_NAME - 1; v++)
			name[used++] = *v;
		pattern += len + 1;
	}
	name[used] = 0;
}

enum rules_verdict rules__group(const struct rules *r, const struct machine_process *p,
				char name[RULES_NAME])
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->all[i].kind == KIND_WATCH || !matches(&r->all[i], p))
			continue;
		if (r->all[i].kind == KIND_IGNORE)
			return RULES_IGNORE;
		fill_name(name, r->all[i].name, p);
		return RULES_GROUP;
	}
	return RULES_NONE;
}

bool rules__watch(const struct rules *r, const struct machine_process *p)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->all[i].kind == KIND_WATCH && matches(&r->all[i], p))
			return true;
	return false;
}

size_t rules__watches(const struct rules *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->all[i].kind == KIND_WATCH;
	return n;
}
