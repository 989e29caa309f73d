// SPDX-License-Identifier: GPL-2.0
#include "unwind/rows.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi.h"
#include "unwind/rule.h"

/* Functions of a file: libLLVM has 150,000. */
#define ENTRIES_MAX (4u << 20)

struct list {
	struct cfi_entry *v;
	size_t n, room;
};

struct making {
	struct rows *out;
	size_t room;
	int err;
};

static int add_entry(struct list *l, const struct cfi_entry *e)
{
	if (l->n == ENTRIES_MAX)
		return -E2BIG;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 1024;
		struct cfi_entry *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = *e;
	return 0;
}

static int by_pc(const void *a, const void *b)
{
	const struct cfi_entry *x = a, *y = b;

	return (x->pc > y->pc) - (x->pc < y->pc);
}

/* ---- reading entries ---- */

struct section {
	Elf_Data *data;
	uint64_t addr;
	const unsigned char *ident;
	uint16_t machine;
};

/* An encoded pointer (LSB, "DWARF exception header encoding"), as far as entries use them.  False
 * where it is another or does not fit. */
static bool pointer(const struct section *s, uint8_t encoding, bool relative, const uint8_t **p,
		    const uint8_t *end, uint64_t *out)
{
	uint64_t base = 0;
	size_t size;

	switch (encoding & 0x07) {
	case DW_EH_PE_udata2:
		size = 2;
		break;
	case DW_EH_PE_udata4:
		size = 4;
		break;
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
		size = 8;
		break;
	default:
		return false;
	}
	if (encoding & DW_EH_PE_indirect || (size_t)(end - *p) < size)
		return false;
	if (relative && (encoding & 0x70) == DW_EH_PE_pcrel)
		base = s->addr + (uint64_t)(*p - (const uint8_t *)s->data->d_buf);
	else if (relative && (encoding & 0x70))
		return false;
	*out = 0;
	memcpy(out, *p, size);
	if (encoding & DW_EH_PE_signed && size < 8 && *out >> (size * 8 - 1))
		*out |= ~0ull << (size * 8);
	*out += base;
	*p += size;
	return true;
}

/* The encoding of addresses in a CIE's entries, and whether they are of signal frames. */
static bool augmentation(const Dwarf_CIE *cie, uint8_t *encoding, bool *signal)
{
	const char *a = cie->augmentation;
	const uint8_t *p = cie->augmentation_data, *end = p + cie->augmentation_data_size;

	*encoding = DW_EH_PE_absptr;
	*signal = false;
	if (!*a)
		return true;
	if (*a++ != 'z' || !p)
		return false;
	for (; *a; a++) {
		uint8_t personality;

		switch (*a) {
		case 'R':
			if (p >= end)
				return false;
			*encoding = *p++;
			break;
		case 'L':
			if (p++ >= end)
				return false;
			break;
		case 'P':
			if (p >= end)
				return false;
			personality = *p++ & 0x07;
			p += personality == DW_EH_PE_udata2   ? 2
			     : personality == DW_EH_PE_udata4 ? 4
							      : 8;
			break;
		case 'S':
			*signal = true;
			break;
		/* arm64: signed with the other key; the stack is tagged. */
		case 'B':
		case 'G':
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool read_entry(const struct section *s, const Dwarf_CIE *cie, const Dwarf_FDE *fde,
		       struct cfi_entry *out)
{
	const uint8_t *p = fde->start, *end = fde->end;
	uint64_t len = 0;

	*out = (struct cfi_entry){.initial = cie->initial_instructions,
				  .initial_end = cie->initial_instructions_end,
				  .end = end,
				  .code_align = cie->code_alignment_factor,
				  .data_align = cie->data_alignment_factor,
				  .return_register = cie->return_address_register,
				  .machine = s->machine};
	if (!augmentation(cie, &out->encoding, &out->signal) ||
	    !pointer(s, out->encoding, true, &p, end, &out->pc) ||
	    !pointer(s, out->encoding & 0x0f, false, &p, end, &out->size))
		return false;
	if (cie->augmentation[0] == 'z') {
		unsigned int shift = 0;

		do {
			if (p >= end || shift > 28)
				return false;
			len |= (uint64_t)(*p & 0x7f) << shift;
			shift += 7;
		} while (*p++ & 0x80);
		if (len > (uint64_t)(end - p))
			return false;
		p += len;
	}
	out->start = p;
	return out->size && out->pc + out->size > out->pc && out->pc + out->size <= UINT32_MAX;
}

static int read_entries(const struct section *s, struct list *l, struct rows *out)
{
	Dwarf_CFI_Entry e, cie;
	Dwarf_Off at = 0, next, cie_at = (Dwarf_Off)-1, unused;
	int err;

	for (; (err = dwarf_next_cfi(s->ident, s->data, true, at, &next, &e)) == 0; at = next) {
		struct cfi_entry entry;

		if (next <= at)
			return -EBADMSG;
		if (dwarf_cfi_cie_p(&e))
			continue;
		out->entries++;
		/* Neighbours mostly share one CIE. */
		if (e.fde.CIE_pointer != cie_at) {
			cie_at = e.fde.CIE_pointer;
			if (dwarf_next_cfi(s->ident, s->data, true, cie_at, &unused, &cie) ||
			    !dwarf_cfi_cie_p(&cie))
				cie_at = (Dwarf_Off)-1;
		}
		if (cie_at == (Dwarf_Off)-1 || !read_entry(s, &cie.cie, &e.fde, &entry)) {
			out->skipped++;
			continue;
		}
		err = add_entry(l, &entry);
		if (err)
			return err;
	}
	return 0;
}

/* ---- making rows ---- */

static int add_row(void *arg, const struct hw_row *row)
{
	struct making *m = arg;
	struct rows *r = m->out;
	struct hw_row *last = r->n ? &r->row[r->n - 1] : NULL;

	if (last && last->kind == row->kind && last->cfa == row->cfa && last->bp == row->bp &&
	    last->ra == row->ra)
		return 0;
	if (last && last->pc == row->pc) {
		*last = *row;
		return 0;
	}
	if (r->n == ROWS_MAX)
		return -E2BIG;
	if (r->n == m->room) {
		size_t room = m->room ? 2 * m->room : 1024;
		struct hw_row *rows = reallocarray(r->row, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		r->row = rows;
		m->room = room;
	}
	r->row[r->n++] = *row;
	return 0;
}

static int make_rows(const struct list *l, struct rows *out)
{
	struct making m = {.out = out};
	uint64_t end = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct cfi_entry *e = &l->v[i];
		struct hw_row none = {.pc = (uint32_t)end, .kind = HW_ROW_NONE};
		int err = 0;

		/* Two entries for one place: the first one has it. */
		if (e->pc < end) {
			out->skipped++;
			continue;
		}
		if (e->pc > end)
			err = add_row(&m, &none);
		if (!err)
			err = cfi_run(e, add_row, &m);
		if (err == -EBADMSG) {
			/* What was understood of it holds up to where it was not. */
			out->skipped++;
			err = 0;
		}
		if (err)
			return err;
		end = e->pc + e->size;
	}
	return add_row(&m, &(struct hw_row){.pc = (uint32_t)end, .kind = HW_ROW_NONE});
}

/* The contents of a section, by name.  -ENODATA: it has none. */
static int find_section(Elf *elf, const char *wanted, struct section *s)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &names))
		return -ENODATA;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (!name || strcmp(name, wanted))
			continue;
		s->data = elf_rawdata(scn, NULL);
		s->addr = sh.sh_addr;
		return s->data && s->data->d_buf && s->data->d_size ? 0 : -ENODATA;
	}
	return -ENODATA;
}

