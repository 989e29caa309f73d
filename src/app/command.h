/* SPDX-License-Identifier: GPL-2.0 */
/* command.h: one function per command: takes its arguments, argv[0] its name; gives the exit code.
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include <stdbool.h>

#define HEAPWATCH_VERSION "0.1"

int command_watch(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_export(int argc, char **argv);
int command_top(int argc, char **argv);
int command_record(int argc, char **argv);
int command_report(int argc, char **argv);
int command_mark(int argc, char **argv);
/* Not for users: what heapwatch starts itself as, to try places out on (probe/trial.h). */
int command_trial(int argc, char **argv);

/* Without a command's name: is the system-wide view what is asked for? */
bool top_is_meant(int argc, char **argv);

#endif
