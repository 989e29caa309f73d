// SPDX-License-Identifier: GPL-2.0
#include "app/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/log.h"

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

/* Of what is there, what is to stay. */
static int keep(cap_t had, cap_t to, bool probes)
{
	for (cap_value_t c = 0; c <= cap_max_bits() - 1; c++) {
		cap_flag_value_t set = CAP_CLEAR;
		bool wanted = listed(c, always, COUNT(always)) ||
			      (probes && listed(c, for_probes, COUNT(for_probes)));

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

int privileges_drop(bool probes)
{
	cap_t had = cap_get_proc(), to = cap_init();
	int err = had && to ? 0 : -ENOMEM;

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = keep(had, to, probes);
	if (err)
		log_error("cannot give up capabilities: %s", strerror(-err));
	cap_free(had);
	cap_free(to);
	return err;
}
