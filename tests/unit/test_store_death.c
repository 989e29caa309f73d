// SPDX-License-Identifier: GPL-2.0
/* test_store_death: recorders that die at any write, find the disk full, or a reader in the way. */
#include "recordings.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Shared with children that die. */
static struct progress {
	unsigned int ticks;  /* that recorder__tick took */
	unsigned int writes; /* of SQLite's */
	unsigned int die_at;
} * progress;

/* Half of what was to be written is, then the recorder is no more. */
static ssize_t deadly_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (++progress->writes == progress->die_at) {
		if (pwrite(fd, data, len / 2, at) < 0)
			abort();
		kill(getpid(), SIGKILL);
	}
	return pwrite(fd, data, len, at);
}

/* A recorder that dies at its n-th write; false: it lived to the end. */
static bool record_until(unsigned int n)
{
	int status;
	pid_t pid;

	*progress = (struct progress){.die_at = n};
	unlink(file);
	unlink(journal);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct evolving *e = malloc(sizeof(*e));
		sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
		struct recorder *r;

		ev_init(e, 3);
		if (vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)deadly_pwrite) ||
		    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)deadly_pwrite))
			_exit(2);
		if (recorder__new(file, false, &r))
			_exit(3);
		for (int i = 0; i < TICKS; i++) {
			if (recorder__tick(r, ev_next(e)))
				_exit(4);
			progress->ticks++;
		}
		_exit(recorder__close(r) ? 5 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void test_death_at_every_write(void **state)
{
	unsigned int n, hot = 0;

	(void)state;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_true(progress != MAP_FAILED);
	for (n = 1; record_until(n); n++) {
		struct stat st;
		int got = check_all(file);

		hot += !stat(journal, &st) && st.st_size > 0;
		/* Before the first tick there is nothing to read. */
		if (!progress->ticks && got < 0)
			continue;
		assert_in_range(got, progress->ticks, progress->ticks + 1);
	}
	/* It did die in the middle of ticks, many times over. */
	assert_in_range(n, 10 * TICKS, 1000 * TICKS);
	assert_in_range(hot, 5 * TICKS, n);
	assert_int_equal(check_all(file), TICKS);
}

/* A journal that names another file, which would be deleted, is not followed. */
static void test_forged_journal(void **state)
{
	static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	unsigned char tail[16] = {0, 0, 0, 0, 0, 0, 0, 0};
	uint32_t sum = 0;
	struct stat st;
	FILE *f;

	(void)state;
	for (unsigned int n = 150; record_until(n); n++)
		if (!stat(journal, &st) && st.st_size > 4096)
			break;
	assert_true(check_all(file) > 0);
	put(scratch, "keep me", 7);
	for (const char *c = scratch; *c; c++)
		sum += (unsigned char)*c;
	tail[3] = (unsigned char)strlen(scratch);
	tail[6] = (unsigned char)(sum >> 8);
	tail[7] = (unsigned char)sum;
	memcpy(tail + 8, magic, sizeof(magic));
	f = fopen(journal, "ae");
	assert_non_null(f);
	fwrite(scratch, 1, strlen(scratch), f);
	fwrite(tail, 1, sizeof(tail), f);
	fclose(f);
	assert_true(check_all(file) < 0);
	assert_int_equal(stat(scratch, &st), 0);
	unlink(journal);
}

static void test_full(void **state)
{
	struct evolving *e = malloc(sizeof(*e));
	struct recorder *r;
	int ticks = 0, err;

	(void)state;
	assert_non_null(e);
	ev_init(e, 3);
	assert_int_equal(recorder__new(file, true, &r), 0);
	assert_int_equal(recorder__limit(r, 12), 0);
	while (!(err = recorder__tick(r, ev_next(e))))
		ticks++;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(recorder__tick(r, ev_next(e)), -ENOSPC);
	assert_int_equal(recorder__ticks(r), ticks);
	assert_int_equal(check_all(file), ticks);
	recorder__close(r);
	assert_in_range(ticks, 1, TICKS - 1);
	assert_int_equal(check_all(file), ticks);
	free(e);
}

/* Who reads while it is recorded sees a whole number of ticks, and holds nobody up for long. */
static void test_reader_in_the_way(void **state)
{
	struct evolving *e = malloc(sizeof(*e));
	const struct recording_tick *ticks;
	struct recording *reader;
	struct recorder *r;

	(void)state;
	assert_non_null(e);
	ev_init(e, 3);
	assert_int_equal(recorder__new(file, true, &r), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(recorder__tick(r, ev_next(e)), 0);
	assert_int_equal(recording__open(file, 0, &reader), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(recorder__tick(r, ev_next(e)), 0);
	assert_int_equal(recording__ticks(reader, &ticks), 5);
	recording__free(reader);
	assert_int_equal(recorder__tick(r, ev_next(e)), 0);
	assert_int_equal(check_all(file), 11);
	assert_int_equal(recorder__close(r), 0);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_death_at_every_write),
	    cmocka_unit_test(test_forged_journal),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_reader_in_the_way),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
