/* SPDX-License-Identifier: GPL-2.0 */
/* notify.h: what a service tells systemd (sd_notify(3)): datagrams to $NOTIFY_SOCKET.  Without one,
 * nothing is done.  For one thread. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

struct notify;

/* Of the environment, whose variables are taken out of it: children are not to use them.  NULL:
 * no memory. */
struct notify *notify__new(void);
void notify__free(struct notify *n);

void notify__ready(struct notify *n);
void notify__reloading(struct notify *n);
void notify__stopping(struct notify *n);
/* One line for `systemctl status`. */
void notify__status(struct notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How often notify__alive is to be called, ns; 0: nobody watches. */
uint64_t notify__watchdog_ns(const struct notify *n);
void notify__alive(struct notify *n);

#endif
