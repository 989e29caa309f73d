/* SPDX-License-Identifier: GPL-2.0 */
/* links.h: what is attached, and for which process. */
#ifndef PROBE_LINKS_H
#define PROBE_LINKS_H

#include <sys/types.h>

struct bpf_link;
struct links;

struct links *links__new(void);
/* Detaches all. */
void links__free(struct links *l);
/* Likewise, without waiting until they are gone: nobody meets them any more. */
void links__leave(struct links *l);
/* Take over a libbpf link, or a link's descriptor where link is NULL.  pid 0: of no process.
 * -ENOMEM: not taken over. */
int links__add(struct links *l, pid_t pid, struct bpf_link *link, int fd);
/* Detach those of pid. */
void links__drop(struct links *l, pid_t pid);
/* Hand those of pid, 0: all, over to another, still attached.  Where memory is out they are
 * detached here. */
void links__move(struct links *l, pid_t pid, struct links *to);

#endif
