/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top_events.h: what the live view waits for: keys, signals, the time, news from its threads, and
 * what would have been written to stderr, which would spoil the screen and is kept as a message.
 */
#ifndef APP_TOP_EVENTS_H
#define APP_TOP_EVENTS_H

#include <stdint.h>

struct top_events;

/* 0 or -errno.  SIGINT, SIGTERM, SIGHUP and SIGWINCH are taken over. */
int top_events__new(uint64_t interval_ns, struct top_events **out);
void top_events__free(struct top_events *e);

/* An eventfd for threads to write to. */
int top_events__news_fd(const struct top_events *e);

/* stderr is captured from now on; until it is released, which writes what was not shown. */
void top_events__capture(struct top_events *e);
void top_events__release(struct top_events *e);

enum top_event {
	TOP_KEYS = 1 << 0,    /* the terminal has something to read, or is gone */
	TOP_TICK = 1 << 1,    /* it is time for another look */
	TOP_NEWS = 1 << 2,    /* a thread has something new */
	TOP_RESIZED = 1 << 3, /* SIGWINCH */
	TOP_STOP = 1 << 4,    /* a signal asks to end */
	TOP_MESSAGE = 1 << 5, /* a new message, or an old one that has been there for long */
};
/* Wait for at least one of these. */
unsigned int top_events__wait(struct top_events *e);

/* The last line of stderr, for a while; "" where there is none. */
const char *top_events__message(const struct top_events *e);
/* A key was pressed: the message was seen. */
void top_events__seen(struct top_events *e);

#endif
