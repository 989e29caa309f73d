// SPDX-License-Identifier: GPL-2.0
#include "model/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	double value;
	size_t labels[METRIC_LABELS]; /* where in the text they start */
};

struct metrics {
	struct {
		struct sample *samples;
		size_t n, room;
	} family[METRIC_COUNT];
	char *text;
	size_t len, room;
	int err;
};

struct metrics *metrics__new(void)
{
	return calloc(1, sizeof(struct metrics));
}

void metrics__free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		free(m->family[i].samples);
	free(m->text);
	free(m);
}

/* Room for one more of `size` bytes behind n. */
static int grow(void **all, size_t *room, size_t n, size_t more, size_t size)
{
	size_t want = *room ? *room : 16;
	void *p;

	if (n + more <= *room)
		return 0;
	while (want < n + more)
		want *= 2;
	p = reallocarray(*all, want, size);
	if (!p)
		return -ENOMEM;
	*all = p;
	*room = want;
	return 0;
}

static int keep(struct metrics *m, const char *word, size_t *at)
{
	size_t len = strlen(word) + 1;
	void *text = m->text;
	int err = grow(&text, &m->room, m->len, len, 1);

	m->text = text;
	if (err)
		return err;
	memcpy(m->text + m->len, word, len);
	*at = m->len;
	m->len += len;
	return 0;
}

void metrics__add(struct metrics *m, enum metric id, double value, ...)
{
	const struct metric_family *family = metric_family(id);
	void *samples = m->family[id].samples;
	struct sample s = {.value = value};
	va_list ap;

	if (m->err)
		return;
	m->err = grow(&samples, &m->family[id].room, m->family[id].n, 1, sizeof(s));
	m->family[id].samples = samples;
	va_start(ap, value);
	for (size_t i = 0; i < METRIC_LABELS && family->labels[i] && !m->err; i++)
		m->err = keep(m, va_arg(ap, const char *), &s.labels[i]);
	va_end(ap);
	if (!m->err)
		m->family[id].samples[m->family[id].n++] = s;
}

int metrics__error(const struct metrics *m)
{
	return m->err;
}

size_t metrics__count(const struct metrics *m, enum metric id)
{
	return m->family[id].n;
}

double metrics__value(const struct metrics *m, enum metric id, size_t i)
{
	return m->family[id].samples[i].value;
}

const char *metrics__label(const struct metrics *m, enum metric id, size_t i, size_t label)
{
	return m->text + m->family[id].samples[i].labels[label];
}
