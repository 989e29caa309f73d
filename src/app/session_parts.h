/* SPDX-License-Identifier: GPL-2.0 */
/* session_parts.h: what a session is made of.  Private to session*.c. */
#ifndef APP_SESSION_PARTS_H
#define APP_SESSION_PARTS_H

#include "app/covered.h"
#include "app/session.h"
#include "app/watched.h"

struct build;
struct glimpses;
struct governor;
struct images;
struct tree;

struct session {
	struct session_config config;
	struct probes *probes;
	struct drain *drain;
	struct glimpses *glimpses; /* from the governor's threads to the inspections */
	struct governor *governor;
	struct names *names;
	struct images *images;
	struct tables *tables;
	struct barren *barren;
	struct foresight *foresight; /* of the command's tables; NULL: none, or it is over */
	struct watch_tools tools;    /* those above, for watched.h */
	struct covered covered;
	struct tree *tree;
	struct build *build; /* of the last report */
	struct watched **watched;
	size_t nwatched, room;
	size_t ended;
	uint32_t last_id; /* children up to this one are known */
	unsigned int next_ring;
	int epoll_fd, notify_fd;
	uint64_t start_ns, next_sample_ns;
	bool told_32bit;
	bool unsafe; /* no probe is put on malloc: one could kill */
};

/* As reports name them: report.h. */
const char *session_user_probes(const struct session *s);

/* Takes w over: into the list, or freed.  -ENOMEM. */
int session_keep(struct session *s, struct watched *w);
/* Out of the list and out of memory; what it has in the kernel is gone already, and so is the last
 * report. */
void session_remove(struct session *s, size_t i);
/* Take up children, and what has changed of all, or of one: its modules, its end. */
int session_refresh(struct session *s);
int session_refresh_one(struct session *s, struct watched *w);
/* inspection_update of one, for so many processes. */
void session_inspect(struct session *s, struct watched *w, size_t processes);
/* What was there before has to be told from what is not seen any more, so the first look is at
 * once; and samples are looked at soon after they were taken, before what is freed is used again.
 * Nothing tells of those of page faults: they are looked for ten times a second. */
void session_check_sampled(struct session *s, struct watched *w);
/* The last report of one that has ended: names are looked up once. */
int session_add_final(struct session *s, struct watched *w);
/* Poll this descriptor too. */
int session_poll(struct session *s, int fd);

/* As budgets have it (budget.h): 0 is passive, and below that there is no limit. */
static inline double session_share(const struct session *s)
{
	return s->config.share > 0 ? s->config.share : s->config.share < 0 ? 0 : -1;
}

#endif
