// SPDX-License-Identifier: GPL-2.0
#include "app/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "probe/feature.h"

/* CAP_PERFMON, CAP_BPF and CAP_CHECKPOINT_RESTORE are of Linux 5.8 and 5.9; 5.17 is needed. */
static const cap_value_t always[] = {
    CAP_SYS_PTRACE,	    /* /proc/PID/{exe,maps,pagemap,...} and memory of others */
    CAP_DAC_READ_SEARCH,    /* their files, through /proc/PID/root */
    CAP_CHECKPOINT_RESTORE, /* /proc/PID/map_files: the very file, deleted or not */
};

static const cap_value_t for_probes[] = {
    CAP_BPF,	 /* programs and maps */
    CAP_PERFMON, /* programs that trace, perf events, uprobes */
};

#define COUNT(a) ((int)(sizeof(a) / sizeof(*(a))))

static bool listed(cap_value_t one, const cap_value_t *list, int n)
{
	for (int i = 0; i < n; i++)
		if (list[i] == one)
			return true;
	return false;
}

/* Into our effective ones, or out of them; 0 or -errno. */
static int effect(cap_value_t c, cap_flag_value_t how)
{
	cap_t now = cap_get_proc();
	int err =
	    !now || cap_set_flag(now, CAP_EFFECTIVE, 1, &c, how) || cap_set_proc(now) ? -errno : 0;

	cap_free(now);
	return err;
}

/* Before 6.6 there are perf events alone, and uprobes by those take CAP_SYS_ADMIN for long after
 * CAP_PERFMON came: tried, without it and with. */
static bool uprobes_take_admin(cap_t had)
{
	cap_flag_value_t set = CAP_CLEAR;
	bool without;

	if (cap_get_flag(had, CAP_SYS_ADMIN, CAP_EFFECTIVE, &set) || set == CAP_CLEAR ||
	    effect(CAP_SYS_ADMIN, CAP_CLEAR))
		return false;
	without = feature_best_user(NULL) != USER_AUTO;
	if (effect(CAP_SYS_ADMIN, CAP_SET) || without || feature_best_user(NULL) == USER_AUTO)
		return false;
	log_note("this kernel takes uprobes only from CAP_SYS_ADMIN, which is kept");
	return true;
}

/* Of what is there, what is to stay. */
static int keep(cap_t had, cap_t to, bool probes, bool admin)
{
	for (cap_value_t c = 0; c <= cap_max_bits() - 1; c++) {
		cap_flag_value_t set = CAP_CLEAR;
		bool wanted = listed(c, always, COUNT(always)) ||
			      (probes && listed(c, for_probes, COUNT(for_probes))) ||
			      (admin && c == CAP_SYS_ADMIN);

		if (cap_get_flag(had, c, CAP_PERMITTED, &set) || set == CAP_CLEAR)
			wanted = false;
		/* The bounding set needs CAP_SETPCAP; without it, no_new_privs does as well. */
		if (!wanted)
			cap_drop_bound(c);
		if (wanted && (cap_set_flag(to, CAP_PERMITTED, 1, &c, CAP_SET) ||
			       cap_set_flag(to, CAP_EFFECTIVE, 1, &c, CAP_SET)))
			return -errno;
	}
	return cap_set_proc(to) ? -errno : 0;
}

int privileges_drop(enum privileges kept)
{
	cap_t had = cap_get_proc(), to = cap_init();
	int err = had && to ? 0 : -ENOMEM;

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = keep(had, to, kept != PRIVILEGES_LOOK,
			   kept == PRIVILEGES_WATCH && uprobes_take_admin(had));
	if (err)
		log_error("cannot give up capabilities: %s", strerror(-err));
	cap_free(had);
	cap_free(to);
	return err;
}
