// SPDX-License-Identifier: GPL-2.0
#include "unwind/python.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Where each number is from, all for 64 bits, release builds: offsetof() in the headers of Debian's
 * libpython3.9-dev 3.9.2 and libpython3.11-dev 3.11.2; of 3.10.12 and 3.12.3 the declarations,
 * counted by hand and compared with the layouts that others read from debug information:
 *   runtime, interpreter  Include/internal/pycore_runtime.h, pycore_interp.h
 *   thread, cframe        Include/cpython/pystate.h: struct _ts, CFrame or _PyCFrame
 *   frame                 3.9: Include/cpython/frameobject.h: struct _frame; 3.10:
 *                         pycore_frame.h: struct _frame; later: struct _PyInterpreterFrame there
 *   code                  Include/cpython/code.h: struct PyCodeObject
 *   ascii, compact        Include/cpython/unicodeobject.h: PyASCIIObject, PyCompactUnicodeObject
 * A minor version's own releases do not change them: they are what extensions are compiled with.
 */
static const struct hw_python known[] = {
    {.style = HW_PYTHON_FRAMES,
     .minor = 9,
     .interpreters_head = 32,
     .interpreter_next = 0,
     .threads_head = 8,
     .thread_size = 184,
     .thread_next = 8,
     .thread_id = 176,
     .thread_frame = 24,
     .frame_size = 112,
     .frame_code = 32,
     .frame_back = 24,
     .frame_instr = 104,
     .code_size = 128,
     .code_file = 104,
     .code_name = 112,
     .code_shown = 112,
     .code_table = 120,
     .code_first_line = 40,
     .ascii_size = 48,
     .compact_size = 72},
    {.style = HW_PYTHON_CFRAME,
     .minor = 10,
     .interpreters_head = 32,
     .interpreter_next = 0,
     .threads_head = 8,
     .thread_size = 184,
     .thread_next = 8,
     .thread_id = 176,
     .thread_frame = 24,
     .thread_cframe = 48,
     .cframe_size = 16,
     .cframe_previous = 8,
     .frame_size = 104,
     .frame_code = 32,
     .frame_back = 24,
     .frame_instr = 96,
     .code_size = 128,
     .code_file = 104,
     .code_name = 112,
     .code_shown = 112,
     .code_table = 120,
     .code_first_line = 40,
     .ascii_size = 48,
     .compact_size = 72},
    {.style = HW_PYTHON_CFRAME_ENTRY,
     .minor = 11,
     .interpreters_head = 40,
     .interpreter_next = 0,
     .threads_head = 16,
     .thread_size = 160,
     .thread_next = 8,
     .thread_id = 152,
     .thread_cframe = 56,
     .cframe_size = 24,
     .cframe_frame = 8,
     .cframe_previous = 16,
     .frame_size = 72,
     .frame_code = 32,
     .frame_back = 48,
     .frame_instr = 56,
     .frame_end = 68,
     .code_size = 184,
     .code_file = 112,
     .code_name = 120,
     .code_shown = 128,
     .code_table = 136,
     .code_first_line = 72,
     .ascii_size = 48,
     .compact_size = 72},
    {.style = HW_PYTHON_CFRAME_CSTACK,
     .minor = 12,
     .interpreters_head = 40,
     .interpreter_next = 0,
     .threads_head = 72,
     .thread_size = 144,
     .thread_next = 8,
     .thread_id = 136,
     .thread_cframe = 56,
     .cframe_size = 16,
     .cframe_frame = 0,
     .cframe_previous = 8,
     .frame_size = 72,
     .frame_code = 0,
     .frame_back = 8,
     .frame_instr = 56,
     .frame_end = 70,
     .code_size = 192,
     .code_file = 112,
     .code_name = 120,
     .code_shown = 128,
     .code_table = 136,
     .code_first_line = 68,
     .ascii_size = 40,
     .compact_size = 56},
};

/* struct _Py_DebugOffsets of 3.13 (Include/internal/pycore_runtime.h), as far as we need it, at the
 * start of _PyRuntime: each field 8 bytes.  Later versions have fields in between. */
