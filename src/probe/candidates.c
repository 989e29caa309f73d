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
#define CALLEES	   24

struct function {
	uint64_t vaddr, size;
};

struct scan {
	struct image image;
	struct function malloc, calloc, free;
	csh cs;
	cs_insn *insn;
	struct candidates *out;
	size_t ncalled;
	uint64_t called[CALLEES]; /* by free, and by what it jumps to at its end */
};

/* The code from low to high, of which all that can be reached from one entry is looked at. */
struct body {
	const uint8_t *code;
	uint64_t low, high, offset; /* of low, in the file */
	bool frees, gather;	    /* gather: what it calls is looked at too */
	size_t left;		    /* how many candidates more */
	uint8_t *been;		    /* a byte for each of the code */
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
	const struct candidate c = {b->offset + (vaddr - b->low), b->frees};

	for (size_t i = 0; i < s->out->n; i++)
		if (s->out->at[i].offset == c.offset)
			return;
	if (!b->left || s->out->n == CANDIDATES_MAX)
		return;
	b->left--;
	s->out->at[s->out->n++] = c;
}

static void add_called(struct scan *s, uint64_t vaddr)
{
	for (size_t i = 0; i < s->ncalled; i++)
		if (s->called[i] == vaddr)
			return;
	if (s->ncalled < CALLEES)
		s->called[s->ncalled++] = vaddr;
}

static void go_on_at(struct scan *s, struct body *b, uint64_t vaddr)
{
	if (vaddr >= b->low && vaddr < b->high) {
		if (!b->been[vaddr - b->low]) {
			b->been[vaddr - b->low] = 1;
			b->todo[b->ntodo++] = vaddr;
		}
	} else if (b->gather) {
		add_called(s, vaddr);
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
	if (call && direct && b->gather)
		add_called(s, (uint64_t)x86->operands[0].imm);
	if (jump && direct)
		go_on_at(s, b, (uint64_t)x86->operands[0].imm);
	if (s->insn->id == X86_INS_JMP || cs_insn_group(s->cs, s->insn, X86_GRP_RET) ||
	    s->insn->id == X86_INS_HLT || s->insn->id == X86_INS_UD2)
		return;
	if (next < b->high)
		go_on_at(s, b, next);
}

/* First come, first served: what is nearest to the entry is found first. */
static int look_at(struct scan *s, const struct function *f, bool frees, bool gather, size_t most)
{
	struct body b = {.frees = frees, .gather = gather, .left = most};
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
		go_on_at(s, &b, f->vaddr);
		for (size_t i = 0; i < b.ntodo && b.left; i++)
			step(s, &b, b.todo[i]);
	}
	back = b.been && b.todo;
	free(b.been);
	free(b.todo);
	return back ? 0 : -ENOMEM;
}

static int scan(struct scan *s)
{
	int err;

	image_symbols(&s->image, take_symbol, s);
	if (!s->malloc.size || !s->calloc.size || !s->free.size)
		return -ENOENT;
	err = look_at(s, &s->malloc, false, false, CANDIDATES_MAX);
	if (!err)
		err = look_at(s, &s->calloc, false, false, CANDIDATES_MAX);
	if (!err)
		err = look_at(s, &s->free, true, true, CANDIDATES_MAX);
	for (size_t i = 0; i < s->ncalled && !err; i++) {
		const struct function f = {.vaddr = s->called[i]};

		if (f.vaddr != s->malloc.vaddr && f.vaddr != s->calloc.vaddr &&
		    f.vaddr != s->free.vaddr)
			err = look_at(s, &f, true, false, PER_CALLEE);
	}
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
