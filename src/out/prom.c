// SPDX-License-Identifier: GPL-2.0
#include "out/prom.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "model/metrics.h"

#define LABEL_MAX 1024 /* bytes of a label's value; the rest is cut off */

const char *prom_content_type(enum prom_format format)
{
	return format == PROM_OPENMETRICS
		   ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		   : "text/plain; version=0.0.4; charset=utf-8";
}

/* The q of one element of an Accept header, 0 to 1; RFC 9110, section 12.4.2. */
static double quality(const char *at, const char *end)
{
	double q = 0, digit = 1;

	do {
		for (; at < end && *at != ';'; at++)
			;
		if (at == end)
			return 1;
		for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
			;
	} while (end - at < 3 || strncasecmp(at, "q=", 2));
	for (at += 2; at < end; at++) {
		if (*at == '.')
			continue;
		if (*at < '0' || *at > '9')
			break;
		q += digit * (*at - '0');
		digit /= 10;
	}
	return q < 1 ? q : 1;
}

enum prom_format prom_negotiate(const char *accept)
{
	static const char om[] = "application/openmetrics-text", text[] = "text/plain";
	double best_om = 0, best_text = 0;

	for (const char *at = accept; at && *at;) {
		size_t len = strcspn(at, ",");
		size_t skip = strspn(at, " \t");
		const char *word = at + (skip < len ? skip : len);
		size_t n = len - (size_t)(word - at);
		double q = quality(word, word + n);

		if (n >= sizeof(om) - 1 && !strncasecmp(word, om, sizeof(om) - 1))
			best_om = q > best_om ? q : best_om;
		else if ((n >= sizeof(text) - 1 && !strncasecmp(word, text, sizeof(text) - 1)) ||
			 (n >= 3 && !strncmp(word, "*/*", 3)))
			best_text = q > best_text ? q : best_text;
		at += len + (at[len] == ',');
	}
	return best_om > 0 && best_om >= best_text ? PROM_OPENMETRICS : PROM_TEXT;
}

static void escape(FILE *f, const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\n') {
			fputs("\\n", f);
			continue;
		}
		if (strchr(special, *s))
			fputc('\\', f);
		fputc(*s, f);
	}
}

static const char *suffix(const struct metric_family *family)
{
	return family->type == METRIC_COUNTER ? "_total"
	       : family->type == METRIC_INFO  ? "_info"
					      : "";
}

static void write_head(FILE *f, const struct metric_family *family, enum prom_format format)
{
	/* In the older format a family is called as its samples are, and there is no info. */
	const char *end = format == PROM_OPENMETRICS ? "" : suffix(family);
	const char *type = family->type == METRIC_COUNTER			       ? "counter"
			   : family->type == METRIC_INFO && format == PROM_OPENMETRICS ? "info"
										       : "gauge";

	fprintf(f, "# HELP %s%s ", family->name, end);
	escape(f, family->help, format == PROM_OPENMETRICS ? "\\\"" : "\\");
	fprintf(f, "\n# TYPE %s%s %s\n", family->name, end, type);
	if (format == PROM_OPENMETRICS && family->unit[0])
		fprintf(f, "# UNIT %s %s\n", family->name, family->unit);
}

/* Whole numbers as such, all others with as few digits as are read back as the same. */
static void write_value(FILE *f, double v)
{
	char text[32];
	int digits = 15;

	if (isnan(v))
		fputs("NaN", f);
	else if (isinf(v))
		fputs(v > 0 ? "+Inf" : "-Inf", f);
	else if (v == floor(v) && fabs(v) < 1e17)
		fprintf(f, "%.0f", v);
	else {
		do
			snprintf(text, sizeof(text), "%.*g", digits, v);
		while (strtod(text, NULL) != v && digits++ < 17);
		fputs(text, f);
	}
}

static void write_sample(FILE *f, const struct metrics *m, enum metric id, size_t i)
{
	const struct metric_family *family = metric_family(id);
	char value[LABEL_MAX];

	fprintf(f, "%s%s", family->name, suffix(family));
	for (size_t k = 0; k < METRIC_LABELS && family->labels[k]; k++) {
		fprintf(f, "%c%s=\"", k ? ',' : '{', family->labels[k]);
		escape(f, utf8_clean(value, sizeof(value), metrics__label(m, id, i, k)), "\\\"");
		fputc('"', f);
	}
	fputs(family->labels[0] ? "} " : " ", f);
	write_value(f, metrics__value(m, id, i));
	fputc('\n', f);
}

int prom_write(FILE *f, const struct metrics *m, enum prom_format format)
{
	for (size_t id = 0; id < METRIC_COUNT; id++) {
		size_t n = metrics__count(m, id);

		if (n)
			write_head(f, metric_family(id), format);
		for (size_t i = 0; i < n; i++)
			write_sample(f, m, id, i);
	}
	if (format == PROM_OPENMETRICS)
		fputs("# EOF\n", f);
	return fflush(f) || ferror(f) ? -EIO : 0;
}

int prom_document(FILE *f)
{
	static const char *const types[] = {"gauge", "counter", "info"};

	fputs("# Metrics of `heapwatch export`\n\n"
	      "Made by `heapwatch export --list-metrics`. Sizes are in bytes, times in seconds.\n\n"
	      "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n",
	      f);
	for (size_t id = 0; id < METRIC_COUNT; id++) {
		const struct metric_family *family = metric_family(id);

		fprintf(f, "| `%s%s` | %s | ", family->name, suffix(family), types[family->type]);
		for (size_t k = 0; k < METRIC_LABELS && family->labels[k]; k++)
			fprintf(f, "%s`%s`", k ? ", " : "", family->labels[k]);
		fprintf(f, " | %s |\n", family->help);
	}
	return fflush(f) || ferror(f) ? -EIO : 0;
}
