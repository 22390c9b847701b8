/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each takes its own arguments, argv[0] being its name, and gives the exit status. */
#ifndef AGENT_CMD_H
#define AGENT_CMD_H

#define EXIT_USAGE 2
/* Of run and record, as env(1) and others have them. */
#define EXIT_NOT_STARTED 125 /* tollspan failed before CMD was started */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

int cmd_run(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_agent(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_price(int argc, char **argv);
int cmd_reprice(int argc, char **argv);
int cmd_check(int argc, char **argv);

#endif
