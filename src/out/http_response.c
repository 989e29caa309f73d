// SPDX-License-Identifier: GPL-2.0
#include "out/http_response.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "out/page.h"

static void put_page(void *page)
{
	page__put(page);
}

static bool takes_gzip(struct MHD_Connection *c)
{
	const char *accept =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	const char *at = accept ? strstr(accept, "gzip") : NULL;

	/* "gzip;q=0" is the one way to refuse it. */
	return at && strncmp(at + 4, ";q=0", 4) != 0;
}

static struct page *status_page(unsigned int status)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %s\n", status, MHD_get_reason_phrase_for(status));
	return page__text("text/plain; charset=utf-8", text);
}

static void add_headers(struct MHD_Response *r, unsigned int status, const char *type, bool packed)
{
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (packed)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					"Basic realm=\"heapwatch\", charset=\"UTF-8\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

struct MHD_Response *http_response(struct MHD_Connection *c, unsigned int status, struct page *page)
{
	const char *body, *packed = NULL;
	struct MHD_Response *r;
	size_t len;

	if (!page)
		page = status_page(status);
	if (!page)
		return NULL;
	body = page__body(page, &len);
	if (strcmp(page__type(page), "application/octet-stream") && takes_gzip(c))
		packed = page__packed(page, &len);
	r = MHD_create_response_from_buffer_with_free_callback_cls(
	    len, (void *)(packed ? packed : body), put_page, page);
	if (r)
		add_headers(r, status, page__type(page), packed);
	else
		page__put(page);
	return r;
}
