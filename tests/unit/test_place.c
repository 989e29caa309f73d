// SPDX-License-Identifier: GPL-2.0
/* test_place: which instructions count as cheap, and how far down a prologue a probe may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "probe/place.h"

#define VADDR 0x401000

#define check_cost(want, ...)                                                \
	do {                                                                 \
		const uint8_t insn_[] = {__VA_ARGS__};                       \
		assert_int_equal(place_cost_of(insn_, sizeof(insn_)), want); \
	} while (0)

#define check(want_moved, want_cost, ...)                                 \
	do {                                                              \
		const uint8_t code_[] = {__VA_ARGS__};                    \
		check_place(code_, sizeof(code_), want_moved, want_cost); \
	} while (0)

#define check_entry(...) check(0, PLACE_STEPPED, __VA_ARGS__)

#define RET	 0xc3
#define PUSH_RBP 0x55
#define ENDBR64	 0xf3, 0x0f, 0x1e, 0xfa
#define TEST_RDI 0x48, 0x85, 0xff

static void check_place(const uint8_t *code, size_t len, uint32_t moved, enum place_cost cost)
{
	struct place p = {.offset = 1009, .moved = 1013, .cost = (enum place_cost)1019};

	assert_int_equal(place_choose(code, len, VADDR, 4, 1, 1, &p), 0);
	assert_int_equal(p.offset, 1009);
	assert_int_equal(p.moved, moved);
	assert_int_equal(p.cost, cost);
}

static void test_cost(void **state)
{
	uint8_t op;

	(void)state;
	for (op = 0x50; op <= 0x57; op++) {
		check_cost(PLACE_EMULATED, op);
		check_cost(PLACE_EMULATED, 0x41, op);
		check_cost(PLACE_STEPPED, 0x48, op);
		check_cost(PLACE_STEPPED, 0x66, op);
		check_cost(PLACE_STEPPED, op + 8); /* pop */
	}
	for (op = 0x70; op <= 0x7f; op++) {
		check_cost(PLACE_EMULATED, op, 0x10);
		check_cost(PLACE_EMULATED, 0xf2, op, 0x10);
		check_cost(PLACE_STEPPED, 0x66, op, 0x10);
		check_cost(PLACE_STEPPED, 0x3e, op, 0x10);
		check_cost(PLACE_STEPPED, op);
		check_cost(PLACE_EMULATED, 0x0f, op + 0x10, 1, 2, 0, 0);
		check_cost(PLACE_STEPPED, 0x66, 0x0f, op + 0x10, 1, 2, 0, 0);
		check_cost(PLACE_STEPPED, 0x0f, op + 0x10, 1, 2, 0);
		check_cost(PLACE_STEPPED, 0x0f, op, 0xc1, 2, 0, 0);
		check_cost(PLACE_STEPPED, 0xc5, 0xf9, op, 0xc1, 0, 0); /* AVX */
	}
	check_cost(PLACE_EMULATED, 0xeb, 0x10);
	check_cost(PLACE_EMULATED, 0xe9, 1, 2, 0, 0);
	check_cost(PLACE_EMULATED, 0xe8, 1, 2, 0, 0);
	check_cost(PLACE_STEPPED, 0x66, 0xe8, 1, 2, 0, 0);
	check_cost(PLACE_STEPPED, 0xe3, 0x10);		   /* jrcxz */
	check_cost(PLACE_STEPPED, 0xff, 0xe0);		   /* jmp *%rax */
	check_cost(PLACE_STEPPED, 0xff, 0x25, 1, 2, 0, 0); /* jmp *x(%rip) */
	check_cost(PLACE_STEPPED, 0x68, 1, 2, 0, 0);	   /* push $x */
	check_cost(PLACE_STEPPED, 0xff, 0x35, 1, 2, 0, 0); /* push x(%rip) */
	check_cost(PLACE_STEPPED, ENDBR64);
	check_cost(PLACE_STEPPED, TEST_RDI);
	check_cost(PLACE_STEPPED, RET);
}

