/* SPDX-License-Identifier: GPL-2.0 */
/*
 * web_config.h: the web config file: TLS and basic auth, in the format that Prometheus's exporters
 * share (prometheus/exporter-toolkit, docs/web-configuration.md): YAML.  Understood are
 *
 *	tls_server_config:	cert_file, key_file, client_auth_type, client_ca_file, min_version,
 *				max_version
 *	http_server_config:	http2 (only HTTP/1.1 is spoken, whatever it says), headers
 *	basic_auth_users:	NAME: bcrypt hash
 *
 * Any other key is an error: what asks for protection must not be passed over.
 */
#ifndef OUT_WEB_CONFIG_H
#define OUT_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

enum web_client_auth {
	WEB_AUTH_NONE,	   /* NoClientCert */
	WEB_AUTH_IF_GIVEN, /* VerifyClientCertIfGiven */
	WEB_AUTH_REQUIRED, /* RequireAndVerifyClientCert */
};

/* Pairs of strings: users with their hashes, headers with their values. */
struct web_pair {
	char *name, *value;
};

struct web_config {
	char *cert_file, *key_file; /* both, or both NULL: no TLS */
	char *client_ca_file;
	enum web_client_auth client_auth;
	unsigned int min_version, max_version; /* of TLS: 10, 11, 12, 13 */
	struct web_pair *users, *headers;
	size_t nusers, nheaders;
};

/* 0; -ENOMEM; -EINVAL: `error` (len bytes) says why, with the line where there is one.  Files are
 * not opened. */
int web_config__parse(const char *text, size_t text_len, struct web_config **out, char *error,
		      size_t len);
void web_config__free(struct web_config *w);

/* Parse a file; paths in it are relative to its directory.  Logs. */
int web_config__read(const char *path, struct web_config **out);

#endif
