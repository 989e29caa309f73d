// SPDX-License-Identifier: GPL-2.0
#include "out/http_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

#define PEM_MAX (1 << 20)

static int read_pem(const char *what, const char *path, char **out)
{
	size_t len;
	int err = file_read(path, PEM_MAX, out, &len);

	if (err)
		log_error("cannot read the %s %s: %s", what, path, strerror(-err));
	return err;
}

static gnutls_datum_t datum(char *text)
{
	return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned int)strlen(text)};
}

static int check(const struct web_config *web, struct http_tls *t)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t cert = datum(t->cert), key = datum(t->key);
	int err = gnutls_certificate_allocate_credentials(&credentials);

	if (err)
		return -ENOMEM;
	err = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (err)
		log_error("the certificate %s with the key %s: %s", web->cert_file, web->key_file,
			  gnutls_strerror(err));
	if (!err && t->ca) {
		gnutls_datum_t ca = datum(t->ca);

		/* How many certificates it took. */
		err = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
		if (err <= 0)
			log_error("the client_ca_file %s: %s", web->client_ca_file,
				  err ? gnutls_strerror(err) : "no certificate in it");
		err = err <= 0 ? -1 : 0;
	}
	gnutls_certificate_free_credentials(credentials);
	return err ? -EINVAL : 0;
}

int http_tls__read(const struct web_config *web, struct http_tls *out)
{
	static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};
	int err;

	*out = (struct http_tls){0};
	if (!web || !web->cert_file)
		return 0;
	strcpy(out->priorities, "NORMAL:-VERS-ALL");
	for (unsigned int v = web->min_version; v <= web->max_version; v++) {
		size_t used = strlen(out->priorities);

		snprintf(out->priorities + used, sizeof(out->priorities) - used, ":+VERS-TLS%s",
			 versions[v - 10]);
	}
	out->client_auth = web->client_auth;
	err = read_pem("certificate", web->cert_file, &out->cert);
	if (!err)
		err = read_pem("key", web->key_file, &out->key);
	if (!err && web->client_ca_file)
		err = read_pem("client_ca_file", web->client_ca_file, &out->ca);
	return err ? err : check(web, out);
}

void http_tls__free(struct http_tls *t)
{
	free(t->cert);
	if (t->key)
		explicit_bzero(t->key, strlen(t->key));
	free(t->key);
	free(t->ca);
	*t = (struct http_tls){0};
}

bool http_tls__client(const struct http_tls *t, void *session)
{
	unsigned int status = 0;

	if (t->client_auth == WEB_AUTH_NONE)
		return true;
	if (!session)
		return false;
	if (!gnutls_certificate_get_peers(session, NULL))
		return t->client_auth == WEB_AUTH_IF_GIVEN;
	return !gnutls_certificate_verify_peers2(session, &status) && !status;
}
