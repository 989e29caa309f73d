/* SPDX-License-Identifier: GPL-2.0 */
/* machine_users.h: names of users, looked up once each.  Private to machine_*.c. */
#ifndef INSPECT_MACHINE_USERS_H
#define INSPECT_MACHINE_USERS_H

#include <stdint.h>

struct machine_users;

struct machine_users *machine_users__new(void);
void machine_users__free(struct machine_users *u);

/* The name, or the number where there is none.  Belongs to u. */
const char *machine_users__name(struct machine_users *u, uint32_t uid);

#endif