/*
 * arm64's linkers write no table for the PLT.  Its entries leave sp and x30 alone, but for the
 * first, of 8 instructions: "stp x16, x30, [sp, #-16]!", then a jump to the resolver.
 */
static int add_plt(Elf *elf, struct list *l)
{
	static const uint8_t cie[] = {DW_CFA_def_cfa, 31, 0};
	static const uint8_t plain[] = {
	    DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 30, 1,
	    DW_CFA_advance_loc | 7, DW_CFA_def_cfa_offset, 0,  DW_CFA_restore | 30};
	/* ... behind a landing pad, "bti c". */
	static const uint8_t bti[] = {
	    DW_CFA_advance_loc | 2, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 30, 1,
	    DW_CFA_advance_loc | 6, DW_CFA_def_cfa_offset, 0,  DW_CFA_restore | 30};
	const uint32_t push = 0xa9bf7bf0;
	struct cfi_entry e = {.initial = cie,
			      .initial_end = cie + sizeof(cie),
			      .code_align = 4,
			      .data_align = -8,
			      .return_register = 30,
			      .machine = EM_AARCH64};
	uint32_t code[8] = {0};
	struct section s;

	if (find_section(elf, ".plt", &s))
		return 0;
	memcpy(code, s.data->d_buf, s.data->d_size < sizeof(code) ? s.data->d_size : sizeof(code));
	e.pc = s.addr;
	e.size = s.data->d_size;
	if (e.pc + e.size < e.pc || e.pc + e.size > UINT32_MAX)
		return 0;
	if (code[0] == push) {
		e.start = plain;
		e.end = plain + sizeof(plain);
	} else if (code[1] == push) {
		e.start = bti;
		e.end = bti + sizeof(bti);
	}
	return add_entry(l, &e);
}

int rows_read(int fd, struct rows *out)
{
	struct section s = {0};
	struct list l = {0};
	GElf_Ehdr eh;
	size_t size;
	Elf *elf;
	int err;

	memset(out, 0, sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return -ENOEXEC;
	err = elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) && rule_machine(eh.e_machine) &&
		      gelf_getclass(elf) == ELFCLASS64
		  ? elf_rawfile(elf, &size) ? segments_read(elf, size, &out->segments) : -ENOEXEC
		  : -ENOEXEC;
	if (!err)
		err = find_section(elf, ".eh_frame", &s);
	if (!err) {
		s.ident = (const unsigned char *)elf_getident(elf, NULL);
		s.machine = out->machine = eh.e_machine;
		err = read_entries(&s, &l, out);
	}
	if (!err && s.machine == EM_AARCH64)
		err = add_plt(elf, &l);
	if (!err) {
		if (l.n)
			qsort(l.v, l.n, sizeof(*l.v), by_pc);
		err = make_rows(&l, out);
	}
	free(l.v);
	elf_end(elf);
	return err;
}

void rows_free(struct rows *r)
{
	free(r->row);
	r->row = NULL;
	r->n = 0;
}

struct hw_row rows_find(const struct rows *r, uint64_t pc)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->row[mid].pc <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? r->row[low - 1] : (struct hw_row){.kind = HW_ROW_NONE};
}
