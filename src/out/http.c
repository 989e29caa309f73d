// SPDX-License-Identifier: GPL-2.0
#include "out/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "out/http_auth.h"
#include "out/http_deadline.h"
#include "out/http_response.h"
#include "out/http_tls.h"
#include "out/page.h"
#include "out/web_config.h"

/* A request under way. */
struct http_client {
	struct http *http;
	struct MHD_Connection *connection;
	struct page *page;   /* of an answer that came later */
	unsigned int status; /* 0: none yet */
	bool suspended;
};

static const unsigned int statuses[] = {200, 400, 401, 403, 404, 405, 429, 500, 503};
#define STATUSES (sizeof(statuses) / sizeof(*statuses))

struct http {
	struct http_config config;
	const struct web_config *web;
	struct http_tls tls;
	struct http_auth *auth;
	struct MHD_Daemon *daemon;
	struct deadlines *deadlines;
	pthread_mutex_t lock; /* of answers that come later */
	atomic_ullong counts[STATUSES];
};

static void log_mhd(void *arg, const char *fmt, va_list ap)
{
	char line[256];

	(void)arg;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	log_debug("http: %s", line);
}

/* ---- connections ---- */

static void on_connection(void *arg, struct MHD_Connection *c, void **slot,
			  enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct http *h = arg;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		deadlines__close(h->deadlines, *slot);
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		*slot = deadlines__open(h->deadlines, info->connect_fd, clock_now_ns());
}

static struct deadline *deadline_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void http__reap(struct http *h, uint64_t now_ns)
{
	size_t n = deadlines__cut(h->deadlines, now_ns, HTTP_REQUEST_SECONDS * 1000000000ull);

	if (n)
		log_debug("http: %zu slow connections cut", n);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct http_client *client = *context;

	(void)why;
	*context = NULL;
	if (!client)
		return;
	deadlines__restart(((struct http *)arg)->deadlines, deadline_of(c), clock_now_ns());
	page__put(client->page);
	free(client);
}

/* ---- answers ---- */

static void count(struct http *h, unsigned int status)
{
	for (size_t i = 0; i < STATUSES; i++)
		if (statuses[i] == status)
			atomic_fetch_add(&h->counts[i], 1);
}

/* Takes the reference to page; NULL: one that says the status. */
static enum MHD_Result send_page(struct http *h, struct MHD_Connection *c, unsigned int status,
				 struct page *page)
{
	struct MHD_Response *r = http_response(c, status, page);
	enum MHD_Result ok;

	if (!r)
		return MHD_NO;
	for (size_t i = 0; h->web && i < h->web->nheaders; i++)
		MHD_add_response_header(r, h->web->headers[i].name, h->web->headers[i].value);
	ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	count(h, status);
	return ok;
}

static unsigned int permitted(struct http *h, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *tls;
	char *name, *password = NULL;
	bool ok;

	if (h->tls.client_auth) {
		tls = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		if (!http_tls__client(&h->tls, tls ? tls->tls_session : NULL))
			return MHD_HTTP_FORBIDDEN;
	}
	if (!h->auth)
		return MHD_HTTP_OK;
	name = MHD_basic_auth_get_username_password(c, &password);
	ok = http_auth__check(h->auth, name, password);
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(name);
	MHD_free(password);
	return ok ? MHD_HTTP_OK : MHD_HTTP_UNAUTHORIZED;
}

static enum MHD_Result wait_for_answer(struct http *h, struct http_client *client)
{
	struct page *page = NULL;
	unsigned int status;

