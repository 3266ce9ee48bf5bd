/* SPDX-License-Identifier: Apache-2.0 */
/* `mailstead serve`: a master (master.c) and its child (serve.c), which puts the rooms together
 * into a running server. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

/* Reads the configuration and serves until SIGTERM or SIGINT; SIGHUP reloads. Says what is wrong on
 * standard error, one sentence a problem. Returns the exit code of the process. */
int serve_run(const char *config_path);

/* How the master calls its child: `mailstead serve-child CONFIG`, with their socketpair and the
 * child's flight recorder as these descriptors. No command for people. */
#define SERVE_CHILD "serve-child"
enum { SERVE_CHILD_FD = 3, SERVE_FLIGHT_FD = 4 };
int serve_child_run(void);

#endif
