/* SPDX-License-Identifier: GPL-2.0 */
/* marks_name.h: the socket that marks of a recording go to.  For marks.c and marks_send.c. */
#ifndef APP_MARKS_NAME_H
#define APP_MARKS_NAME_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* As /proc/net/unix shows it: the first byte is 0 there. */
#define MARKS_PREFIX "@heapwatch-recording/"

/* Of the recording in the file with this device and inode; the address's length. */
static inline socklen_t marks_name(uint64_t dev, uint64_t inode, struct sockaddr_un *addr)
{
	int n = snprintf(addr->sun_path, sizeof(addr->sun_path),
			 MARKS_PREFIX "%" PRIx64 ":%" PRIx64, dev, inode);

	addr->sun_family = AF_UNIX;
	addr->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
}

#endif
