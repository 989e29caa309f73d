// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_layout.h"

#include <stddef.h>

/*
 * What changed when:
 * 2.27  malloc_state.have_fastchunks: all behind it moved by 8
 * 2.30  tcache counts are 16 bits wide
 * 2.32  safe linking
 * 2.35  malloc_par got thp_pagesize, hp_pagesize and hp_flags; heap_info got pagesize
 * 2.42  tcache holds large blocks too, and counts what is left
 * 2.43  fastbins are gone
 */
#define STATE_2_26                                                                    \
	.fastbins = 0x8, .top = 0x58, .bins = 0x68, .next = 0x868, .attached = 0x878, \
	.system = 0x880, .max_system = 0x888, .state_size = 0x890
#define STATE_2_27                                                                     \
	.fastbins = 0x10, .top = 0x60, .bins = 0x70, .next = 0x870, .attached = 0x880, \
	.system = 0x888, .max_system = 0x890, .state_size = 0x898
#define STATE_2_43                                                                   \
	.top = 0x8, .bins = 0x18, .next = 0x818, .attached = 0x828, .system = 0x830, \
	.max_system = 0x838, .state_size = 0x840
#define PAR_2_26                                                                  \
	.n_mmaps = 0x28, .mmapped = 0x38, .max_mmapped = 0x40, .sbrk_base = 0x48, \
	.heap_header = 0x20
#define PAR_2_35                                                                  \
	.n_mmaps = 0x3c, .mmapped = 0x50, .max_mmapped = 0x58, .sbrk_base = 0x60, \
	.heap_header = 0x30
#define PAR_2_43                                                                  \
	.n_mmaps = 0x44, .mmapped = 0x58, .max_mmapped = 0x60, .sbrk_base = 0x68, \
	.heap_header = 0x30
#define TCACHE_2_26 \
	.tcache_bins = 64, .tcache_count_bytes = 1, .tcache_entries = 0x40, .tcache_size = 0x240
#define TCACHE_2_30 \
	.tcache_bins = 64, .tcache_count_bytes = 2, .tcache_entries = 0x80, .tcache_size = 0x280

#define TCACHE_2_42                                                                               \
	.tcache_bins = 76, .tcache_count_bytes = 2, .tcache_entries = 0x98, .tcache_size = 0x2f8, \
	.tcache_left = true

/* clang-format off */
static const struct glibc_layout layouts[] = {
	{.from = 26, .to = 26, STATE_2_26, PAR_2_26, TCACHE_2_26},
	{.from = 27, .to = 29, STATE_2_27, PAR_2_26, TCACHE_2_26},
	{.from = 30, .to = 31, STATE_2_27, PAR_2_26, TCACHE_2_30},
	{.from = 32, .to = 34, STATE_2_27, PAR_2_26, TCACHE_2_30, .mangled = true},
	{.from = 35, .to = 41, STATE_2_27, PAR_2_35, TCACHE_2_30, .mangled = true},
	{.from = 42, .to = 42, STATE_2_27, PAR_2_35, TCACHE_2_42, .mangled = true},
	{.from = 43, .to = 43, STATE_2_43, PAR_2_43, TCACHE_2_42, .mangled = true},
};
/* clang-format on */

const struct glibc_layout *glibc_layout(unsigned int minor)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (minor >= layouts[i].from && minor <= layouts[i].to)
			return &layouts[i];
	return NULL;
}
