// SPDX-License-Identifier: GPL-2.0
#include "app/prover.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/log.h"
#include "probe/behind_cache.h"
#include "probe/probes.h"
#include "probe/trial.h"

struct prover {
	struct probes *probes;
	pthread_t thread;
};

static int read_candidates(const char *path, struct candidates *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = candidates_read(fd, out);
	close(fd);
	return err;
}

static int find_among(enum user_kind kind, const char *path, const struct candidates *c,
		      struct behind *out, bool *remembered)
{
	int err = behind_load(c, out);

	*remembered = !err;
	if (!err)
		return 0;
	if (err != -ENOENT)
		log_debug("remembered places: %s", strerror(-err));
	err = trial_run(kind, path, c, out);
	if (!err && (err = behind_save(out))) {
		log_debug("the places are not remembered: %s", strerror(-err));
		err = 0;
	}
	return err;
}

int prover_find(enum user_kind kind, struct behind *out, bool *remembered)
{
	struct candidates *c = malloc(sizeof(*c));
	char path[4096];
	int err = c ? trial_libc(path, sizeof(path), out->build_id) : -ENOMEM;

	*remembered = false;
	if (!err)
		err = read_candidates(path, c);
	if (!err)
		err = find_among(kind, path, c, out, remembered);
	free(c);
	return err;
}

static void *prove(void *arg)
{
	struct prover *p = arg;
	struct behind found;
	bool remembered;
	int err = prover_find(probes__user(p->probes), &found, &remembered);

	if (err) {
		log_debug("no places behind the thread cache: %s", strerror(-err));
		return NULL;
	}
	for (size_t i = 0; i < found.n; i++)
		log_debug("a place behind the thread cache, %s: 0x%llx, cookie 0x%llx",
			  remembered ? "remembered" : "proven",
			  (unsigned long long)found.places[i].offset,
			  (unsigned long long)found.places[i].cookie);
	if (probes__prove(p->probes, &found))
		log_debug("no memory for the places behind the thread cache");
	return NULL;
}

int prover__new(struct probes *probes, struct prover **out)
{
	struct prover *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->probes = probes;
	err = -pthread_create(&p->thread, NULL, prove, p);
	if (err) {
		log_error("cannot start a thread to find places behind the thread cache");
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

void prover__free(struct prover *p)
{
	if (!p)
		return;
	pthread_join(p->thread, NULL);
	free(p);
}

int command_trial(int argc, char **argv)
{
	(void)argv;
	if (argc > 1 || fcntl(TRIAL_LOG_FD, F_GETFD) < 0 || fcntl(TRIAL_SELF_FD, F_GETFD) < 0) {
		log_error("trial is what heapwatch starts itself as; see 'heapwatch doctor'");
		return 2;
	}
	return trial_child();
}
