/* SPDX-License-Identifier: Apache-2.0 */
/* `mailstead serve`: puts the rooms together into a running server. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

/* Reads the configuration and serves until SIGTERM or SIGINT; SIGHUP reloads. Says what is wrong on
 * standard error, one sentence a problem. Returns the exit code of the process. */
int serve_run(const char *config_path);

#endif
