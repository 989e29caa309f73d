// SPDX-License-Identifier: GPL-2.0
#include "symbol/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SYMBOL 4096u
#define MAX_TEXT   65536u
#define HASH	   16u

/* What libiberty has printed so far. */
struct text {
	char *s; /* of MAX_TEXT + 1 bytes */
	size_t len;
	jmp_buf full;
};

/*
 * Substitutions make a symbol of a few hundred bytes into text that never ends, and libiberty knows
 * no limit but for its stack: the only way out is a jump.  Its printers own no memory meanwhile.
 */
static void append(const char *s, size_t len, void *opaque)
{
	struct text *t = opaque;

	if (len > MAX_TEXT - t->len)
		longjmp(t->full, 1);
	memcpy(t->s + t->len, s, len);
	t->len += len;
}

static bool print(const char *symbol, struct text *t)
{
	const int options = DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO;

	if (setjmp(t->full))
		return false;
	/* The order of cplus_demangle(): a legacy Rust symbol is a C++ one as well. */
	t->len = 0;
	if (!rust_demangle_callback(symbol, options, append, t)) {
		t->len = 0;
		if (!cplus_demangle_v3_callback(symbol, options, append, t))
			return false;
	}
	t->s[t->len] = '\0';
	return t->len > 0;
}

static bool is_hash(const char *s, size_t len)
{
	return len == HASH && strspn(s, "0123456789abcdef") >= HASH;
}

/* _ZN...17h<16 hex>E, of which the compiler's passes may have made a ".llvm.1234". */
static bool is_rust(const char *symbol)
{
	const char *end = strchr(symbol, '.');
	size_t len = end ? (size_t)(end - symbol) : strlen(symbol);

	if (strncmp(symbol, "_ZN", 3) || len < 3 + 3 + HASH + 1 || symbol[len - 1] != 'E')
		return false;
	symbol += len - 1 - HASH - 3;
	return !strncmp(symbol, "17h", 3) && is_hash(symbol + 3, HASH);
}

static void strip_hash(char *s)
{
	for (char *at = s; (at = strstr(at, "::h")); at += 3) {
		size_t len = strcspn(at + 3, " .");

		if (at == s || !is_hash(at + 3, len))
			continue;
		memmove(at, at + 3 + len, strlen(at + 3 + len) + 1);
		return;
	}
}

/* The length of the character at s, or 0 where it is none that can be shown. */
static size_t utf8_len(const unsigned char *s)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned int c, n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc0 || s[0] >= 0xf8)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	c = s[0] & (0x7fu >> n);
	for (unsigned int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c < 0xa0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	return n;
}

void demangle__clean(char *s)
{
	while (*s) {
		size_t len = utf8_len((unsigned char *)s);

		if (!len)
			*s = '?';
		s += len ? len : 1;
	}
}

char *demangle(const char *symbol)
{
	char *plain = strdup(symbol), *version, *shorter;
	struct text *t;

	if (!plain)
		return NULL;
	if (strlen(plain) > MAX_SYMBOL)
		goto as_it_is;
	version = strchr(plain, '@');
	if (version && version != plain)
		*version = '\0';
	if (strncmp(plain, "_Z", 2) && strncmp(plain, "_R", 2) && strncmp(plain, "_GLOBAL_", 8))
		goto as_it_is;
	t = malloc(sizeof(*t));
	if (!t)
		goto as_it_is;
	t->s = malloc(MAX_TEXT + 1);
	if (t->s && print(plain, t)) {
		if (is_rust(plain))
			strip_hash(t->s);
		free(plain);
		shorter = realloc(t->s, strlen(t->s) + 1);
		plain = shorter ? shorter : t->s;
	} else {
		free(t->s);
	}
	free(t);
as_it_is:
	demangle__clean(plain);
	return plain;
}
