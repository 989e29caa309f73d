// SPDX-License-Identifier: GPL-2.0
/* test_web_config: the web config file, right and wrong; names and passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "out/http_auth.h"
#include "out/web_config.h"

/* Of "swordfish", cost 4: the tests are not to wait. */
#define HASH "$2b$04$abcdefghijklmnopqrstuugIEnm3ZbWF6xb2GcoE3L1CoGJFMKtu."

static struct web_config *parsed(const char *text)
{
	struct web_config *w = NULL;
	char error[256] = "";

	if (web_config__parse(text, strlen(text), &w, error, sizeof(error)))
		fail_msg("%s", error);
	return w;
}

static void test_whole(void **state)
{
	struct web_config *w = parsed("# of an exporter\n"
				      "tls_server_config:\n"
				      "  cert_file: server.crt\n"
				      "  key_file: \"/etc/server.key\"\n"
				      "  client_auth_type: RequireAndVerifyClientCert\n"
				      "  client_ca_file: ca.crt\n"
				      "  min_version: TLS13\n"
				      "http_server_config:\n"
				      "  http2: true\n"
				      "  headers:\n"
				      "    X-Frame-Options: deny\n"
				      "basic_auth_users:\n"
				      "  alice: " HASH "\n"
				      "  bob: '" HASH "'\n");

	(void)state;
	assert_string_equal(w->cert_file, "server.crt");
	assert_string_equal(w->key_file, "/etc/server.key");
	assert_string_equal(w->client_ca_file, "ca.crt");
	assert_int_equal(w->client_auth, WEB_AUTH_REQUIRED);
	assert_int_equal(w->min_version, 13);
	assert_int_equal(w->max_version, 13);
	assert_int_equal(w->nheaders, 1);
	assert_string_equal(w->headers[0].name, "X-Frame-Options");
	assert_string_equal(w->headers[0].value, "deny");
	assert_int_equal(w->nusers, 2);
	assert_string_equal(w->users[1].name, "bob");
	assert_string_equal(w->users[1].value, HASH);
	web_config__free(w);
}

static void test_empty(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "tls_server_config:\n",
					    "basic_auth_users: {}\n", "~"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct web_config *w = parsed(texts[i]);

		assert_null(w->cert_file);
		assert_int_equal(w->nusers, 0);
		assert_int_equal(w->min_version, 12);
		web_config__free(w);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"tls_config:\n  cert_file: a\n",
	     "line 2: the file has a key that is not supported: 'tls_config'"},
	    {"tls_server_config:\n  cipher_suites: [A]\n",
	     "line 2: tls_server_config has a key that is not supported: 'cipher_suites'"},
	    {"tls_server_config:\n  cert_file: a\n",
	     "line 1: cert_file and key_file are needed both"},
	    {"tls_server_config:\n  client_auth_type: RequireAnyClientCert\n",
	     "line 2: client_auth_type is NoClientCert, VerifyClientCertIfGiven or "
	     "RequireAndVerifyClientCert here, not 'RequireAnyClientCert'"},
	    {"tls_server_config:\n  cert_file: a\n  key_file: b\n  min_version: TLS14\n",
	     "line 4: a version is TLS10, TLS11, TLS12 or TLS13, not 'TLS14'"},
	    {"tls_server_config: {cert_file: a, key_file: b, max_version: TLS11}",
	     "line 1: min_version is above max_version"},
	    {"tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}",
	     "line 1: client_ca_file needs a client_auth_type that verifies"},
	    {"tls_server_config: {cert_file: a, cert_file: b}",
	     "line 1: a key stands there twice: 'cert_file'"},
	    {"basic_auth_users:\n  alice: swordfish\n",
	     "line 2: no bcrypt hash of a cost from 4 to 15 ($2b$...; htpasswd -nBC 10 NAME makes "
	     "one) for user 'alice'"},
	    {"basic_auth_users: [a]\n", "line 1: a mapping was expected"},
	    {"http_server_config:\n  headers:\n    Server: x\n",
	     "line 3: headers has a key that is not supported: 'Server'"},
	    {"http_server_config:\n  headers:\n    X-Frame-Options: \"a\\r\\nb: c\"\n",
	     "line 3: a header's value must be one line: 'X-Frame-Options'"},
	    {"a: [", "line 2: did not find expected node content"},
	};
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct web_config *w = NULL;

		assert_int_equal(web_config__parse(cases[i].text, strlen(cases[i].text), &w, error,
						   sizeof(error)),
				 -EINVAL);
		assert_string_equal(error, cases[i].error);
		assert_null(w);
	}
}

static void test_passwords(void **state)
{
	struct web_config *w = parsed("basic_auth_users: {alice: " HASH "}");
	struct http_auth *a = http_auth__new(w);

	(void)state;
	assert_non_null(a);
	/* Twice: the second is remembered, and as right or as wrong. */
	for (int i = 0; i < 2; i++) {
		assert_true(http_auth__check(a, "alice", "swordfish"));
		assert_false(http_auth__check(a, "alice", "swordfisH"));
		assert_false(http_auth__check(a, "alice", ""));
		assert_false(http_auth__check(a, "alice", NULL));
		assert_false(http_auth__check(a, "bob", "swordfish"));
		assert_false(http_auth__check(a, NULL, NULL));
	}
	http_auth__free(a);
	web_config__free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