static void test_cost_nops(void **state)
{
	(void)state;
	check_cost(PLACE_EMULATED, 0x90);
	check_cost(PLACE_EMULATED, 0x66, 0x90);
	check_cost(PLACE_STEPPED, 0xf3, 0x90); /* pause */
	check_cost(PLACE_STEPPED, 0x41, 0x90); /* xchg %eax,%r8d */
	check_cost(PLACE_STEPPED, 0x2e, 0x90); /* refused */
	check_cost(PLACE_EMULATED, 0x0f, 0x1f, 0x00);
	check_cost(PLACE_EMULATED, 0x0f, 0x1f, 0x44, 0x00, 0x00);
	check_cost(PLACE_EMULATED, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00);
	check_cost(PLACE_EMULATED, 0x66, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00);
	check_cost(PLACE_STEPPED, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0);
	check_cost(PLACE_STEPPED, 0x0f, 0x1f, 0x08); /* /1: reserved */
	check_cost(PLACE_STEPPED, 0x0f, 0x1f);
	check_cost(PLACE_STEPPED, 0x0f);
	check_cost(PLACE_STEPPED, 0x66);
	check_cost(PLACE_STEPPED, 0x41);
	assert_int_equal(place_cost_of((const uint8_t *)"", 0), PLACE_STEPPED);
}

static void test_entry_is_cheap(void **state)
{
	(void)state;
	check(0, PLACE_EMULATED, 0x41, 0x54, 0x5b, RET); /* push %r12, as Debian's malloc */
	check(0, PLACE_EMULATED, PUSH_RBP, RET);
	check(0, PLACE_EMULATED, 0x0f, 0x1f, 0x44, 0x00, 0x00, PUSH_RBP, RET);
	check(0, PLACE_EMULATED, 0xe9, 0x10, 0x20, 0x00, 0x00);
	/* What else the body does is of no interest then. */
	check(0, PLACE_EMULATED, PUSH_RBP, 0xff, 0xe0, 0x06);
}

static void test_moved(void **state)
{
	(void)state;
	/* Debian's free: test %rdi,%rdi; je; push %rbp; lea -0x10(%rdi),%rsi */
	check(3, PLACE_EMULATED, TEST_RDI, 0x0f, 0x84, 0xbf, 0x00, 0x00, 0x00, PUSH_RBP, 0x48, 0x8d,
	      0x77, 0xf0, 0x5d, RET);
	check(3, PLACE_EMULATED, TEST_RDI, 0x74, 0x02, PUSH_RBP, 0x5d, RET);
	check(4, PLACE_EMULATED, ENDBR64, PUSH_RBP, 0x5d, RET);
	check(4, PLACE_EMULATED, ENDBR64, 0x41, 0x57, RET);
	/* endbr64; xor %eax,%eax; mov %rdi,%rbx; push %rbp */
	check(9, PLACE_EMULATED, ENDBR64, 0x31, 0xc0, 0x48, 0x89, 0xfb, PUSH_RBP, RET);
	/* mov %rdi,%r8; cmp $0x1000,%rsi; ja: as jemalloc's sdallocx */
	check(10, PLACE_EMULATED, 0x49, 0x89, 0xf8, 0x48, 0x81, 0xfe, 0x00, 0x10, 0x00, 0x00, 0x77,
	      0x01, RET, RET);
	/* lea 8(%rdi),%rax: an address, no access */
	check(4, PLACE_EMULATED, 0x48, 0x8d, 0x47, 0x08, PUSH_RBP, RET);
	/* A nop that the kernel takes no probe on can be passed. */
	check(10, PLACE_EMULATED, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, PUSH_RBP, RET);
	/* The place itself may leave: test %rdi,%rdi; jmp */
	check(3, PLACE_EMULATED, TEST_RDI, 0xeb, 0x01, RET, RET);
	/* jmp *x(%rip) is a tail call; an indirect call returns */
	check(3, PLACE_EMULATED, TEST_RDI, PUSH_RBP, 0xff, 0x25, 1, 2, 0, 0);
	check(3, PLACE_EMULATED, TEST_RDI, PUSH_RBP, 0xff, 0xd0, RET);
}

