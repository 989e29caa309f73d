// SPDX-License-Identifier: GPL-2.0
/* What is kept of a process's malloc from look to look: on a memory of the test's own making. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/machine_heap.h"

#define ARENA 0x10000ull
#define PAR   0x20000ull
#define TOP   0x30000ull

struct fake {
	unsigned char arena[0x900], par[0x100];
	uint64_t top[2];
	int err;
};

static int read_fake(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	const struct fake *f = m->arg;

	if (f->err)
		return f->err;
	if (addr == ARENA && len <= sizeof(f->arena))
		memcpy(buf, f->arena, len);
	else if (addr == PAR && len <= sizeof(f->par))
		memcpy(buf, f->par, len);
	else if (addr == TOP && len <= sizeof(f->top))
		memcpy(buf, f->top, len);
	else
		return -EFAULT;
	return 0;
}

static void put(unsigned char *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

/* One arena of 1,000,000 bytes, 300,000 of them at its top; two blocks of 40,960 bytes each. */
static struct machine_heap_reader reader_of(struct fake *f)
{
	const struct glibc_layout *l = glibc_layout(36);
	uint32_t two = 2;

	memset(f, 0, sizeof(*f));
	put(f->arena + l->top, TOP);
	put(f->arena + l->next, ARENA);
	put(f->arena + l->system, 1000000);
	put(f->arena + l->max_system, 2000000);
	memcpy(f->par + l->n_mmaps, &two, sizeof(two));
	put(f->par + l->mmapped, 81920);
	put(f->par + l->max_mmapped, 81920);
	f->top[1] = 300000 | 1;
	return (struct machine_heap_reader){.state = HEAP_FOUND,
					    .name = "glibc 2.36",
					    .glibc = {.mem = {.read = read_fake, .arg = f},
						      .layout = l,
						      .main_arena = ARENA,
						      .par = PAR}};
}

static void polls(void **state)
{
	struct fake f;
	struct machine_heap_reader h = reader_of(&f);
	struct machine_heap told;

	(void)state;
	machine_heap_tell(&h, 5, &told);
	assert_int_equal(told.held, MACHINE_UNKNOWN);
	machine_heap_poll(&h, 7);
	machine_heap_tell(&h, 7, &told);
	assert_int_equal(told.held, MACHINE_EXACT);
	assert_int_equal(told.system, 1000000);
	assert_int_equal(told.top, 300000);
	assert_int_equal(told.mmapped, 81920);
	assert_int_equal(told.arenas, 1);
	/* No free chunk was counted: what is in use is at most this. */
	assert_int_equal(told.quality, MACHINE_ESTIMATED);
	assert_int_equal(told.in_use, 1000000 - 300000 + 81920);
	assert_int_equal(told.free, 300000);
	assert_int_equal(told.resident, MACHINE_UNKNOWN);
	assert_true(told.age_ns == UINT64_MAX);
	/* At the next tick it was not looked at. */
	machine_heap_tell(&h, 8, &told);
	assert_int_equal(told.held, MACHINE_ESTIMATED);
}

static void after_a_walk(void **state)
{
	struct fake f;
	struct machine_heap_reader h = reader_of(&f);
	struct machine_heap told;

	(void)state;
	machine_heap_poll(&h, 7);
	h.walked = h.walk_paged = true;
	h.confidence = GLIBC_EXACT;
	h.walked_ns = 7;
	h.walk_system = 1000000;
	h.walk_top = 300000;
	h.walk_mmapped = 81920;
	h.walk_in_use = 500000;
	h.walk_resident = 400000;
	machine_heap_tell(&h, 7, &told);
	assert_int_equal(told.quality, MACHINE_EXACT);
	assert_int_equal(told.resident, MACHINE_EXACT);
	assert_int_equal(told.in_use, 500000);
	assert_int_equal(told.free, 581920);
	assert_int_equal(told.free_resident, 400000);
	/* It grows by 100,000, of which 30,000 at the top: the rest counts as in use. */
	put(f.arena + h.glibc.layout->system, 1100000);
	f.top[1] = 330000 | 1;
	machine_heap_poll(&h, 17);
	machine_heap_tell(&h, 17, &told);
	assert_int_equal(told.quality, MACHINE_ESTIMATED);
	assert_int_equal(told.age_ns, 10);
	assert_int_equal(told.in_use, 570000);
	/* It shrinks to less than was free: no figure is beyond what there is. */
	put(f.arena + h.glibc.layout->system, 100000);
	f.top[1] = 90000 | 1;
	machine_heap_poll(&h, 27);
	machine_heap_tell(&h, 27, &told);
	assert_true(told.in_use <= told.system + told.mmapped);
	assert_int_equal(told.in_use + told.free, told.system + told.mmapped);
	assert_true(told.free_resident <= told.free);
}

static void torn(void **state)
{
	struct fake f;
	struct machine_heap_reader h = reader_of(&f);

	(void)state;
	machine_heap_poll(&h, 1);
	/* Where its top was said to be stands something else: it allocates just now. */
	f.top[1] = 1ull << 40;
	for (int i = 0; i < 19; i++)
		machine_heap_poll(&h, 2);
	assert_int_equal(h.state, HEAP_FOUND);
	assert_int_equal(h.system, 1000000);
	f.top[1] = 200000 | 1;
	machine_heap_poll(&h, 3);
	assert_int_equal(h.top, 200000);
	f.top[1] = 1ull << 40;
	for (int i = 0; i < 20; i++)
		machine_heap_poll(&h, 4);
	assert_int_equal(h.state, HEAP_NEW);
	assert_true(h.retry_ns > 4);
}

static void refused(void **state)
{
	struct fake f;
	struct machine_heap_reader h = reader_of(&f);

	(void)state;
	machine_heap_poll(&h, 1);
	f.err = -EFAULT;
	machine_heap_poll(&h, 2);
	assert_int_equal(h.state, HEAP_NEW);
	assert_false(h.polled);
	h = reader_of(&f);
	f.err = -EPERM;
	machine_heap_poll(&h, 3);
	assert_int_equal(h.state, HEAP_DENIED);
	/* It has ended: the list will tell. */
	h = reader_of(&f);
	f.err = -ESRCH;
	machine_heap_poll(&h, 3);
	assert_int_equal(h.state, HEAP_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(polls),
	    cmocka_unit_test(after_a_walk),
	    cmocka_unit_test(torn),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
