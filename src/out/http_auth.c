// SPDX-License-Identifier: GPL-2.0
#include "out/http_auth.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "out/web_config.h"

#define REMEMBERED 16

/* For a name that nobody has: a hash of nothing that anybody could send, of the usual cost. */
static const char nobody[] = "$2b$10$abcdefghijklmnopqrstuuRvVYb1x3pK0l0cC0mQqV7cBqX3p9mWK";

struct http_auth {
	const struct web_config *web;
	/* SHA-256 of a secret of this process, the hash and the password: the password itself is
	 * not kept. */
	unsigned char secret[32];
	unsigned char known[REMEMBERED][32];
	unsigned int n, next;
	struct crypt_data crypt;
};

struct http_auth *http_auth__new(const struct web_config *web)
{
	struct http_auth *a = calloc(1, sizeof(*a));

	if (!a || gnutls_rnd(GNUTLS_RND_KEY, a->secret, sizeof(a->secret))) {
		free(a);
		return NULL;
	}
	a->web = web;
	return a;
}

void http_auth__free(struct http_auth *a)
{
	if (!a)
		return;
	explicit_bzero(a, sizeof(*a));
	free(a);
}

static bool same(const void *a, const void *b, size_t len)
{
	return !gnutls_memcmp(a, b, len);
}

static bool digest(const struct http_auth *a, const char *hash, const char *password,
		   unsigned char out[32])
{
	gnutls_hash_hd_t h;

	if (gnutls_hash_init(&h, GNUTLS_DIG_SHA256))
		return false;
	gnutls_hash(h, a->secret, sizeof(a->secret));
	gnutls_hash(h, hash, strlen(hash) + 1);
	gnutls_hash(h, password, strlen(password));
	gnutls_hash_deinit(h, out);
	return true;
}

bool http_auth__check(struct http_auth *a, const char *name, const char *password)
{
	const char *hash = nobody, *got;
	unsigned char sum[32];
	bool hashed;

	if (!name || !password)
		return false;
	for (size_t i = 0; i < a->web->nusers; i++)
		if (!strcmp(a->web->users[i].name, name))
			hash = a->web->users[i].value;
	hashed = digest(a, hash, password, sum);
	for (unsigned int i = 0; i < a->n && hashed; i++)
		if (same(a->known[i], sum, sizeof(sum)))
			return true;
	got = crypt_r(password, hash, &a->crypt);
	if (hash == nobody || !got || strlen(got) != strlen(hash) || !same(got, hash, strlen(hash)))
		return false;
	if (!hashed)
		return true;
	memcpy(a->known[a->next], sum, sizeof(sum));
	a->next = (a->next + 1) % REMEMBERED;
	if (a->n < REMEMBERED)
		a->n++;
	return true;
}
