// SPDX-License-Identifier: GPL-2.0
#include "unwind/entries.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi.h"
#include "unwind/section.h"

/* Functions of a file: libLLVM has 95,000. */
#define ENTRIES_MAX (4u << 20)
/* A real file has some thousands. */
#define COMMON_MAX (1u << 16)

/* CIEs that are found again by their offsets; a file has a few to some dozens. */
#define KNOWN 64

struct reading {
	const struct section *s;
	struct entries *out;
	uint32_t known[KNOWN]; /* number of the CIE, and 1 */
};

static int add_entry(struct entries *l, const struct entry *e)
{
	if (l->n == ENTRIES_MAX)
		return -E2BIG;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 1024;
		struct entry *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = *e;
	return 0;
}

static int add_common(struct entries *l, const struct entries_common *c)
{
	if (l->ncommon == COMMON_MAX)
		return -E2BIG;
	if (l->ncommon == l->common_room) {
		size_t room = l->common_room ? 2 * l->common_room : 16;
		struct entries_common *common = reallocarray(l->common, room, sizeof(*common));

		if (!common)
			return -ENOMEM;
		l->common = common;
		l->common_room = room;
	}
	l->common[l->ncommon++] = *c;
	return 0;
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

static struct entries_common read_common(const struct section *s, uint64_t offset)
{
	struct entries_common c = {.offset = offset};
	Dwarf_CFI_Entry e;
	Dwarf_Off next;

	if (dwarf_next_cfi(s->ident, s->data, true, offset, &next, &e) || !dwarf_cfi_cie_p(&e))
		return c;
	c.known = augmentation(&e.cie, &c.encoding, &c.signal);
	c.sized = e.cie.augmentation[0] == 'z';
	c.initial = e.cie.initial_instructions;
	c.initial_end = e.cie.initial_instructions_end;
	c.code_align = e.cie.code_alignment_factor;
	c.data_align = e.cie.data_alignment_factor;
	c.return_register = e.cie.return_address_register;
	return c;
}

/* The number of the CIE there. */
static int common_at(struct reading *r, uint64_t offset, uint32_t *number)
{
	uint32_t *known = &r->known[offset / 4 % KNOWN];
	struct entries_common c;
	int err = 0;

	if (!*known || r->out->common[*known - 1].offset != offset) {
		c = read_common(r->s, offset);
		err = add_common(r->out, &c);
		if (!err)
			*known = (uint32_t)r->out->ncommon;
	}
	*number = *known - 1;
	return err;
}

/* Behind the addresses. */
static bool skip_augmentation(const uint8_t **at, const uint8_t *end)
{
	unsigned int shift = 0;
	const uint8_t *p = *at;
	uint64_t len = 0;

	do {
		if (p >= end || shift > 28)
			return false;
		len |= (uint64_t)(*p & 0x7f) << shift;
		shift += 7;
	} while (*p++ & 0x80);
	if (len > (uint64_t)(end - p))
		return false;
	*at = p + len;
	return true;
}

/* As compilers write them: where it is, from this place, and how much, in 32 bits each. */
static bool usual_range(const struct section *s, const uint8_t **p, const uint8_t *end,
			uint64_t *pc, uint64_t *size)
{
	int32_t word[2];

	if (end - *p < (ptrdiff_t)sizeof(word))
		return false;
	memcpy(word, *p, sizeof(word));
	*pc =
	    s->addr + (uint64_t)(*p - (const uint8_t *)s->data->d_buf) + (uint64_t)(int64_t)word[0];
	*size = (uint64_t)(int64_t)word[1];
	*p += sizeof(word);
	return true;
}

static bool range(const struct section *s, uint8_t encoding, const uint8_t **p, const uint8_t *end,
		  uint64_t *pc, uint64_t *size)
{
	if (encoding == (DW_EH_PE_pcrel | DW_EH_PE_sdata4))
		return usual_range(s, p, end, pc, size);
	return section_pointer(s, encoding, true, p, end, pc) &&
	       section_pointer(s, encoding & 0x0f, false, p, end, size);
}

static bool read_entry(const struct section *s, const struct entries_common *c, const uint8_t *p,
		       const uint8_t *end, struct entry *out)
{
	uint64_t pc, size;

	if (!c->known || !range(s, c->encoding, &p, end, &pc, &size) ||
	    (c->sized && !skip_augmentation(&p, end)) || !size || pc + size <= pc ||
	    pc + size > UINT32_MAX || end - p > UINT32_MAX)
		return false;
	out->pc = (uint32_t)pc;
	out->size = (uint32_t)size;
	out->start = p;
	out->len = (uint32_t)(end - p);
	return true;
}

static int take(struct reading *r, uint64_t cie, const uint8_t *start, const uint8_t *end)
{
	struct entry e;
	int err = common_at(r, cie, &e.common);

	if (err)
		return err;
	r->out->read++;
	if (read_entry(r->s, &r->out->common[e.common], start, end, &e))
		return add_entry(r->out, &e);
	r->out->skipped++;
	return 0;
}

/*
 * An entry of the usual form; false: libdw is to say what it is.  A word that is the length of what
 * follows, one that is how far before itself the CIE is (0: it is one), and what is known to that.
 */
static bool usual(const struct section *s, uint64_t at, uint64_t *next, uint64_t *cie,
		  const uint8_t **start)
{
	const uint8_t *data = s->data->d_buf;
	uint64_t size = s->data->d_size;
	uint32_t len, back;

	if (size < 8 || at > size - 8 || s->ident[EI_DATA] != ELFDATA2LSB)
		return false;
	memcpy(&len, data + at, sizeof(len));
	memcpy(&back, data + at + 4, sizeof(back));
	if (len < 4 || len >= 0xfffffff0 || len > size - at - 4 || !back || back > at + 4)
		return false;
	*next = at + 4 + len;
	*cie = at + 4 - back;
	*start = data + at + 8;
	return true;
}

static int read_all(struct reading *r)
{
	const struct section *s = r->s;
	Dwarf_Off at = 0, next;
	int err = 0;

	for (; !err; at = next) {
		const uint8_t *start;
		Dwarf_CFI_Entry e;
		uint64_t cie;

		if (usual(s, at, &next, &cie, &start)) {
			err = take(r, cie, start, (const uint8_t *)s->data->d_buf + next);
			continue;
		}
		if (dwarf_next_cfi(s->ident, s->data, true, at, &next, &e))
			return 0;
		if (next <= at)
			return -EBADMSG;
		if (!dwarf_cfi_cie_p(&e))
			err = take(r, e.fde.CIE_pointer, e.fde.start, e.fde.end);
	}
	return err;
}

/*
 * arm64's linkers write no table for the PLT.  Its entries leave sp and x30 alone, but for the
 * first, of 8 instructions: "stp x16, x30, [sp, #-16]!", then a jump to the resolver.
 */
static int add_plt(Elf *elf, struct entries *out)
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
	struct entries_common c = {.initial = cie,
				   .initial_end = cie + sizeof(cie),
				   .code_align = 4,
				   .data_align = -8,
				   .return_register = 30};
	struct entry e = {.common = (uint32_t)out->ncommon};
	uint32_t code[8] = {0};
	struct section s;
	int err;

	if (section_find(elf, ".plt", &s) || s.addr > UINT32_MAX ||
	    s.data->d_size > UINT32_MAX - s.addr)
		return 0;
	memcpy(code, s.data->d_buf, s.data->d_size < sizeof(code) ? s.data->d_size : sizeof(code));
	e.pc = (uint32_t)s.addr;
	e.size = (uint32_t)s.data->d_size;
	if (code[0] == push) {
		e.start = plain;
		e.len = sizeof(plain);
	} else if (code[1] == push) {
		e.start = bti;
		e.len = sizeof(bti);
	}
	err = add_common(out, &c);
	return err ? err : add_entry(out, &e);
}

