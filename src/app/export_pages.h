/* SPDX-License-Identifier: GPL-2.0 */
/*
 * export_pages.h: which request gets which page.  The pages are those of the last tick: whoever
 * asks waits for nobody.  Only a profile with ?seconds= is answered by a later tick.
 */
#ifndef APP_EXPORT_PAGES_H
#define APP_EXPORT_PAGES_H

#include <stdint.h>

#include "out/http.h"

#define PAGES_WAITING	  16  /* profiles that can be waited for at once */
#define PAGES_MAX_SECONDS 300 /* of ?seconds= */

struct page;
struct pages;
struct profile;

/* What a tick gives; all are references that are taken over.  NULL: could not be made. */
struct pages_set {
	struct page *text, *openmetrics; /* /metrics */
	struct page *index, *report;	 /* /, /api/report.json */
	struct profile *profile;
};

/* max_age_ns: /healthz says 503 where no tick came for longer.  NULL: no memory. */
struct pages *pages__new(uint64_t max_age_ns);
void pages__free(struct pages *p);

/* From now on these; and answer the profiles whose time is over. */
void pages__publish(struct pages *p, const struct pages_set *set, uint64_t now_ns);
/* Answer everybody who waits, that it will not be, and let nobody wait any more: before the server
 * ends, or starts anew. */
void pages__flush(struct pages *p);
void pages__open(struct pages *p);

/* The server's callback (http_fn); arg: the pages. */
unsigned int pages__answer(void *arg, const struct http_request *r, struct page **out);

#endif
