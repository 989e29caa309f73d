/* SPDX-License-Identifier: GPL-2.0 */
/*
 * http.h: a small web server that answers from pages that are there already.  One thread of its own
 * serves everybody; connections, their memory and their time are limited, so that no client can
 *hold up another for long or make us grow:
 *
 *	HTTP_CONNECTIONS at once, the rest wait in the kernel's queue;
 *	HTTP_MEMORY bytes each for a request's line and headers (431 beyond);
 *	HTTP_IDLE_SECONDS without a byte, HTTP_REQUEST_SECONDS from the connection, or the last
 *answer, to the end of the next answer, then it is cut.
 */
#ifndef OUT_HTTP_H
#define OUT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CONNECTIONS     256
#define HTTP_MEMORY	     16384
#define HTTP_IDLE_SECONDS    20
#define HTTP_REQUEST_SECONDS 60

struct http;
struct http_client;
struct page;
struct web_config;

struct http_request {
	const char *path;   /* decoded */
	const char *accept; /* the header, or NULL */
	struct http_client *client;
};

/*
 * Give the answer: a status, and in *out a reference to a page (NULL: one that says the status).
 * HTTP_LATER: http__answer will give it; the client stays valid until then.  Called by the server's
 * thread.
 */
typedef unsigned int (*http_fn)(void *arg, const struct http_request *r, struct page **out);
#define HTTP_LATER 0

/* The value of ?name=, decoded, or NULL. */
const char *http_query(const struct http_request *r, const char *name);
/* Answer a client that waits; takes the reference.  From any thread. */
void http__answer(struct http_client *c, unsigned int status, struct page *page);

/*
 * Listen at "ADDRESS:PORT", "[IPV6]:PORT", "HOST:PORT" or ":PORT" (everywhere); port 0: any.
 * A socket, or -errno, logged.
 */
int http_listen(const char *where);

struct http_config {
	int fd; /* that listens; taken over */
	http_fn answer;
	void *arg;
};

/* Serve.  web may be NULL, else it must outlive the server or be replaced first.  0 or -errno,
 * logged. */
int http__new(const struct http_config *config, const struct web_config *web, struct http **out);
/* Ends all connections.  Nobody may be waiting for http__answer any more. */
void http__free(struct http *h);
/* Go on with another web config, on the same socket.  Connections end; nobody may be waiting.
 * -errno, logged: the one before goes on, unless http__serves says that not even that works. */
int http__reload(struct http *h, const struct web_config *web);
bool http__serves(const struct http *h);

/* "127.0.0.1:9753": where it listens. */
void http__address(const struct http *h, char *buf, size_t len);
bool http__secure(const struct http *h);
/* Cut the connections that take too long; to be called every few seconds. */
void http__reap(struct http *h, uint64_t now_ns);

/* Answers given so far, by status; false: no such i. */
bool http__count(const struct http *h, size_t i, unsigned int *status, uint64_t *n);

#endif
