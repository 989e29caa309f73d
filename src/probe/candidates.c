// SPDX-License-Identifier: GPL-2.0
#include "probe/candidates.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/image.h"
#include "probe/place.h"

/* How far from its entry a function's code is looked for where its size is not known. */
#define REACH 16384u
/* More conditional jumps than this has none of the functions that free calls. */
#define PER_CALLEE 160
/* ... nor of those that malloc calls. */
#define PER_ASKED 400
#define CALLEES	  24

struct function {
	uint64_t vaddr, size;
};

struct scan {
	struct image image;
	struct function malloc, calloc, free;
	csh cs;
	cs_insn *insn;
	struct candidates *out;
	/* By malloc; by free; and by what these jump to at their end. */
	struct called {
		size_t n;
		uint64_t at[CALLEES];
	} by_malloc, by_free;
};

/* The code from low to high, of which all that can be reached from one entry is looked at. */
struct body {
	const uint8_t *code;
	uint64_t low, high, offset; /* of low, in the file */
	bool frees, requests;
	struct called *calls; /* what it calls goes here; NULL: nowhere */
	size_t left;	      /* how many candidates more */
	uint8_t *been;	      /* a byte for each of the code */
	uint64_t *todo;
	size_t ntodo;
};

static void take_symbol(void *arg, const char *name, const GElf_Sym *sym)
{
	const struct function f = {sym->st_value, sym->st_size};
	struct scan *s = arg;

	if (GELF_ST_TYPE(sym->st_info) != STT_FUNC || sym->st_shndx == SHN_UNDEF)
		return;
	if (!strcmp(name, "malloc"))
		s->malloc = f;
	else if (!strcmp(name, "calloc"))
		s->calloc = f;
	else if (!strcmp(name, "free"))
		s->free = f;
}

static void add_place(struct scan *s, struct body *b, uint64_t vaddr)
{
	const struct candidate c = {.offset = b->offset + (vaddr - b->low),
				    .allocs = !b->frees && !b->requests,
				    .frees = b->frees,
				    .requests = b->requests};

	for (size_t i = 0; i < s->out->n; i++)
		if (s->out->at[i].offset == c.offset) {
			s->out->at[i].requests |= b->requests;
			return;
		}
	if (!b->left || s->out->n == CANDIDATES_MAX)
		return;
	b->left--;
	s->out->at[s->out->n++] = c;
}

static void add_called(struct called *to, uint64_t vaddr)
{
	for (size_t i = 0; i < to->n; i++)
		if (to->at[i] == vaddr)
			return;
	if (to->n < CALLEES)
		to->at[to->n++] = vaddr;
}

static void go_on_at(struct body *b, uint64_t vaddr)
{
	if (vaddr >= b->low && vaddr < b->high) {
		if (!b->been[vaddr - b->low]) {
			b->been[vaddr - b->low] = 1;
			b->todo[b->ntodo++] = vaddr;
		}
	} else if (b->calls) {
		add_called(b->calls, vaddr);
	}
}

/* One instruction, and where it leads. */
static void step(struct scan *s, struct body *b, uint64_t vaddr)
{
	const uint8_t *code = b->code + (vaddr - b->low);
	size_t left = b->high - vaddr;
	const uint8_t *at = code;
	uint64_t next = vaddr;
	const cs_x86 *x86 = &s->insn->detail->x86;
	bool jump, call, direct;

	if (!cs_disasm_iter(s->cs, &at, &left, &next, s->insn))
		return;
	jump = cs_insn_group(s->cs, s->insn, X86_GRP_JUMP);
	call = cs_insn_group(s->cs, s->insn, X86_GRP_CALL);
	direct = x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;
	if (jump && direct && s->insn->id != X86_INS_JMP &&
	    place_cost_of(code, s->insn->size) == PLACE_EMULATED)
		add_place(s, b, vaddr);
	if (call && direct && b->calls)
		add_called(b->calls, (uint64_t)x86->operands[0].imm);
	if (jump && direct)
		go_on_at(b, (uint64_t)x86->operands[0].imm);
	if (s->insn->id == X86_INS_JMP || cs_insn_group(s->cs, s->insn, X86_GRP_RET) ||
	    s->insn->id == X86_INS_HLT || s->insn->id == X86_INS_UD2)
		return;
	if (next < b->high)
		go_on_at(b, next);
}