enum debug_offset {
	DO_COOKIE,
	DO_VERSION,
	DO_FREE_THREADED,
	DO_INTERPRETERS_HEAD = 5,
	DO_INTERPRETER_NEXT = 8,
	DO_THREADS_HEAD,
	DO_THREAD_NEXT = 21,
	DO_THREAD_FRAME = 23,
	DO_THREAD_ID,
	DO_FRAME_PREVIOUS = 29,
	DO_FRAME_EXECUTABLE,
	DO_FRAME_INSTR,
	DO_FRAME_OWNER = 33,
	DO_CODE_FILENAME = 35,
	DO_CODE_NAME,
	DO_CODE_QUALNAME,
	DO_CODE_LINETABLE,
	DO_CODE_FIRSTLINENO,
	DO_CODE_ADAPTIVE = 43,
	DO_OB_TYPE = 45,
	DO_TP_NAME = 47,
	DO_BYTES_SIZE = 65,
	DO_BYTES_DATA,
	DO_STR_STATE = 68,
	DO_STR_LENGTH,
	DO_STR_ASCII_SIZE,
	DO_FIELDS,
};

#define COOKIE 0x7970677562656478ull /* "xdebugpy" */

/* The fields that the BPF programs take as given, python.bpf.h. */
static bool is_usual(const uint64_t *d)
{
	return d[DO_OB_TYPE] == 8 && d[DO_TP_NAME] == 24 && d[DO_BYTES_SIZE] == 16 &&
	       d[DO_BYTES_DATA] == 32 && d[DO_STR_STATE] == 32 && d[DO_STR_LENGTH] == 16;
}

/* A field's offset in what is read of an object at once, or in a state: beyond that it is none. */
#define HEAD_MAX  (8 * HW_PYTHON_WORDS - 16)
#define STATE_MAX INT16_MAX

static uint16_t take(const uint64_t *d, enum debug_offset i, uint64_t max, bool *bad)
{
	*bad |= d[i] > max;
	return (uint16_t)d[i];
}

/* The end of the word of the later of two fields. */
static uint16_t end_of(uint16_t a, uint16_t b)
{
	return (uint16_t)(((a > b ? a : b) & ~7u) + 8);
}

static int from_debug_offsets(const uint64_t *d, struct hw_python *out)
{
	bool bad = false;

	if (d[DO_COOKIE] != COOKIE || d[DO_VERSION] >> 16 != 0x030d || d[DO_FREE_THREADED] ||
	    !is_usual(d))
		return -ENOTSUP;
	*out = (struct hw_python){
	    .style = HW_PYTHON_CSTACK,
	    .minor = 13,
	    .interpreters_head = take(d, DO_INTERPRETERS_HEAD, STATE_MAX, &bad),
	    .interpreter_next = take(d, DO_INTERPRETER_NEXT, STATE_MAX, &bad),
	    .threads_head = take(d, DO_THREADS_HEAD, STATE_MAX, &bad),
	    .thread_next = take(d, DO_THREAD_NEXT, HEAD_MAX, &bad),
	    .thread_id = take(d, DO_THREAD_ID, HEAD_MAX, &bad),
	    .thread_frame = take(d, DO_THREAD_FRAME, HEAD_MAX, &bad),
	    .frame_code = take(d, DO_FRAME_EXECUTABLE, HEAD_MAX, &bad),
	    .frame_back = take(d, DO_FRAME_PREVIOUS, HEAD_MAX, &bad),
	    .frame_instr = take(d, DO_FRAME_INSTR, HEAD_MAX, &bad),
	    .frame_end = take(d, DO_FRAME_OWNER, HEAD_MAX, &bad),
	    .code_size = take(d, DO_CODE_ADAPTIVE, HEAD_MAX, &bad),
	    .code_file = take(d, DO_CODE_FILENAME, HEAD_MAX, &bad),
	    .code_name = take(d, DO_CODE_NAME, HEAD_MAX, &bad),
	    .code_shown = take(d, DO_CODE_QUALNAME, HEAD_MAX, &bad),
	    .code_table = take(d, DO_CODE_LINETABLE, HEAD_MAX, &bad),
	    .code_first_line = take(d, DO_CODE_FIRSTLINENO, HEAD_MAX, &bad),
	    .ascii_size = take(d, DO_STR_ASCII_SIZE, HEAD_MAX, &bad),
	};
	out->thread_size = end_of(out->thread_id, out->thread_frame);
	out->frame_size = end_of(out->frame_end, out->frame_instr);
	out->compact_size = out->ascii_size + 16; /* utf8_length and utf8 */
	return bad ? -ENOTSUP : 0;
}

