/* SPDX-License-Identifier: Apache-2.0 */
/* Files that loss of power does not take away.
 *
 * A file is on the disk when its content was synced, and it can be found there when the folder that names it was
 * synced too; a new folder needs its own name synced in the one above it. Block on the disk. Return 0 or what
 * err_from_errno makes of errno, which stays set. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include "base/span.h"

#include <sys/types.h>

/* A new file with this content, synced; ERR_EXISTS. Its name is safe after folder_sync. */
int file_make(const char *path, mode_t mode, struct span bytes) MUST_CHECK;

/* What the folder names now it will name after loss of power. */
int folder_sync(const char *path) MUST_CHECK;
/* The same for the folder in which `path` is. */
int folder_sync_above(const char *path) MUST_CHECK;

#endif
