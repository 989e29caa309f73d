// SPDX-License-Identifier: GPL-2.0
/* main.c: the table of commands. */
#include <string.h>

#include "app/command.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"doctor", command_doctor}, {"explain", command_explain}, {"export", command_export},
    {"mark", command_mark},	{"record", command_record},   {"report", command_report},
    {"top", command_top},	{"trial", command_trial},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return top_is_meant(argc, argv) ? command_top(argc, argv) : command_watch(argc, argv);
}