#define DIGIT 11

/* By radix: what sorts by comparing asks a hundred thousand functions two million times. */
static int sort(struct entries *l)
{
	uint64_t *from = malloc(2 * l->n * sizeof(*from) + 1), *to = from + l->n;
	struct entry *v = malloc(l->n * sizeof(*v) + 1);
	uint32_t at[1 << DIGIT];

	if (!from || !v) {
		free(from);
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n; i++)
		from[i] = (uint64_t)l->v[i].pc << 32 | i;
	for (unsigned int shift = 32; shift < 64; shift += DIGIT) {
		uint64_t *other = to;
		uint32_t sum = 0;

		memset(at, 0, sizeof(at));
		for (size_t i = 0; i < l->n; i++)
			at[from[i] >> shift & ((1 << DIGIT) - 1)]++;
		for (size_t d = 0; d < 1 << DIGIT; d++) {
			uint32_t n = at[d];

			at[d] = sum;
			sum += n;
		}
		for (size_t i = 0; i < l->n; i++)
			to[at[from[i] >> shift & ((1 << DIGIT) - 1)]++] = from[i];
		to = from;
		from = other;
	}
	for (size_t i = 0; i < l->n; i++)
		v[i] = l->v[(uint32_t)from[i]];
	free(l->v);
	l->v = v;
	l->room = l->n;
	free(from < to ? from : to);
	return 0;
}

int entries_read(struct Elf *elf, uint16_t machine, struct entries *out)
{
	struct section s;
	struct reading r = {.s = &s, .out = out};
	int err;

	*out = (struct entries){.machine = machine};
	err = section_find(elf, ".eh_frame", &s);
	if (!err)
		err = read_all(&r);
	if (!err && machine == EM_AARCH64)
		err = add_plt(elf, out);
	return err ? err : sort(out);
}

void entries_free(struct entries *e)
{
	free(e->v);
	free(e->common);
	*e = (struct entries){0};
}

struct cfi_entry entries_at(const struct entries *e, size_t i)
{
	const struct entry *one = &e->v[i];
	const struct entries_common *c = &e->common[one->common];

	return (struct cfi_entry){.initial = c->initial,
				  .initial_end = c->initial_end,
				  .start = one->start,
				  .end = one->start + one->len,
				  .code_align = c->code_align,
				  .data_align = c->data_align,
				  .return_register = c->return_register,
				  .machine = e->machine,
				  .encoding = c->encoding,
				  .signal = c->signal,
				  .pc = one->pc,
				  .size = one->size};
}
