// SPDX-License-Identifier: GPL-2.0
#include "out/packer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/utf8.h"

struct packer {
	FILE *f;
	z_stream z;
	char in[16384];
	size_t n;		/* in `in` */
	unsigned char three[3]; /* that wait for the others */
	size_t nthree;
	bool failed;
};

struct packer *packer__new(FILE *f)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->f = f;
	if (deflateInit(&p->z, Z_DEFAULT_COMPRESSION)) {
		free(p);
		return NULL;
	}
	return p;
}

void packer__free(struct packer *p)
{
	if (!p)
		return;
	deflateEnd(&p->z);
	free(p);
}

static void put_three(struct packer *p)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *b = p->three;
	char out[4] = {digits[b[0] >> 2], digits[(b[0] & 3) << 4 | b[1] >> 4],
		       p->nthree > 1 ? digits[(b[1] & 15) << 2 | b[2] >> 6] : '=',
		       p->nthree > 2 ? digits[b[2] & 63] : '='};

	if (fwrite(out, 1, sizeof(out), p->f) != sizeof(out))
		p->failed = true;
	p->nthree = 0;
	memset(p->three, 0, sizeof(p->three));
}

static void deflate_all(struct packer *p, int flush)
{
	unsigned char out[16384];
	int err;

	p->z.next_in = (unsigned char *)p->in;
	p->z.avail_in = (uInt)p->n;
	do {
		p->z.next_out = out;
		p->z.avail_out = sizeof(out);
		err = deflate(&p->z, flush);
		for (size_t i = 0; i < sizeof(out) - p->z.avail_out; i++) {
			p->three[p->nthree++] = out[i];
			if (p->nthree == 3)
				put_three(p);
		}
	} while (err == Z_OK && !p->z.avail_out);
	p->n = 0;
	if (err != Z_OK && err != Z_STREAM_END && err != Z_BUF_ERROR)
		p->failed = true;
}

void packer__put(struct packer *p, const char *text)
{
	for (size_t len = strlen(text); len;) {
		size_t room = sizeof(p->in) - p->n, part = len < room ? len : room;

		memcpy(p->in + p->n, text, part);
		p->n += part;
		text += part;
		len -= part;
		if (p->n == sizeof(p->in))
			deflate_all(p, Z_NO_FLUSH);
	}
}

void packer__number(struct packer *p, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	packer__put(p, text);
}

void packer__string(struct packer *p, const char *text)
{
	char clean[8192], c[2] = "";

	/* No control character is left. */
	utf8_clean(clean, sizeof(clean), text);
	packer__put(p, "\"");
	for (const char *s = clean; *s; s++) {
		if (*s == '"' || *s == '\\')
			packer__put(p, "\\");
		c[0] = *s;
		packer__put(p, c);
	}
	packer__put(p, "\"");
}

int packer__end(struct packer *p)
{
	deflate_all(p, Z_FINISH);
	if (p->nthree)
		put_three(p);
	return p->failed || ferror(p->f) ? -EIO : 0;
}
