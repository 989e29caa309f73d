// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "base/symbols.h"
#include "inspect/allocator_file.h"
#include "inspect/jemalloc.h"

/* JEMALLOC_VERSION of the release, from whose tag it is made. */
static const char version[] = "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c";

/* Builds without symbols: link-time addresses of je_arenas, je_bin_infos and je_arena_emap_global.
 */
static const struct build {
	unsigned char id[20];
	uint64_t at[ALLOCATOR_VARIABLES];
} builds[] = {
    /* Debian 12, libjemalloc2 5.3.0-1, amd64 */
    {{0x1d, 0x51, 0x63, 0xc2, 0x46, 0xdc, 0x9c, 0xd2, 0xb4, 0xd3,
      0x39, 0xf2, 0xac, 0x42, 0xef, 0xd9, 0x5c, 0x6e, 0x0a, 0xe1},
     {0xcd6c0, 0x2d5c00, 0xd5aa0}},
};

static const struct build *known(Elf_Data *notes)
{
	size_t name, desc;
	GElf_Nhdr nh;

	for (size_t at = 0; notes && (at = gelf_getnote(notes, at, &nh, &name, &desc));)
		for (size_t i = 0; i < sizeof(builds) / sizeof(*builds); i++)
			if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == sizeof("GNU") &&
			    !memcmp((char *)notes->d_buf + name, "GNU", sizeof("GNU")) &&
			    nh.n_descsz == sizeof(builds[i].id) &&
			    !memcmp((char *)notes->d_buf + desc, builds[i].id,
				    sizeof(builds[i].id)))
				return &builds[i];
	return NULL;
}

static const struct build *known_build(Elf *elf)
{
	const struct build *b = NULL;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while (!b && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_NOTE)
			b = known(elf_getdata(scn, NULL));
	return b;
}

static bool has_version(Elf *elf)
{
	size_t size;
	const char *image = elf_rawfile(elf, &size);

	return image && memmem(image, size, version, sizeof(version));
}

static int find(struct Elf *elf, bool library, uint64_t at[ALLOCATOR_VARIABLES])
{
	struct symbol want[] = {
	    {.name = "je_arenas"}, {.name = "je_bin_infos"}, {.name = "je_arena_emap_global"}};
	const struct build *b = library ? known_build(elf) : NULL;

	if (b) {
		memcpy(at, b->at, sizeof(b->at));
		return 0;
	}
	symbols_find(elf, false, want, ALLOCATOR_VARIABLES);
	for (int i = 0; i < ALLOCATOR_VARIABLES; i++) {
		if (want[i].n != 1)
			return library ? -ENODATA : -ENOENT;
		at[i] = want[i].value;
	}
	return has_version(elf) ? 0 : -ENODATA;
}

int jemalloc_locate(pid_t pid, const struct modules *m, struct jemalloc *out)
{
	uint64_t at[ALLOCATOR_VARIABLES];
	int err = allocator_file_locate(pid, m, "libjemalloc", find, at);

	if (!err)
		*out = (struct jemalloc){memory_of(pid), at[0], at[1], at[2]};
	return err;
}
