/* SPDX-License-Identifier: Apache-2.0 */
/* The table of base/err.h as an array. A name in a log is the name in the code, so that one
 * search finds both. */
#include "base/err.h"

#include <errno.h>

static const struct err_info err_rows[] = {
    [ERR_INDEX_NONE] = {"ok", false, 250, "2.0.0", "", "", "", 200, "ok"},
#define X(name, temporary, smtp, enhanced, pop3, imap, jmap, http, text)                           \
    [ERR_INDEX_##name] = {#name, temporary, smtp, enhanced, pop3, imap, jmap, http, text},
    ERR_TABLE(X)
#undef X
};

const struct err_info *err_info(int err)
{
    must(err <= 0 && err > -(int)ERR_INDEX_END);
    return &err_rows[-err];
}

const char *err_text(int err)
{
    return err_info(err)->text;
}

const char *err_name(int err)
{
    return err_info(err)->name;
}

int err_from_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT: return ERR_DISK_FULL;
    case ENOMEM: return ERR_NOMEM;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    case EACCES:
    case EROFS:
    case EPERM: return ERR_DENIED;
    case ETIMEDOUT: return ERR_TIMEOUT;
    default: return ERR_IO;
    }
}

void must_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "mailstead: this is a bug in Mailstead: %s is false at %s:%d\n", cond, file,
            line);
    fflush(stderr);
    abort();
}