/* First come, first served: what is nearest to the entry is found first. */
static int look_at(struct scan *s, const struct function *f, struct body b)
{
	uint64_t room, back = 0, offset;
	Elf_Data *d;

	if (!image_locate(&s->image, f->vaddr, PF_X, &offset, &room))
		return 0;
	/* The compiler may have put what is rare before the entry. */
	if (!f->size && offset >= REACH && f->vaddr >= REACH &&
	    image_locate(&s->image, f->vaddr - REACH, PF_X, &b.offset, &room))
		back = REACH;
	else
		b.offset = offset;
	b.low = f->vaddr - back;
	b.high = b.low + (f->size ? f->size : back + REACH);
	if (b.high - b.low > room)
		b.high = b.low + room;
	d = image_chunk(&s->image, b.offset, b.high - b.low, ELF_T_BYTE);
	if (!d || !d->d_buf)
		return 0;
	b.code = d->d_buf;
	b.been = calloc(b.high - b.low, 1);
	b.todo = calloc(b.high - b.low, sizeof(*b.todo));
	if (b.been && b.todo) {
		go_on_at(&b, f->vaddr);
		for (size_t i = 0; i < b.ntodo && b.left; i++)
			step(s, &b, b.todo[i]);
	}
	back = b.been && b.todo;
	free(b.been);
	free(b.todo);
	return back ? 0 : -ENOMEM;
}

static int look_at_called(struct scan *s, const struct called *called, struct body how)
{
	int err = 0;

	for (size_t i = 0; i < called->n && !err; i++) {
		const struct function f = {.vaddr = called->at[i]};

		if (f.vaddr != s->malloc.vaddr && f.vaddr != s->calloc.vaddr &&
		    f.vaddr != s->free.vaddr)
			err = look_at(s, &f, how);
	}
	return err;
}

static int scan(struct scan *s)
{
	int err;

	image_symbols(&s->image, take_symbol, s);
	if (!s->malloc.size || !s->calloc.size || !s->free.size)
		return -ENOENT;
	err = look_at(s, &s->malloc, (struct body){.left = CANDIDATES_MAX, .calls = &s->by_malloc});
	if (!err)
		err = look_at(s, &s->calloc, (struct body){.left = CANDIDATES_MAX});
	if (!err)
		err = look_at(
		    s, &s->free,
		    (struct body){.frees = true, .left = CANDIDATES_MAX, .calls = &s->by_free});
	if (!err)
		err = look_at_called(s, &s->by_free,
				     (struct body){.frees = true, .left = PER_CALLEE});
	if (!err)
		err = look_at_called(s, &s->by_malloc,
				     (struct body){.requests = true, .left = PER_ASKED});
	return err;
}

static int scan_with_decoder(struct scan *s)
{
	int err;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &s->cs) != CS_ERR_OK)
		return -ENOMEM;
	cs_option(s->cs, CS_OPT_DETAIL, CS_OPT_ON);
	s->insn = cs_malloc(s->cs);
	err = s->insn ? scan(s) : -ENOMEM;
	if (s->insn)
		cs_free(s->insn, 1);
	cs_close(&s->cs);
	return err;
}

int candidates_read(int fd, struct candidates *out)
{
	struct scan *s = calloc(1, sizeof(*s));
	struct stat st;
	GElf_Ehdr eh;
	Elf *elf;
	int err = -ENOEXEC;

	out->n = 0;
	if (!s)
		return -ENOMEM;
	s->out = out;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && !fstat(fd, &st) && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) &&
	    eh.e_machine == EM_X86_64) {
		image_open(&s->image, elf, (uint64_t)st.st_size);
		err = scan_with_decoder(s);
	}
	elf_end(elf);
	free(s);
	return err;
}