	deadlines__hold(h->deadlines, deadline_of(client->connection));
	pthread_mutex_lock(&h->lock);
	status = client->status;
	if (status) {
		page = client->page;
		client->page = NULL;
	} else {
		MHD_suspend_connection(client->connection);
		client->suspended = true;
	}
	pthread_mutex_unlock(&h->lock);
	return status ? send_page(h, client->connection, status, page) : MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **context)
{
	struct http_client *client = *context;
	struct page *page = NULL;
	struct http *h = arg;
	unsigned int status;

	(void)version;
	(void)data;
	if (!client) {
		client = calloc(1, sizeof(*client));
		if (!client)
			return MHD_NO;
		*client = (struct http_client){.http = h, .connection = c};
		*context = client;
		return MHD_YES;
	}
	if (*len) { /* a body: read, and of no interest */
		*len = 0;
		return MHD_YES;
	}
	if (client->status) {
		page = client->page;
		client->page = NULL;
		return send_page(h, c, client->status, page);
	}
	status = permitted(h, c);
	if (status != MHD_HTTP_OK)
		return send_page(h, c, status, NULL);
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return send_page(h, c, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
	status =
	    h->config.answer(h->config.arg,
			     &(struct http_request){.path = url,
						    .accept = MHD_lookup_connection_value(
							c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
						    .client = client},
			     &page);
	return status == HTTP_LATER ? wait_for_answer(h, client) : send_page(h, c, status, page);
}

const char *http_query(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->client->connection, MHD_GET_ARGUMENT_KIND, name);
}

void http__answer(struct http_client *c, unsigned int status, struct page *page)
{
	struct http *h = c->http;

	pthread_mutex_lock(&h->lock);
	c->status = status;
	c->page = page;
	/* Else its own thread is just about to wait, and will see the status. */
	if (c->suspended)
		MHD_resume_connection(c->connection);
	pthread_mutex_unlock(&h->lock);
}

/* ---- start and end ---- */

static int start(struct http *h)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_USE_ERROR_LOG | (h->tls.cert ? MHD_USE_TLS : 0);
	/* The server closes the socket that it is given; we need it for the next one. */
	int fd = fcntl(h->config.fd, F_DUPFD_CLOEXEC, 0);
	struct MHD_OptionItem options[16] = {
	    {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_mhd, NULL},
	    {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
	    {MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS, NULL},
	    {MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE_SECONDS, NULL},
	    {MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, NULL},
	    {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, h},
	    {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, h},
	};
	size_t n = 7;

	if (fd < 0)
		return -errno;
	if (h->tls.cert) {
		options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, h->tls.cert};
		options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, h->tls.key};
		options[n++] =
		    (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, h->tls.priorities};
		if (h->tls.ca)
			options[n++] =
			    (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, h->tls.ca};
	}
	options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_ARRAY, options,
				     MHD_OPTION_END);
	if (h->daemon)
		return 0;
	close(fd);
	return -EIO;
}

static void stop(struct http *h)
{
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	h->daemon = NULL;
	http_auth__free(h->auth);
	h->auth = NULL;
	http_tls__free(&h->tls);
}

static int prepare(const struct web_config *web, struct http_tls *tls, struct http_auth **auth)
{
	int err = http_tls__read(web, tls);

	*auth = !err && web && web->nusers ? http_auth__new(web) : NULL;
	if (!err && web && web->nusers && !*auth)
		err = -ENOMEM;
	if (err)
		http_tls__free(tls);
	return err;
}

int http__new(const struct http_config *config, const struct web_config *web, struct http **out)
{
	struct http *h = calloc(1, sizeof(*h));
	int err = h ? prepare(web, &h->tls, &h->auth) : -ENOMEM;

	if (err) {
		close(config->fd);
		free(h);
		return err;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->config = *config;
	h->web = web;
	h->deadlines = deadlines__new(HTTP_CONNECTIONS);
	err = h->deadlines ? start(h) : -ENOMEM;
	if (err) {
		log_error("cannot start the web server: %s", strerror(-err));
		http__free(h);
		return err;
	}
	*out = h;
	return 0;
}

void http__free(struct http *h)
{
	if (!h)
		return;
	stop(h);
	deadlines__free(h->deadlines);
	close(h->config.fd);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int http__reload(struct http *h, const struct web_config *web)
{
	struct http_tls tls;
	struct http_auth *auth;
	int err = prepare(web, &tls, &auth);

	if (err)
		return err;
	stop(h);
	h->tls = tls;
	h->auth = auth;
	h->web = web;
	err = start(h);
	if (err)
		log_error("cannot start the web server: %s", strerror(-err));
	return err;
}

bool http__serves(const struct http *h)
{
	return h->daemon;
}

void http__address(const struct http *h, char *buf, size_t len)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof(at);
	char host[64] = "?", port[16] = "?";

	if (!getsockname(h->config.fd, (struct sockaddr *)&at, &size))
		getnameinfo((struct sockaddr *)&at, size, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buf, len, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

bool http__secure(const struct http *h)
{
	return h->tls.cert;
}

bool http__count(const struct http *h, size_t i, unsigned int *status, uint64_t *n)
{
	if (i >= STATUSES)
		return false;
	*status = statuses[i];
	*n = atomic_load(&h->counts[i]);
	return true;
}
