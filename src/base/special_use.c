/* SPDX-License-Identifier: Apache-2.0 */
#include "base/special_use.h"

#include "base/base.h"

const char *special_use_name(enum special_use use)
{
    static const char *const names[USE_COUNT] = {
        [USE_NONE] = "",           [USE_INBOX] = "INBOX", [USE_SENT] = "Sent",
        [USE_DRAFTS] = "Drafts",   [USE_JUNK] = "Junk",   [USE_TRASH] = "Trash",
        [USE_ARCHIVE] = "Archive",
    };
    must((int)use >= 0 && use < USE_COUNT);
    return names[use];
}
