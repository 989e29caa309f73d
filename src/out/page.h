/* SPDX-License-Identifier: GPL-2.0 */
/* page.h: what a request is answered with: bytes that are not changed any more, shared by everybody
 * who is still sending them.  All of it may be called from any thread. */
#ifndef OUT_PAGE_H
#define OUT_PAGE_H

#include <stddef.h>

struct page;

/* Takes over body (of malloc), at once, and type is a literal.  One reference; NULL: no memory. */
struct page *page__new(const char *type, char *body, size_t len);
/* Likewise with a copy of text. */
struct page *page__text(const char *type, const char *text);
struct page *page__get(struct page *p);
void page__put(struct page *p);

const char *page__type(const struct page *p);
const char *page__body(const struct page *p, size_t *len);
/* The same, packed by gzip when it is first asked for.  NULL: memory is out, or it is too small to
 * gain by it. */
const char *page__packed(struct page *p, size_t *len);

#endif