static void test_arguments(void **state)
{
	(void)state;
	check_entry(0x48, 0x89, 0xf7, PUSH_RBP, RET);	    /* mov %rsi,%rdi */
	check_entry(0x31, 0xff, PUSH_RBP, RET);		    /* xor %edi,%edi */
	check_entry(0x40, 0xb7, 0x01, PUSH_RBP, RET);	    /* mov $1,%dil */
	check_entry(0x66, 0xbe, 0x01, 0x00, PUSH_RBP, RET); /* mov $1,%si */
	check_entry(0x48, 0xff, 0xc6, PUSH_RBP, RET);	    /* inc %rsi */
	check_entry(0xb6, 0x01, PUSH_RBP, RET);		    /* mov $1,%dh */
	check_entry(0xb1, 0x01, PUSH_RBP, RET);		    /* mov $1,%cl */
	check_entry(0x48, 0x8d, 0x47, 0x08, 0x48, 0x8d, 0x4f, 0x08, PUSH_RBP, RET);
	check_entry(0x48, 0x89, 0xf0, 0x48, 0xf7, 0xe2, PUSH_RBP, RET); /* mul %rdx */
	check_entry(0x48, 0x99, PUSH_RBP, RET);				/* cqo */
	check_entry(0x48, 0x97, PUSH_RBP, RET);				/* xchg %rax,%rdi */
	check_entry(0x0f, 0xa2, PUSH_RBP, RET);				/* cpuid */
	check_entry(0x48, 0x89, 0xe5, PUSH_RBP, RET);			/* mov %rsp,%rbp */
	check_entry(0x31, 0xed, PUSH_RBP, RET);				/* xor %ebp,%ebp */
	check_entry(0x48, 0x83, 0xec, 0x18, PUSH_RBP, RET);		/* sub $0x18,%rsp */
	check_entry(ENDBR64, 0x48, 0x83, 0xec, 0x18, PUSH_RBP, RET);
	check_entry(0x48, 0x8d, 0x64, 0x24, 0xf8, PUSH_RBP, RET); /* lea -8(%rsp),%rsp */
}

static void test_memory(void **state)
{
	(void)state;
	/* cmpb $0,x(%rip), as Debian's memalign */
	check(7, PLACE_EMULATED, 0x80, 0x3d, 0x71, 0x0e, 0x14, 0x00, 0x00, PUSH_RBP, RET);
	check(3, PLACE_EMULATED, 0x48, 0x8b, 0x07, PUSH_RBP, RET);	 /* mov (%rdi),%rax */
	check(4, PLACE_EMULATED, 0x48, 0x89, 0x47, 0x08, PUSH_RBP, RET); /* mov %rax,8(%rdi) */
	check(9, PLACE_EMULATED, 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0, PUSH_RBP, RET);
	check(3, PLACE_EMULATED, 0x48, 0x85, 0x3f, PUSH_RBP, RET); /* test %rdi,(%rdi) */
	/* test %rdi,(%rsp) reads the stack, the others write it: mov %rax,8(%rsp), -8(%rbp) */
	check(4, PLACE_EMULATED, 0x48, 0x85, 0x3c, 0x24, PUSH_RBP, RET);
	check_entry(0x48, 0x89, 0x44, 0x24, 0x08, PUSH_RBP, RET);
	check_entry(0x48, 0x89, 0x45, 0xf8, PUSH_RBP, RET);
	check_entry(0x48, 0x8b, 0x3f, PUSH_RBP, RET);		  /* mov (%rdi),%rdi */
	check_entry(0xa4, PUSH_RBP, RET);			  /* movsb */
	check_entry(0xac, PUSH_RBP, RET);			  /* lodsb */
	check_entry(0x5b, PUSH_RBP, RET);			  /* pop %rbx */
	check_entry(0x68, 0x01, 0x00, 0x00, 0x00, PUSH_RBP, RET); /* push $1 */
	check_entry(0x8e, 0xd8, PUSH_RBP, RET);			  /* mov %eax,%ds */
}

/* mov %rdi,%rcx; mov %rdi,%rdx; mov %rdi,%rsi; push: as far as the arguments that matter. */
static void test_fewer_arguments(void **state)
{
	static const uint8_t code[] = {0x48, 0x89, 0xf9, 0x48,	   0x89, 0xfa,
				       0x48, 0x89, 0xfe, PUSH_RBP, RET};
	static const uint8_t rdi[] = {0x31, 0xff, PUSH_RBP, RET};
	struct place p;

	(void)state;
	assert_int_equal(place_choose(code, sizeof(code), VADDR, 1, 1, 1, &p), 0);
	assert_int_equal(p.moved, 9);
	assert_int_equal(p.cost, PLACE_EMULATED);
	for (unsigned int args = 2; args <= 4; args++) {
		assert_int_equal(place_choose(code, sizeof(code), VADDR, args, 1, 1, &p), 0);
		assert_int_equal(p.moved, 0);
		assert_int_equal(p.cost, PLACE_STEPPED);
	}
	assert_int_equal(place_choose(rdi, sizeof(rdi), VADDR, 1, 1, 1, &p), 0);
	assert_int_equal(p.moved, 0);
}