struct symbols {
	uint64_t runtime, eval, eval_end, version, code_type;
};

static void take_symbol(struct symbols *s, const char *name, const GElf_Sym *sym)
{
	if (!strcmp(name, "_PyRuntime")) {
		s->runtime = sym->st_value;
	} else if (!strcmp(name, "_PyEval_EvalFrameDefault")) {
		s->eval = sym->st_value;
		s->eval_end = sym->st_value + sym->st_size;
	} else if (!strcmp(name, "Py_Version")) {
		s->version = sym->st_value;
	} else if (!strcmp(name, "PyCode_Type")) {
		s->code_type = sym->st_value;
	}
}

/* All are exported: those who embed an interpreter do not hide them, for extensions need
 * them. */
static void find_symbols(Elf *elf, struct symbols *s)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	GElf_Sym sym;

	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_DYNSYM || !sh.sh_entsize)
			continue;
		data = elf_getdata(scn, NULL);
		for (int i = 1; data && gelf_getsym(data, i, &sym); i++) {
			const char *name = elf_strptr(elf, sh.sh_link, sym.st_name);

			if (name && sym.st_shndx != SHN_UNDEF)
				take_symbol(s, name, &sym);
		}
	}
}

static bool read_at(int fd, const struct segments *segments, uint64_t vaddr, void *buf, size_t len)
{
	uint64_t offset;

	return segments_offset(segments, vaddr, len, &offset) &&
	       pread(fd, buf, len, (off_t)offset) == (ssize_t)len;
}

/* 3.9 and 3.10 have no Py_Version: the file's name tells. */
static unsigned int version_in_name(int fd)
{
	char path[64], target[4096];
	const char *at;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = 0;
	at = strrchr(target, '/');
	at = at ? strstr(at, "python3.") : NULL;
	return at ? (unsigned int)strtoul(at + strlen("python3."), NULL, 10) : 0;
}

static unsigned int minor_version(int fd, const struct segments *segments, const struct symbols *s)
{
	uint64_t version;

	/* PY_VERSION_HEX: 0x030b02f0 is 3.11.2. */
	if (s->version && read_at(fd, segments, s->version, &version, sizeof(version)))
		return version >> 24 == 3 ? version >> 16 & 0xff : 0;
	return s->version ? 0 : version_in_name(fd);
}

int python_read(int fd, const struct segments *segments, struct hw_python *out)
{
	uint64_t debug[DO_FIELDS];
	struct symbols s = {0};
	unsigned int minor;
	int err = -ENOTSUP;
	Elf *elf;

	memset(out, 0, sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOENT;
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return -ENOENT;
	if (gelf_getclass(elf) == ELFCLASS64)
		find_symbols(elf, &s);
	elf_end(elf);
	if (!s.runtime || !s.eval)
		return -ENOENT;
	minor = minor_version(fd, segments, &s);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].minor == minor) {
			*out = known[i];
			err = 0;
		}
	if (minor == 13 && read_at(fd, segments, s.runtime, debug, sizeof(debug)))
		err = from_debug_offsets(debug, out);
	if (err)
		return err;
	out->runtime = s.runtime;
	out->eval = s.eval;
	out->eval_end = s.eval_end;
	out->code_type = s.code_type;
	return 0;
}
