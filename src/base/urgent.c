// SPDX-License-Identifier: GPL-2.0
#include "base/urgent.h"

#include <pthread.h>
#include <sched.h>

#include "base/log.h"

void urgent(const char *who)
{
	const struct sched_param param = {.sched_priority = 1};

	if (pthread_setschedparam(pthread_self(), SCHED_RR, &param))
		log_debug("%s has no priority over others", who);
}
