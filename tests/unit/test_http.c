// SPDX-License-Identifier: GPL-2.0
/* test_http: the web server, asked over loopback by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "out/http.h"
#include "out/http_deadline.h"
#include "out/page.h"
#include "out/web_config.h"

#define BODY 50021 /* bytes of /big */

struct server {
	struct http *http;
	uint16_t port;
	struct page *big;
	_Atomic(struct http_client *) waiting;
};

static unsigned int answer(void *arg, const struct http_request *r, struct page **out)
{
	struct server *s = arg;
	const char *n = http_query(r, "n");

	if (!strcmp(r->path, "/big")) {
		*out = page__get(s->big);
		return 200;
	}
	if (!strcmp(r->path, "/later")) {
		atomic_store(&s->waiting, r->client);
		return HTTP_LATER;
	}
	if (strcmp(r->path, "/small"))
		return 404;
	*out = page__text("text/plain", n ? n : "no n");
	return 200;
}

static void begin(struct server *s, const struct web_config *web)
{
	char where[64];
	int fd = http_listen("127.0.0.1:0");

	*s = (struct server){.big = NULL};
	assert_true(fd >= 0);
	s->big = page__new("text/plain", memset(malloc(BODY), 'x', BODY), BODY);
	assert_int_equal(
	    http__new(&(struct http_config){.fd = fd, .answer = answer, .arg = s}, web, &s->http),
	    0);
	http__address(s->http, where, sizeof(where));
	assert_int_equal(strncmp(where, "127.0.0.1:", 10), 0);
	s->port = (uint16_t)atoi(where + 10);
	assert_true(s->port > 0);
}

static void end(struct server *s)
{
	http__free(s->http);
	page__put(s->big);
}

