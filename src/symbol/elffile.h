/* SPDX-License-Identifier: GPL-2.0 */
/*
 * elffile.h: the symbols and lines of one ELF file, by offset in that file.
 * The file is the target's to write: untrusted, and it may change while it is read.
 */
#ifndef SYMBOL_ELFFILE_H
#define SYMBOL_ELFFILE_H

#include <stdbool.h>
#include <stdint.h>

struct elffile;
struct remote;

/* Valid until the next call for the same file. */
struct elffile_symbol {
	const char *function; /* as in the symbol table, or NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* or 0 */
};

/*
 * Takes over fd, also where it fails (NULL: no memory).  name: the path, beside which separate
 * debug information is looked for; remote: what limits the looking elsewhere (remote.h), or NULL.
 * Nothing is read before the first look-up.
 */
struct elffile *elffile__new(int fd, const char *name, struct remote *remote);
void elffile__free(struct elffile *f);

/* Forget what was parsed, but keep the descriptor: the next look-up parses again. */
void elffile__close(struct elffile *f);
bool elffile__is_open(const struct elffile *f);
/* No ELF file, or no longer: a look-up will not open it. */
bool elffile__is_broken(const struct elffile *f);

/* The content is no longer what it was at elffile__new. */
bool elffile__changed(const struct elffile *f);

/*
 * What the code at this offset of the file belongs to.  Fills *out in any case.  Returns 0,
 * -ENOENT where nothing is known of it, -ESTALE where the file has changed, or -ENOEXEC where it
 * is none that can be read.
 */
int elffile__find(struct elffile *f, uint64_t offset, struct elffile_symbol *out);

#endif
