// SPDX-License-Identifier: GPL-2.0
#include "probe/calibrate.h"

#include <link.h>
#include <stddef.h>
#include <time.h>

void calibrate_emulated(void);
void calibrate_stepped(void);

#if defined(__x86_64__)
__asm__(".text\n"
	".globl calibrate_emulated\n.hidden calibrate_emulated\n"
	".type calibrate_emulated, @function\n"
	"calibrate_emulated:\n\tpush %rbp\n\tpop %rbp\n\tret\n"
	".size calibrate_emulated, . - calibrate_emulated\n"
	".globl calibrate_stepped\n.hidden calibrate_stepped\n"
	".type calibrate_stepped, @function\n"
	"calibrate_stepped:\n\ttest %rdi, %rdi\n\tret\n"
	".size calibrate_stepped, . - calibrate_stepped\n");
#else
/* arm64 simulates a nop and steps an add (arch/arm64/kernel/probes/decode-insn.c). */
__asm__(".text\n"
	".globl calibrate_emulated\n.hidden calibrate_emulated\n"
	".type calibrate_emulated, %function\n"
	"calibrate_emulated:\n\tnop\n\tret\n"
	".size calibrate_emulated, . - calibrate_emulated\n"
	".globl calibrate_stepped\n.hidden calibrate_stepped\n"
	".type calibrate_stepped, %function\n"
	"calibrate_stepped:\n\tadd x9, x9, #1\n\tret\n"
	".size calibrate_stepped, . - calibrate_stepped\n");
#endif

static void (*calibrate_get(enum calibrate_fn fn))(void)
{
	return fn == CALIBRATE_STEPPED ? calibrate_stepped : calibrate_emulated;
}

struct find {
	uintptr_t addr;
	uint64_t offset;
};

static int find_offset(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct find *f = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && f->addr >= start && f->addr < start + ph->p_memsz) {
			f->offset = ph->p_offset + (f->addr - start);
			return 1;
		}
	}
	return 0;
}

uint64_t calibrate_offset(enum calibrate_fn fn)
{
	struct find f = {.addr = (uintptr_t)calibrate_get(fn)};

	dl_iterate_phdr(find_offset, &f);
	return f.offset;
}

void calibrate_run(enum calibrate_fn fn, unsigned int times)
{
	void (*volatile run)(void) = calibrate_get(fn);

	while (times--)
		run();
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

double calibrate_time(enum calibrate_fn fn, unsigned int times)
{
	double best = 0, t;

	for (int i = 0; i < 5; i++) {
		t = now_ns();
		calibrate_run(fn, times / 5);
		t = (now_ns() - t) / (times / 5);
		if (!i || t < best)
			best = t;
	}
	return best;
}
