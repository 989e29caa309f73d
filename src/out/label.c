// SPDX-License-Identifier: GPL-2.0
#include "out/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "model/report.h"

const char *label_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

char *label_frame(char *buf, size_t len, const struct report_frame *f)
{
	char module[1024];

	if (f->function)
		return utf8_clean(buf, len, f->function);
	/* Generated code as a whole is nowhere. */
	if (f->module && !f->offset && !f->pc)
		utf8_clean(buf, len, label_base_name(f->module));
	else if (f->module)
		snprintf(buf, len, "%s+0x%" PRIx64,
			 utf8_clean(module, sizeof(module), label_base_name(f->module)), f->offset);
	else
		snprintf(buf, len, "0x%" PRIx64, f->pc);
	return buf;
}
