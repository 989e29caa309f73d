// SPDX-License-Identifier: GPL-2.0
#include "out/web_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/file.h"
#include "base/log.h"

#define FILE_MAX  (1 << 20)
#define USERS_MAX 1000

struct parse {
	struct web_config *config;
	yaml_document_t *document;
	char *error;
	size_t len;
};

typedef int (*value_fn)(struct parse *p, const char *key, yaml_node_t *value);

static int refuse(struct parse *p, const yaml_node_t *at, const char *why, const char *word)
{
	snprintf(p->error, p->len, "line %zu: %s%s%.64s%s", at->start_mark.line + 1, why,
		 word ? " '" : "", word ? word : "", word ? "'" : "");
	return -EINVAL;
}

static const char *scalar(const yaml_node_t *n)
{
	const char *text = (const char *)n->data.scalar.value;

	/* A 0 within would hide what follows. */
	return n->type == YAML_SCALAR_NODE && strlen(text) == n->data.scalar.length ? text : NULL;
}

static bool is_null(const yaml_node_t *n)
{
	const char *text = scalar(n);

	return text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

/* fn for each pair of a mapping; no key may stand there twice. */
static int each(struct parse *p, yaml_node_t *map, value_fn fn)
{
	if (is_null(map))
		return 0;
	if (map->type != YAML_MAPPING_NODE)
		return refuse(p, map, "a mapping was expected", NULL);
	for (yaml_node_pair_t *i = map->data.mapping.pairs.start; i < map->data.mapping.pairs.top;
	     i++) {
		yaml_node_t *key = yaml_document_get_node(p->document, i->key);
		const char *word = scalar(key);
		int err;

		if (!word || !*word)
			return refuse(p, key, "a key must be a plain word", NULL);
		for (yaml_node_pair_t *k = map->data.mapping.pairs.start; k < i; k++)
			if (!strcmp(word, scalar(yaml_document_get_node(p->document, k->key))))
				return refuse(p, key, "a key stands there twice:", word);
		err = fn(p, word, yaml_document_get_node(p->document, i->value));
		if (err)
			return err;
	}
	return 0;
}

static int take(struct parse *p, yaml_node_t *value, char **to)
{
	const char *text = scalar(value);

	if (!text)
		return refuse(p, value, "a word was expected", NULL);
	*to = *text ? strdup(text) : NULL;
	return *text && !*to ? -ENOMEM : 0;
}

static int version(struct parse *p, yaml_node_t *value, unsigned int *to)
{
	const char *text = scalar(value);

	if (text && strlen(text) == 5 && !strncmp(text, "TLS1", 4) && text[4] >= '0' &&
	    text[4] <= '3') {
		*to = 10 + (unsigned int)(text[4] - '0');
		return 0;
	}
	return refuse(p, value, "a version is TLS10, TLS11, TLS12 or TLS13, not", text);
}

static int client_auth(struct parse *p, yaml_node_t *value)
{
	static const char *const names[] = {
	    [WEB_AUTH_NONE] = "NoClientCert",
	    [WEB_AUTH_IF_GIVEN] = "VerifyClientCertIfGiven",
	    [WEB_AUTH_REQUIRED] = "RequireAndVerifyClientCert",
	};
	const char *text = scalar(value);

	for (size_t i = 0; text && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(text, names[i])) {
			p->config->client_auth = i;
			return 0;
		}
	return refuse(p, value,
		      "client_auth_type is NoClientCert, VerifyClientCertIfGiven or "
		      "RequireAndVerifyClientCert here, not",
		      text);
}

static int tls_key(struct parse *p, const char *key, yaml_node_t *value)
{
	struct web_config *c = p->config;

	if (!strcmp(key, "cert_file"))
		return take(p, value, &c->cert_file);
	if (!strcmp(key, "key_file"))
		return take(p, value, &c->key_file);
	if (!strcmp(key, "client_ca_file"))
		return take(p, value, &c->client_ca_file);
	if (!strcmp(key, "client_auth_type"))
		return client_auth(p, value);
	if (!strcmp(key, "min_version"))
		return version(p, value, &c->min_version);
	if (!strcmp(key, "max_version"))
		return version(p, value, &c->max_version);
	return refuse(p, value, "tls_server_config has a key that is not supported:", key);
}

static int add_pair(struct web_pair **all, size_t *n, const char *name, const char *value)
{
	struct web_pair *more = reallocarray(*all, *n + 1, sizeof(**all));

	if (!more)
		return -ENOMEM;
	*all = more;
	more[*n] = (struct web_pair){.name = strdup(name), .value = strdup(value)};
	(*n)++;
	return more[*n - 1].name && more[*n - 1].value ? 0 : -ENOMEM;
}

/* The headers that the format permits, and no line break in a value: it would start another. */
static int header_key(struct parse *p, const char *key, yaml_node_t *value)
{
	static const char *const known[] = {"Content-Security-Policy", "Strict-Transport-Security",
					    "X-Content-Type-Options", "X-Frame-Options",
					    "X-XSS-Protection"};
	const char *text = scalar(value);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcasecmp(key, known[i]))
			continue;
		if (!text || strpbrk(text, "\r\n"))
			return refuse(p, value, "a header's value must be one line:", key);
		return add_pair(&p->config->headers, &p->config->nheaders, known[i], text);
	}
	return refuse(p, value, "headers has a key that is not supported:", key);
}

