/* SPDX-License-Identifier: GPL-2.0 */
/* http_tls.h: the certificate, its key and the clients' authority, read and checked before anything
 * is served with them. */
#ifndef OUT_HTTP_TLS_H
#define OUT_HTTP_TLS_H

#include <stdbool.h>

#include "out/web_config.h"

struct http_tls {
	char *cert, *key, *ca; /* PEM; all NULL: no TLS */
	char priorities[96];   /* gnutls's way to say which versions */
	enum web_client_auth client_auth;
};

/* Read what the config names; see that certificate and key belong together.  0, or -errno, logged;
 * *out is to be freed in any case. */
int http_tls__read(const struct web_config *web, struct http_tls *out);
void http_tls__free(struct http_tls *t);

/* May the client of this gnutls_session_t go on, by its certificate? */
bool http_tls__client(const struct http_tls *t, void *session);

#endif
