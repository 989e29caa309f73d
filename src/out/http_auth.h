/* SPDX-License-Identifier: GPL-2.0 */
/* http_auth.h: names and passwords against bcrypt hashes; what was right once is remembered, since
 * each check takes 50 ms on purpose.  For one thread. */
#ifndef OUT_HTTP_AUTH_H
#define OUT_HTTP_AUTH_H

#include <stdbool.h>

struct http_auth;
struct web_config;

/* NULL: no memory.  web must outlive it. */
struct http_auth *http_auth__new(const struct web_config *web);
void http_auth__free(struct http_auth *a);

/* Takes as long for a name that is not there.  NULL for what was not sent. */
bool http_auth__check(struct http_auth *a, const char *name, const char *password);

#endif