static int http_key(struct parse *p, const char *key, yaml_node_t *value)
{
	const char *text = scalar(value);

	if (!strcmp(key, "headers"))
		return each(p, value, header_key);
	if (strcmp(key, "http2"))
		return refuse(p, value, "http_server_config has a key that is not supported:", key);
	if (text && (!strcmp(text, "true") || !strcmp(text, "false")))
		return 0;
	return refuse(p, value, "http2 is true or false, not", text);
}

/* "$2y$10$" and 53 characters of salt and digest.  10: 2^10 rounds, 50 ms; 15 take 2 s. */
static bool is_bcrypt(const char *hash)
{
	static const char digits[] =
	    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return strlen(hash) == 60 && !strncmp(hash, "$2", 2) && strchr("aby", hash[2]) &&
	       hash[3] == '$' && hash[6] == '$' && strncmp(hash + 4, "04", 2) >= 0 &&
	       strncmp(hash + 4, "15", 2) <= 0 && strchr(digits, hash[5]) &&
	       strspn(hash + 7, digits) == 53;
}

static int user_key(struct parse *p, const char *key, yaml_node_t *value)
{
	const char *text = scalar(value);

	/* RFC 7617: a user-id with a colon cannot be sent. */
	if (strchr(key, ':'))
		return refuse(p, value, "a user's name cannot have a colon:", key);
	if (!text || !is_bcrypt(text))
		return refuse(p, value,
			      "no bcrypt hash of a cost from 4 to 15 ($2b$...; htpasswd -nBC 10 "
			      "NAME makes one) for user",
			      key);
	if (p->config->nusers == USERS_MAX)
		return refuse(p, value, "there are more users than 1000", NULL);
	return add_pair(&p->config->users, &p->config->nusers, key, text);
}

static int top_key(struct parse *p, const char *key, yaml_node_t *value)
{
	if (!strcmp(key, "tls_server_config"))
		return each(p, value, tls_key);
	if (!strcmp(key, "http_server_config"))
		return each(p, value, http_key);
	if (!strcmp(key, "basic_auth_users"))
		return each(p, value, user_key);
	return refuse(p, value, "the file has a key that is not supported:", key);
}

static int check(struct parse *p, yaml_node_t *root)
{
	const struct web_config *c = p->config;

	if (!c->cert_file != !c->key_file)
		return refuse(p, root, "cert_file and key_file are needed both", NULL);
	if (!c->cert_file && (c->client_ca_file || c->client_auth))
		return refuse(p, root, "client certificates need cert_file and key_file", NULL);
	if (c->client_auth && !c->client_ca_file)
		return refuse(p, root, "client_auth_type needs a client_ca_file", NULL);
	if (!c->client_auth && c->client_ca_file)
		return refuse(p, root, "client_ca_file needs a client_auth_type that verifies",
			      NULL);
	if (c->min_version > c->max_version)
		return refuse(p, root, "min_version is above max_version", NULL);
	return 0;
}

int web_config__parse(const char *text, size_t text_len, struct web_config **out, char *error,
		      size_t len)
{
	struct parse p = {.error = error, .len = len};
	yaml_document_t document;
	yaml_parser_t parser;
	yaml_node_t *root;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_len);
	if (!yaml_parser_load(&parser, &document)) {
		snprintf(error, len, "line %zu: %s", parser.problem_mark.line + 1,
			 parser.problem ? parser.problem : "no YAML");
		yaml_parser_delete(&parser);
		return -EINVAL;
	}
	p.document = &document;
	p.config = calloc(1, sizeof(*p.config));
	root = yaml_document_get_root_node(&document);
	if (!p.config) {
		err = -ENOMEM;
	} else {
		p.config->min_version = 12;
		p.config->max_version = 13;
		/* An empty file protects nothing, and says so: that is legal. */
		if (root)
			err = each(&p, root, top_key);
		if (root && !err)
			err = check(&p, root);
	}
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
	if (err)
		web_config__free(p.config);
	else
		*out = p.config;
	return err;
}

static void free_pairs(struct web_pair *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(all[i].name);
		free(all[i].value);
	}
	free(all);
}

void web_config__free(struct web_config *w)
{
	if (!w)
		return;
	free_pairs(w->users, w->nusers);
	free_pairs(w->headers, w->nheaders);
	free(w->cert_file);
	free(w->key_file);
	free(w->client_ca_file);
	free(w);
}

static int make_absolute(char **file, const char *config_path)
{
	const char *slash = strrchr(config_path, '/');
	char *whole;

	if (!*file || **file == '/' || !slash)
		return 0;
	if (asprintf(&whole, "%.*s/%s", (int)(slash - config_path), config_path, *file) < 0)
		return -ENOMEM;
	free(*file);
	*file = whole;
	return 0;
}

int web_config__read(const char *path, struct web_config **out)
{
	struct web_config *w = NULL;
	char error[256], *text;
	size_t len;
	int err = file_read(path, FILE_MAX, &text, &len);

	if (err) {
		log_error("cannot read the web config file %s: %s", path, strerror(-err));
		return err;
	}
	err = web_config__parse(text, len, &w, error, sizeof(error));
	free(text);
	if (err == -EINVAL)
		log_error("%s: %s", path, error);
	if (!err)
		err = make_absolute(&w->cert_file, path);
	if (!err)
		err = make_absolute(&w->key_file, path);
	if (!err)
		err = make_absolute(&w->client_ca_file, path);
	if (err) {
		web_config__free(w);
		return err;
	}
	*out = w;
	return 0;
}
