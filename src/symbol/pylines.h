/* SPDX-License-Identifier: GPL-2.0 */
/* pylines.h: the line of an instruction, by the table in a code object.  The table is the target's
 * to write: untrusted. */
#ifndef SYMBOL_PYLINES_H
#define SYMBOL_PYLINES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The line of the instruction at this offset (bytes), as CPython 3.`minor` writes its table
 * (Objects/lnotab_notes.txt up to 3.10, Objects/locations.md from 3.11 on); first_line: where the
 * table starts from.  0: no line, or the table does not reach so far.
 */
uint32_t pylines_find(unsigned int minor, const uint8_t *table, size_t size, uint32_t first_line,
		      uint32_t offset);

#endif
