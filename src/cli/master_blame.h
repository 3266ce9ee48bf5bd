/* SPDX-License-Identifier: Apache-2.0 */
/* What a child has died of: read from its flight recorder, said in the log, counted on the disk. */
#ifndef CLI_MASTER_BLAME_H
#define CLI_MASTER_BLAME_H

#include "base/config.h"
#include "jail/jail.h"

/* `status` as from waitpid. Files are written with the child's rights. */
void master_blame(const struct config *config,
                  const struct jail_identity *who,
                  int flight_fd,
                  int status);

#endif
