// SPDX-License-Identifier: GPL-2.0
/* http_listen.c: from "ADDRESS:PORT" to a socket that listens. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "out/http.h"

#define BACKLOG 256

static int listen_at(const struct addrinfo *a)
{
	int one = 1, err, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* A restart must not wait for the old connections' TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* "[::1]:9753" to "::1" and "9753"; false: it is not of that form. */
static bool split(char *where, char **host, char **port)
{
	char *colon = strrchr(where, ':'), *end;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strtoul(colon + 1, &end, 10) > 65535)
		return false;
	*colon = 0;
	*port = colon + 1;
	*host = where;
	if (*where == '[') {
		end = strchr(where, ']');
		if (!end || end[1])
			return false;
		*end = 0;
		*host = where + 1;
	} else if (strchr(where, ':')) {
		return false;
	}
	return true;
}

int http_listen(const char *where)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
			*found;
	char *copy = strdup(where), *host, *port;
	int err, fd;

	if (!copy)
		return -ENOMEM;
	if (!split(copy, &host, &port)) {
		log_error("--listen takes ADDRESS:PORT, as 127.0.0.1:9753 or [::1]:9753, not '%s'",
			  where);
		free(copy);
		return -EINVAL;
	}
	err = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	free(copy);
	if (err) {
		log_error("cannot listen at %s: %s", where,
			  err == EAI_SYSTEM ? strerror(errno) : gai_strerror(err));
		return -EINVAL;
	}
	fd = listen_at(found);
	freeaddrinfo(found);
	if (fd < 0)
		log_error("cannot listen at %s: %s%s", where, strerror(-fd),
			  fd == -EADDRINUSE ? "; another exporter runs, or --listen names a "
					      "port that is taken"
					    : "");
	return fd;
}
