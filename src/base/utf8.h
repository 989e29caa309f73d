/* SPDX-License-Identifier: GPL-2.0 */
/* utf8.h: strings of other people (names of processes, files, symbols) made fit to be shown. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/*
 * Copy s to buf (len bytes, at least 1), cut at a whole character: what is not UTF-8 (overlong
 * forms and surrogates too) becomes U+FFFD, a control character (C0, DEL, C1) becomes '?': no
 * escape sequence reaches a terminal, no invalid byte a JSON document.  Returns buf.
 */
char *utf8_clean(char *buf, size_t len, const char *s);

#endif
