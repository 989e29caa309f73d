// SPDX-License-Identifier: GPL-2.0
/* test_elffile: files that are broken on purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/elffile.h"

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Headers that lie about where everything is. */
static void test_broken_elf(void **state)
{
	char path[] = "/tmp/test_names.XXXXXX";
	struct elffile_symbol symbol;
	struct elffile *f;
	int fd = mkstemp(path);
	unsigned char elf[256] = "\177ELF\2\1\1";

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	elf[16] = 3;  /* ET_DYN */
	elf[18] = 62; /* x86-64 */
	elf[20] = 1;
	elf[52] = 64; /* e_ehsize */
	elf[54] = 56; /* e_phentsize */
	elf[58] = 64; /* e_shentsize */
	for (int variant = 0; variant < 256; variant++) {
		memset(elf + 32, variant & 1 ? 0xff : 0, 8);  /* e_phoff */
		memset(elf + 40, variant & 2 ? 0xff : 0, 8);  /* e_shoff */
		memset(elf + 56, variant & 4 ? 0xff : 0, 2);  /* e_phnum */
		memset(elf + 60, variant & 8 ? 0xff : 0, 2);  /* e_shnum */
		memset(elf + 62, variant & 16 ? 0xff : 0, 2); /* e_shstrndx */
		memset(elf + 64, variant & 32 ? 0xff : 1, 192);
		elf[32] = variant & 64 ? 64 : elf[32];
		write_file(path, elf, variant & 128 ? 20 : sizeof(elf));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		f = elffile__new(fd, path, NULL);
		assert_non_null(f);
		for (uint64_t offset = 0; offset < 3; offset++) {
			assert_true(elffile__find(f, offset, &symbol) < 0);
			assert_null(symbol.function);
			assert_null(symbol.file);
		}
		assert_true(elffile__find(f, UINT64_MAX, &symbol) < 0);
		elffile__close(f);
		assert_false(elffile__is_open(f));
		elffile__free(f);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken_elf)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
