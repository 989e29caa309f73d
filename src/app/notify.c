// SPDX-License-Identifier: GPL-2.0
#include "app/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

struct notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t watchdog_ns;
};

static void open_socket(struct notify *n, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(n->to.sun_path) || (*path != '/' && *path != '@'))
		return;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	/* '@': a name in the abstract namespace, which has no 0 at its end. */
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*path == '/'));
	if (*path == '@')
		n->to.sun_path[0] = 0;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Half of the time that systemd gives, and only where it means this process. */
static uint64_t watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 500;
}

struct notify *notify__new(void)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->fd = -1;
	open_socket(n, getenv("NOTIFY_SOCKET"));
	n->watchdog_ns = n->fd >= 0 ? watchdog() : 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return n;
}

void notify__free(struct notify *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

/* A manager that is gone is no reason to end. */
static void tell(struct notify *n, const char *text)
{
	if (n->fd >= 0)
		sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
		       (struct sockaddr *)&n->to, n->to_len);
}

void notify__ready(struct notify *n)
{
	tell(n, "READY=1");
}

void notify__reloading(struct notify *n)
{
	char text[64];

	/* Type=notify-reload wants to know that this is the answer to its signal. */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(clock_now_ns() / 1000));
	tell(n, text);
}

void notify__stopping(struct notify *n)
{
	tell(n, "STOPPING=1");
}

void notify__status(struct notify *n, const char *fmt, ...)
{
	char text[256] = "STATUS=";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + 7, sizeof(text) - 7, fmt, ap);
	va_end(ap);
	tell(n, text);
}

uint64_t notify__watchdog_ns(const struct notify *n)
{
	return n->watchdog_ns;
}

void notify__alive(struct notify *n)
{
	tell(n, "WATCHDOG=1");
}