static int dial(const struct server *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(s->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* All that comes until the server closes; the caller's to free. */
static char *hear(int fd, size_t *len)
{
	char *buf = NULL;
	ssize_t n;

	*len = 0;
	do {
		buf = realloc(buf, *len + 65537);
		n = recv(fd, buf + *len, 65536, 0);
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	buf[*len] = 0;
	return buf;
}

/* The answer to one request; what it starts and ends with. */
static void ask(const struct server *s, const char *request, const char *first, const char *last)
{
	int fd = dial(s);
	size_t len;
	char *got;

	say(fd, request);
	got = hear(fd, &len);
	if (strncmp(got, first, strlen(first)))
		fail_msg("'%s' was answered '%.100s'", request, got);
	assert_true(len >= strlen(last));
	assert_string_equal(got + len - strlen(last), last);
	free(got);
	close(fd);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static uint64_t counted(const struct server *s, unsigned int wanted)
{
	unsigned int status;
	uint64_t n;

	for (size_t i = 0; http__count(s->http, i, &status, &n); i++)
		if (status == wanted)
			return n;
	return UINT64_MAX;
}

static void test_answers(void **state)
{
	struct server s;

	(void)state;
	begin(&s, NULL);
	ask(&s, "GET /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nno n");
	ask(&s, "GET /small?n=17&m HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\n17");
	ask(&s, "GET /sm%61ll?n=%41 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nA");
	ask(&s, "HEAD /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\n");
	ask(&s, "GET /../../etc/passwd HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ", "404 Not Found\n");
	ask(&s, "GET /small%00x HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "no n");
	ask(&s, "POST /small HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello", "HTTP/1.1 405 ",
	    "405 Method Not Allowed\n");
	ask(&s, "nonsense\r\n\r\n", "", "");
	assert_int_equal(counted(&s, 200), 5);
	assert_int_equal(counted(&s, 404), 1);
	assert_int_equal(counted(&s, 405), 1);
	end(&s);
}

static void test_packed(void **state)
{
	unsigned char plain[BODY + 1];
	z_stream z = {.next_out = plain, .avail_out = sizeof(plain)};
	struct server s;
	char *got, *body;
	size_t len;
	int fd;

	(void)state;
	begin(&s, NULL);
	fd = dial(&s);
	say(fd, "GET /big HTTP/1.1\r\nAccept-Encoding: gzip\r\n" CLOSE);
	got = hear(fd, &len);
	assert_non_null(strstr(got, "Content-Encoding: gzip\r\n"));
	body = strstr(got, "\r\n\r\n") + 4;
	z.next_in = (unsigned char *)body;
	z.avail_in = (unsigned int)(len - (size_t)(body - got));
	assert_true(z.avail_in < 1000);
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, BODY);
	inflateEnd(&z);
	free(got);
	close(fd);
	fd = dial(&s);
	say(fd, "GET /big HTTP/1.1\r\nAccept-Encoding: gzip;q=0\r\n" CLOSE);
	got = hear(fd, &len);
	assert_null(strstr(got, "Content-Encoding"));
	assert_int_equal(got + len - (strstr(got, "\r\n\r\n") + 4), BODY);
	free(got);
	close(fd);
	end(&s);
}

static void test_later(void **state)
{
	struct server s;
	size_t len;
	char *got;
	int fd;

	(void)state;
	begin(&s, NULL);
	fd = dial(&s);
	say(fd, "GET /later HTTP/1.1\r\n" CLOSE);
	while (!atomic_load(&s.waiting))
		usleep(1000);
	/* Others do not wait for it. */
	ask(&s, "GET /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "no n");
	http__answer(s.waiting, 200, page__text("text/plain", "at last"));
	got = hear(fd, &len);
	assert_string_equal(got + len - 7, "at last");
	free(got);
	close(fd);
	end(&s);
}

static void test_huge_headers(void **state)
{
	struct server s;
	int fd;
	ssize_t n;
	char block[4096], got[16] = "";

	(void)state;
	memset(block, 'a', sizeof(block));
	begin(&s, NULL);
	fd = dial(&s);
	say(fd, "GET /small HTTP/1.1\r\nX: ");
	/* Until the server has enough of it, which is long before 1 MiB. */
	for (int i = 0; i < 256 && send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0; i++)
		usleep(1000);
	n = recv(fd, got, sizeof(got) - 1, 0);
	if (n > 0)
		assert_int_equal(
		    strncmp(got, "HTTP/1.1 431", 12) && strncmp(got, "HTTP/1.1 413", 12), 0);
	close(fd);
	ask(&s, "GET /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "no n");
	end(&s);
}

static void test_auth(void **state)
{
	static const char config[] =
	    "basic_auth_users:\n"
	    "  alice: $2b$04$abcdefghijklmnopqrstuugIEnm3ZbWF6xb2GcoE3L1CoGJFMKtu.\n"
	    "http_server_config: {headers: {X-Frame-Options: deny}}\n";
	struct web_config *web, *other;
	char error[128];
	struct server s;

	(void)state;
	assert_int_equal(web_config__parse(config, strlen(config), &web, error, sizeof(error)), 0);
	assert_int_equal(web_config__parse("", 0, &other, error, sizeof(error)), 0);
	begin(&s, web);
	ask(&s, "GET /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 401 ", "401 Unauthorized\n");
	/* alice:swordfish, alice:wrong */
	ask(&s, "GET /small HTTP/1.1\r\nAuthorization: Basic YWxpY2U6c3dvcmRmaXNo\r\n" CLOSE,
	    "HTTP/1.1 200 ", "no n");
	ask(&s, "GET /small HTTP/1.1\r\nAuthorization: Basic YWxpY2U6d3Jvbmc=\r\n" CLOSE,
	    "HTTP/1.1 401 ", "401 Unauthorized\n");
	ask(&s, "GET /small HTTP/1.1\r\nAuthorization: Basic !!!\r\n" CLOSE, "HTTP/1.1 401 ", "");
	assert_int_equal(counted(&s, 401), 3);
	assert_int_equal(http__reload(s.http, other), 0);
	ask(&s, "GET /small HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ", "no n");
	end(&s);
	web_config__free(web);
	web_config__free(other);
}

static void test_deadlines(void **state)
{
	struct deadlines *d = deadlines__new(2);
	struct deadline *a, *b;
	int pair[2], other[2];
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	a = deadlines__open(d, pair[0], 100);
	b = deadlines__open(d, other[0], 150);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(deadlines__open(d, pair[0], 100));
	assert_int_equal(deadlines__cut(d, 160, 60), 0);
	deadlines__hold(d, b);
	assert_int_equal(deadlines__cut(d, 1000, 60), 1);
	assert_int_equal(read(pair[1], &c, 1), 0);
	deadlines__restart(d, b, 1000);
	assert_int_equal(deadlines__cut(d, 1060, 60), 1); /* the first again: it is still open */
	deadlines__close(d, a);
	assert_int_equal(deadlines__cut(d, 1061, 60), 1);
	assert_int_equal(read(other[1], &c, 1), 0);
	deadlines__close(d, b);
	deadlines__close(d, NULL);
	assert_int_equal(deadlines__cut(d, 9999, 60), 0);
	deadlines__free(d);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const bad[] = {
	    "9753",	"127.0.0.1", "127.0.0.1:",  "127.0.0.1:65536", "127.0.0.1:x",
	    "::1:9753", "[::1:9753", "[::1]x:9753", "999.1.1.1:1",     "192.0.2.1:9753",
	    ""};
	struct server s;
	char where[64];

	(void)state;
	log_set_level(LOG_ERROR);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_true(http_listen(bad[i]) < 0);
	begin(&s, NULL);
	http__address(s.http, where, sizeof(where));
	assert_int_equal(http_listen(where), -EADDRINUSE);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),	  cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_later),	  cmocka_unit_test(test_huge_headers),
	    cmocka_unit_test(test_auth),	  cmocka_unit_test(test_deadlines),
	    cmocka_unit_test(test_bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