/* lock incq x(%rip), as a Rust allocator that counts its calls. */
static void test_refused(void **state)
{
	static const uint8_t lock[] = {0xf0, 0x48, 0xff, 0x05, 1, 2, 0, 0, PUSH_RBP, RET};
	static const uint8_t stepped[] = {0xf0, 0x48, 0xff, 0x05, 1, 2, 0, 0, RET};
	static const uint8_t none[] = {0xf0, 0x48, 0xff, 0x05, 1, 2, 0, 0};
	struct place p;

	(void)state;
	assert_int_equal(place_choose(lock, sizeof(lock), VADDR, 1, 1, 1, &p), 0);
	assert_int_equal(p.moved, 8);
	assert_int_equal(p.cost, PLACE_EMULATED);
	assert_int_equal(place_choose(stepped, sizeof(stepped), VADDR, 1, 1, 1, &p), 0);
	assert_int_equal(p.moved, 8);
	assert_int_equal(p.cost, PLACE_STEPPED);
	assert_int_equal(place_choose(none, sizeof(none), VADDR, 1, 1, 1, &p), -EINVAL);
	assert_int_equal(place_choose(lock, sizeof(lock), VADDR, 1, 0, 1, &p), -EINVAL);
}

static void test_off_the_line(void **state)
{
	(void)state;
	check_entry(RET, PUSH_RBP, RET);
	check_entry(0xff, 0xe0, PUSH_RBP, RET);		    /* jmp *%rax */
	check_entry(0xff, 0x25, 1, 2, 0, 0, PUSH_RBP, RET); /* jmp *x(%rip) */
	check_entry(0xff, 0xd0, PUSH_RBP, RET);		    /* call *%rax */
	check_entry(0x0f, 0x05, PUSH_RBP, RET);		    /* syscall */
	check_entry(0xcc, PUSH_RBP, RET);		    /* int3 */
	check_entry(0xcd, 0x80, PUSH_RBP, RET);		    /* int $0x80 */
	check_entry(0x0f, 0x0b, PUSH_RBP, RET);		    /* ud2 */
	check_entry(0xf4, PUSH_RBP, RET);		    /* hlt */
	check_entry(0xe3, 0x01, PUSH_RBP, RET);		    /* jrcxz */
}

static void test_jumped_into(void **state)
{
	(void)state;
	/* test %rdi,%rdi; mov %rdi,%rax; push %rbp; jmp to: +3, +6 (the place), +7, +0 */
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xfa);
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xfd);
	check(6, PLACE_EMULATED, TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xfe);
	check(6, PLACE_EMULATED, TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xf7);
	/* The same by jne, call, loop and jne rel32. */
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0x75, 0xfa, RET);
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xe8, 0xf7, 0xff, 0xff, 0xff, RET);
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xe2, 0xfa, RET);
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0x0f, 0x85, 0xf6, 0xff, 0xff, 0xff, RET);
	/* The place jumps back over itself. */
	check_entry(TEST_RDI, 0x48, 0x89, 0xf8, 0x75, 0xfb, RET);
}

static void test_jumped_into_anywhere(void **state)
{
	(void)state;
	check_entry(TEST_RDI, PUSH_RBP, 0xff, 0xe0);			     /* jmp *%rax */
	check_entry(TEST_RDI, PUSH_RBP, 0x3e, 0xff, 0xe0);		     /* notrack jmp *%rax */
	check_entry(TEST_RDI, PUSH_RBP, 0xff, 0x24, 0xc5, 0, 0x10, 0x40, 0); /* jmp *x(,%rax,8) */
	check_entry(TEST_RDI, PUSH_RBP, 0xff, 0x20);			     /* jmp *(%rax) */
	check_entry(TEST_RDI, PUSH_RBP, 0xff, 0x25, 1, 2, 0, 0, 0xff, 0xe1);
	/* What can't be decoded could be anything: a byte that is none, a cut instruction. */
	check_entry(TEST_RDI, PUSH_RBP, RET, 0x06);
	check_entry(TEST_RDI, PUSH_RBP, 0x48, 0x89);
	check_entry(TEST_RDI, 0x06);
	check_entry(TEST_RDI);
}

