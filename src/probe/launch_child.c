// SPDX-License-Identifier: GPL-2.0
#include "probe/launch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy that ends early would crash the tree: then there is none. */
static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, err = 0;
	struct stat st;

	if (in < 0)
		return -errno;
	/* A copy would lose what these say, or say it of a file that root made. */
	if (fstat(in, &st) || !S_ISREG(st.st_mode) || st.st_mode & (S_ISUID | S_ISGID))
		err = -EINVAL;
	if (!err) {
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		err = out < 0 ? -errno : 0;
	}
	for (off_t left = err ? 0 : st.st_size; left > 0 && !err;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);

		if (n <= 0)
			err = n ? -errno : -EIO;
		left -= n;
	}
	if (!err && (fchown(out, st.st_uid, st.st_gid) || fchmod(out, st.st_mode & 07777) ||
		     futimens(out, (struct timespec[2]){st.st_atim, st.st_mtim})))
		err = -errno;
	close(in);
	if (out >= 0)
		close(out);
	return err;
}

/* Mounts of the host still arrive here (slave), ours do not leave. */
static int leave_namespace(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -errno;
	return 0;
}

/* Somewhere to put the copies; it is hidden for a moment, and in this namespace only. */
static const char *mount_room(void)
{
	static const char *const places[] = {"/run", "/tmp", "/mnt"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!mount("heapwatch", places[i], "tmpfs", MS_NODEV, "mode=0755"))
			return places[i];
	return NULL;
}

static void cover(const struct launch_config *c, struct launch_answer *a)
{
	const char *room;
	char copy[64];

	a->refused = -leave_namespace();
	if (a->refused)
		return;
	room = mount_room();
	if (!room) {
		a->refused = errno;
		return;
	}
	for (size_t i = 0; i < c->nfiles && i < LAUNCH_MAX_FILES; i++) {
		snprintf(copy, sizeof(copy), "%s/%zu", room, i);
		if (!copy_file(c->files[i], copy) && !mount(copy, c->files[i], NULL, MS_BIND, NULL))
			a->copied |= 1u << i;
	}
	/* The bound files keep it alive. */
	umount2(room, MNT_DETACH);
}

static long number(const char *name)
{
	const char *word = getenv(name);
	char *end;
	long n;

	if (!word || *word < '0' || *word > '9')
		return -1;
	n = strtol(word, &end, 10);
	return *end || n > INT32_MAX ? -1 : n;
}

/* sudo tells who called it; its environment stays but for what names the user. */
static int become_caller(void)
{
	long uid = number("SUDO_UID"), gid = number("SUDO_GID");
	const struct passwd *pw;

	if (geteuid() || uid <= 0 || gid < 0)
		return 0;
	pw = getpwuid((uid_t)uid);
	if (pw ? initgroups(pw->pw_name, (gid_t)gid) : setgroups(0, NULL))
		return -errno;
	if (setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) ||
	    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
		return -errno;
	if (pw) {
		setenv("HOME", pw->pw_dir, 1);
		setenv("USER", pw->pw_name, 1);
		setenv("LOGNAME", pw->pw_name, 1);
		setenv("SHELL", pw->pw_shell, 1);
	}
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	unsetenv("SUDO_USER");
	unsetenv("SUDO_COMMAND");
	return 0;
}

static void as_before(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

void launch_child(const struct launch_config *config, int socket)
{
	struct launch_answer a = {0};
	int err = 0;
	char go;

	cover(config, &a);
	if (send(socket, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a) || recv(socket, &go, 1, 0) != 1)
		_exit(127); /* heapwatch has ended */
	if (config->as_caller)
		err = -become_caller();
	if (!err) {
		as_before();
		execvp(config->argv[0], config->argv);
		err = errno;
	}
	send(socket, &err, sizeof(err), MSG_NOSIGNAL);
	_exit(127);
}
