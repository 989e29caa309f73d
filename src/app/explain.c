// SPDX-License-Identifier: GPL-2.0
/* explain.c: heapwatch explain -p PID: where each resident byte is, in one shot and without probes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/build.h"
#include "app/command.h"
#include "app/options.h"
#include "app/watched.h"
#include "base/log.h"
#include "out/json.h"
#include "out/text.h"

static int look(struct watched *w)
{
	const struct watch_tools nothing = {0};
	/* A program without an allocator that is known has mappings all the same. */
	int err = watched__attach(w, &nothing);

	if (!err || err == -ENOENT)
		err = inspection_update(&w->inspection, NULL, w->modules, 0);
	if (err == -ESRCH)
		log_error("process %d (%s) has ended", w->pid, w->stat.comm);
	return err;
}

static int explain(const struct options *o, struct watched **watched)
{
	const struct text_style style = {.frames = o->depth};
	struct build *b = build__new(o->npids);
	int err = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->npids && !err; i++) {
		err = watched__new(o->pids[i], &watched[i]);
		if (!err)
			err = look(watched[i]);
		if (!err)
			err = build__add_passive(b, watched[i]);
	}
	if (!err && o->json)
		err = json_write(stdout, build__finish(b, NULL, 0, true));
	else if (!err)
		err = text_write(stdout, build__finish(b, NULL, 0, true), &style);
	if (!err && (fflush(stdout) || ferror(stdout))) {
		err = -EIO;
		log_error("cannot write the report");
	}
	build__free(b);
	return err;
}

int command_explain(int argc, char **argv)
{
	struct watched *watched[OPTIONS_MAX_PIDS] = {NULL};
	struct options o;
	int err;

	if (options_parse(argc, argv, &o))
		return 2;
	if (o.help) {
		options_help();
		return 0;
	}
	if (!o.npids) {
		log_error("which process? heapwatch explain -p PID (see heapwatch --help)");
		return 2;
	}
	err = explain(&o, watched);
	for (size_t i = 0; i < o.npids; i++)
		watched__free(watched[i]);
	return err ? 1 : 0;
}
