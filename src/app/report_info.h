/* SPDX-License-Identifier: GPL-2.0 */
/* report_info.h: what there is in a recording: when, who, the peak, the marks. */
#ifndef APP_REPORT_INFO_H
#define APP_REPORT_INFO_H

#include <stdio.h>

struct recording;

/* 0, -EBADMSG, -EIO, -ENOMEM. */
int report_info_write(FILE *f, struct recording *r);

#endif
