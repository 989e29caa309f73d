// SPDX-License-Identifier: GPL-2.0
#include "out/page.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PACK_FROM 1024 /* bytes: below, it is one packet anyway */

struct page {
	atomic_uint references;
	const char *type;
	char *body;
	size_t len;
	pthread_mutex_t lock; /* of what follows, written once */
	char *packed;
	size_t packed_len;
};

struct page *page__new(const char *type, char *body, size_t len)
{
	struct page *p = body ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		free(body);
		return NULL;
	}
	atomic_init(&p->references, 1);
	pthread_mutex_init(&p->lock, NULL);
	p->type = type;
	p->body = body;
	p->len = len;
	return p;
}

struct page *page__text(const char *type, const char *text)
{
	return page__new(type, strdup(text), strlen(text));
}

struct page *page__get(struct page *p)
{
	atomic_fetch_add(&p->references, 1);
	return p;
}

void page__put(struct page *p)
{
	if (!p || atomic_fetch_sub(&p->references, 1) > 1)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->packed);
	free(p->body);
	free(p);
}

const char *page__type(const struct page *p)
{
	return p->type;
}

const char *page__body(const struct page *p, size_t *len)
{
	*len = p->len;
	return p->body;
}

static void pack(struct page *p)
{
	z_stream z = {.next_in = (unsigned char *)p->body, .avail_in = (unsigned int)p->len};
	unsigned long room;

	/* 16: a gzip header.  Level 1: the text is repetitive, and a scrape should cost little. */
	if (p->len > 1u << 30 ||
	    deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	room = deflateBound(&z, p->len);
	z.next_out = malloc(room);
	z.avail_out = (unsigned int)room;
	p->packed = (char *)z.next_out;
	if (p->packed && deflate(&z, Z_FINISH) == Z_STREAM_END) {
		p->packed_len = z.total_out;
	} else {
		free(p->packed);
		p->packed = NULL;
	}
	deflateEnd(&z);
}

const char *page__packed(struct page *p, size_t *len)
{
	if (p->len < PACK_FROM)
		return NULL;
	pthread_mutex_lock(&p->lock);
	if (!p->packed)
		pack(p);
	*len = p->packed_len;
	pthread_mutex_unlock(&p->lock);
	return p->packed;
}
