/* SPDX-License-Identifier: GPL-2.0 */
/* html_page.h: the page's parts, as they are in src/out/html/. */
#ifndef OUT_HTML_PAGE_H
#define OUT_HTML_PAGE_H

/* Where other things come, the page has @CSS@, @TITLE@, @DATA@, @JS@, in this order, once each. */
extern const char html_page[], html_page_css[], html_page_js[];

#endif
