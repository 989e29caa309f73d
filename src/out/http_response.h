/* SPDX-License-Identifier: GPL-2.0 */
/* http_response.h: from a page to what the web server sends. */
#ifndef OUT_HTTP_RESPONSE_H
#define OUT_HTTP_RESPONSE_H

struct MHD_Connection;
struct MHD_Response;
struct page;

/* Takes the reference to page (NULL: one that says the status); packed where the client takes that.
 * NULL: no memory. */
struct MHD_Response *http_response(struct MHD_Connection *c, unsigned int status,
				   struct page *page);

#endif
