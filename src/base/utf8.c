// SPDX-License-Identifier: GPL-2.0
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* How many bytes the character at s takes; 0: it is none.  RFC 3629, section 4. */
static size_t length(const unsigned char *s)
{
	unsigned int low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *utf8_clean(char *buf, size_t len, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;

	while (*s) {
		size_t n = length(s), skip = n ? n : 1;
		const char *from = (const char *)s;

		if (!n) {
			from = "\xef\xbf\xbd";
			n = 3;
		} else if (is_control(s)) {
			from = "?";
			n = 1;
		}
		if (used + n >= len)
			break;
		memcpy(buf + used, from, n);
		used += n;
		s += skip;
	}
	buf[used] = 0;
	return buf;
}
