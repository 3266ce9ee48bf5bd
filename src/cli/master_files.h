/* SPDX-License-Identifier: Apache-2.0 */
/* What the master opens for its child: the lock of the data folder, its working folders, the log,
 * the listening sockets. Where the child is to be another user, what lies in folders of that user
 * is opened with that user's rights: a link planted there leads to nothing that it could not
 * open itself. */
#ifndef CLI_MASTER_FILES_H
#define CLI_MASTER_FILES_H

#include "base/config.h"
#include "cli/handover.h"

struct master_sockets {
    size_t n;
    int fds[HANDOVER_SOCKETS_MAX];
    unsigned ports[HANDOVER_SOCKETS_MAX];
    char *unix_paths[HANDOVER_SOCKETS_MAX]; /* NULL: TCP */
};

/* The child's user for file operations in its folders, and back. Nothing where they are the same. */
void master_become(const struct jail_identity *who);
void master_return(const struct jail_identity *who);

/* DATA/serve.lock, which the master holds for its life. ERR_IN_USE: another server runs on the
 * folder. Waits up to a minute for a child that a killed master has left behind, so that its
 * successor can be started at once. *fd_out is owned. */
int master_lock(const struct config *config,
                const struct jail_identity *who,
                int *fd_out,
                struct buf *why) MUST_CHECK;
/* A second descriptor of it, which the child holds for its life. */
int master_child_lock(const struct config *config,
                      const struct jail_identity *who,
                      int *fd_out,
                      struct buf *why) MUST_CHECK;

/* The folders that the child may write in, below the data folder. */
int master_folders(const struct config *config,
                   const struct jail_identity *who,
                   struct buf *why) MUST_CHECK;

/* log.file, appended to; -1 in *fd_out: it is standard error. `trusted`: the file may also be one
 * that only root could make, as /var/log is (not for a name that has changed since the start). */
int master_log(const struct config *config,
               const struct jail_identity *who,
               bool trusted,
               int *fd_out,
               struct buf *why) MUST_CHECK;

/* All ports of the configuration. On error those that were opened are closed. */
int master_listen(const struct config *config,
                  const struct jail_identity *who,
                  struct master_sockets *out,
                  struct buf *why) MUST_CHECK;
void master_unlisten(struct master_sockets *s);

#endif