static void test_reach(void **state)
{
	uint8_t code[128];
	size_t i;

	(void)state;
	/* xor %eax,%eax (2 bytes), 15 times, is the farthest that the 16th instruction can be. */
	for (i = 0; i < sizeof(code); i += 2) {
		code[i] = 0x31;
		code[i + 1] = 0xc0;
	}
	check_place(code, sizeof(code), 0, PLACE_STEPPED);
	code[30] = code[31] = PUSH_RBP;
	check_place(code, sizeof(code), 30, PLACE_EMULATED);
	check_place(code, 30, 0, PLACE_STEPPED);
	check_place(code, 31, 30, PLACE_EMULATED);
	code[30] = 0x31;
	code[31] = 0xc0;
	code[32] = code[33] = PUSH_RBP;
	check_place(code, sizeof(code), 0, PLACE_STEPPED);
	/* movabs $x,%rax (10 bytes): six are within 64 bytes, seven are not. */
	for (i = 0; i < 100; i++)
		code[i] = i % 10 == 0 ? 0x48 : i % 10 == 1 ? 0xb8 : 0;
	code[60] = PUSH_RBP;
	check_place(code, 61, 60, PLACE_EMULATED);
	code[60] = 0x48;
	code[70] = PUSH_RBP;
	check_place(code, 71, 0, PLACE_STEPPED);
}

static void test_not_whole(void **state)
{
	static const uint8_t free_code[] = {TEST_RDI, 0x74, 0x02, PUSH_RBP, 0x5d, RET};
	static const uint8_t push[] = {PUSH_RBP, RET};
	struct place p;

	(void)state;
	assert_int_equal(place_choose(free_code, sizeof(free_code), VADDR, 4, 0, 1, &p), 0);
	assert_int_equal(p.moved, 0);
	assert_int_equal(p.cost, PLACE_STEPPED);
	assert_int_equal(place_choose(push, sizeof(push), VADDR, 4, 0, 1, &p), 0);
	assert_int_equal(p.moved, 0);
	assert_int_equal(p.cost, PLACE_EMULATED);
	/* Another machine. */
	assert_int_equal(place_choose(push, sizeof(push), VADDR, 4, 1, 0, &p), 0);
	assert_int_equal(p.moved, 0);
	assert_int_equal(p.cost, PLACE_STEPPED);
	assert_int_equal(place_choose(push, 0, VADDR, 4, 1, 0, &p), 0);
}

static void test_undecodable(void **state)
{
	static const uint8_t bad[] = {0x06, PUSH_RBP, RET}; /* push %es: not in 64-bit mode */
	struct place p;

	(void)state;
	assert_int_equal(place_choose(bad, sizeof(bad), VADDR, 4, 1, 1, &p), -EINVAL);
	assert_int_equal(place_choose(bad, sizeof(bad), VADDR, 4, 0, 1, &p), -EINVAL);
	assert_int_equal(place_choose(bad, 0, VADDR, 4, 1, 1, &p), -EINVAL);
	assert_int_equal(place_choose((const uint8_t *)"\x48", 1, VADDR, 4, 1, 1, &p), -EINVAL);
}

/* An address as high as an ELF file can claim: what wraps around is a target like another. */
static void test_wrapped(void **state)
{
	static const uint8_t code[] = {TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xfa};
	static const uint8_t ok[] = {TEST_RDI, 0x48, 0x89, 0xf8, PUSH_RBP, 0xeb, 0xfe};
	uint64_t vaddr;
	struct place p;

	(void)state;
	for (vaddr = UINT64_MAX - 12; vaddr != 3; vaddr++) {
		assert_int_equal(place_choose(code, sizeof(code), vaddr, 4, 1, 1, &p), 0);
		assert_int_equal(p.moved, 0);
		assert_int_equal(place_choose(ok, sizeof(ok), vaddr, 4, 1, 1, &p), 0);
		assert_int_equal(p.moved, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cost),
	    cmocka_unit_test(test_cost_nops),
	    cmocka_unit_test(test_entry_is_cheap),
	    cmocka_unit_test(test_moved),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_fewer_arguments),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_off_the_line),
	    cmocka_unit_test(test_jumped_into),
	    cmocka_unit_test(test_jumped_into_anywhere),
	    cmocka_unit_test(test_reach),
	    cmocka_unit_test(test_not_whole),
	    cmocka_unit_test(test_undecodable),
	    cmocka_unit_test(test_wrapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
