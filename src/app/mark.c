// SPDX-License-Identifier: GPL-2.0
/* mark.c: heapwatch mark TEXT: a mark at this moment in the recording that runs. */
#include <getopt.h>
#include <stdio.h>

#include "app/command.h"
#include "app/marks.h"
#include "base/log.h"

static const char help[] =
    "Usage: heapwatch mark [-o FILE] TEXT\n"
    "\n"
    "Writes a mark into a running recording: what happens now.  Reports and charts show\n"
    "it.  No root is needed for who called sudo, or owns the file.\n"
    "\n"
    "  -o, --output FILE   the recording, where more than one is running\n"
    "  -h, --help          this\n";

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int command_mark(int argc, char **argv)
{
	const char *file = NULL;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'o')
			file = optarg;
		else if (c == 'h')
			return fputs(help, stdout) < 0;
		else
			return 2;
	}
	if (optind + 1 != argc || !*argv[optind]) {
		log_error("what is to be marked? heapwatch mark [-o FILE] TEXT");
		return 2;
	}
	return marks_send(file, argv[optind]) ? 1 : 0;
}
