// SPDX-License-Identifier: GPL-2.0
#include "store/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/schema.h"

/* For a writer that is within its tick, ms. */
#define PATIENCE 10000
/* No text or blob is longer. */
#define LENGTH_MAX (64 << 20)

static void restrict_db(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 4096);
	sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 32);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
}

/* SQLite's code; *out is to be closed in any case. */
static int try(const char *name, int flags, sqlite3 **out)
{
	int err = sqlite3_open_v2(name, out, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (!err) {
		restrict_db(*out);
		sqlite3_busy_timeout(*out, PATIENCE);
		err = sqlite3_exec(*out,
				   "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; BEGIN; "
				   "SELECT count(*) FROM sqlite_schema",
				   NULL, NULL, NULL);
	}
	return err ? sqlite3_extended_errcode(*out) : SQLITE_OK;
}

static int copy(int from, const char *name)
{
	int to = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600), err = 0;
	char buf[65536];
	ssize_t n = 0;

	if (to < 0)
		return -errno;
	while (!err && (n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			err = -ENOSPC;
	if (!err && n < 0)
		err = -errno;
	close(to);
	return err;
}

/*
 * A journal of several files names another one, which SQLite would open, and delete, on our behalf.
 * A recorder writes none: https://www.sqlite.org/fileformat2.html, "the rollback journal".
 */
static bool names_a_file(int journal)
{
	static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	unsigned char end[8];
	struct stat st;

	return fstat(journal, &st) || !S_ISREG(st.st_mode) ||
	       (st.st_size >= (off_t)sizeof(end) &&
		(pread(journal, end, sizeof(end), st.st_size - (off_t)sizeof(end)) !=
		     (ssize_t)sizeof(end) ||
		 !memcmp(end, magic, sizeof(end))));
}

static int copy_both(const char *path, const char *dir)
{
	char name[PATH_MAX + 32], to[PATH_MAX + 32];
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), journal, err;

	snprintf(name, sizeof(name), "%s-journal", path);
	journal = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	err = file < 0 || journal < 0 ? -errno : names_a_file(journal) ? -EBADMSG : 0;
	snprintf(to, sizeof(to), "%s/recording", dir);
	if (!err)
		err = copy(file, to);
	snprintf(to, sizeof(to), "%s/recording-journal", dir);
	if (!err)
		err = copy(journal, to);
	if (file >= 0)
		close(file);
	if (journal >= 0)
		close(journal);
	return err;
}

static void remove_copy(const char *dir)
{
	static const char *const names[] = {"recording", "recording-journal"};
	char name[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
		unlink(name);
	}
	rmdir(dir);
}

/* SQLite rolls the copy back when it first reads it; from then on it needs no name. */
static int open_copy(const char *path, sqlite3 **out)
{
	const char *tmp = secure_getenv("TMPDIR");
	char dir[PATH_MAX], name[PATH_MAX + 16];
	int err;

	snprintf(dir, sizeof(dir) - 32, "%s", tmp && *tmp == '/' ? tmp : "/tmp");
	strcat(dir, "/heapwatch-XXXXXX");
	if (!mkdtemp(dir))
		return SQLITE_CANTOPEN;
	snprintf(name, sizeof(name), "%s/recording", dir);
	err = copy_both(path, dir);
	if (err)
		log_error("%s: its last tick was not finished, and cannot be taken back: %s", path,
			  strerror(-err));
	err = err ? SQLITE_CANTOPEN : try(name, SQLITE_OPEN_READWRITE, out);
	remove_copy(dir);
	return err;
}

static bool has_journal(const char *path)
{
	char name[PATH_MAX + 16];
	struct stat st;

	snprintf(name, sizeof(name), "%s-journal", path);
	return !stat(name, &st) && st.st_size > 0;
}

static int explain(const char *path, int code, sqlite3 *db)
{
	switch (code & 0xff) {
	case SQLITE_NOTADB:
		log_error("%s is not a recording", path);
		return -EINVAL;
	case SQLITE_NOMEM:
		log_error("%s: memory is out", path);
		return -ENOMEM;
	case SQLITE_BUSY:
		log_error("%s: another program has locked it", path);
		return -EBUSY;
	}
	log_error("%s: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	return -EIO;
}

int source_open(const char *path, struct sqlite3 **out)
{
	char name[PATH_MAX];
	const char *why;
	struct stat st;
	int err;

	*out = NULL;
	err = schema_path(path, name);
	if (!err && stat(name, &st))
		err = -errno;
	if (!err && !S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (!err && access(name, R_OK))
		err = -errno;
	if (err) {
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	err = try(name, SQLITE_OPEN_READONLY, out);
	if (err && has_journal(name)) {
		sqlite3_close(*out);
		*out = NULL;
		err = open_copy(name, out);
	}
	if (err) {
		err = explain(path, err, *out);
	} else {
		err = schema_check(*out, &why);
		if (err)
			log_error("%s: %s", path, why);
	}
	if (err) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return err;
}
