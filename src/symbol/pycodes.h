/* SPDX-License-Identifier: GPL-2.0 */
/* pycodes.h: code objects of Python by id (heapwatch/python.h): the names of its frames. */
#ifndef SYMBOL_PYCODES_H
#define SYMBOL_PYCODES_H

#include <stdint.h>

struct hw_code;
struct pycodes;
struct strpool;

/* strings: where names are kept; to outlive the codes.  NULL where memory is out. */
struct pycodes *pycodes__new(struct strpool *strings);
void pycodes__free(struct pycodes *p);

/* Remember a record that was checked (decode.h): the last one of an id counts.  0, -ENOMEM, or
 * -ENOSPC where as many are known as are kept. */
int pycodes__add(struct pycodes *p, const struct hw_code *code);

struct pycode {
	const char *function; /* qualified where the version has it so, or NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* or 0 */
	uint64_t offset;      /* in the bytecode */
};

/* What a word of a stack means that has HW_PC_PYTHON.  Always fills *out; -ENOENT: nothing is known
 * of its code object. */
int pycodes__find(const struct pycodes *p, uint64_t word, struct pycode *out);

#endif
