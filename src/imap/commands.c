/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, once: the dispatcher checks what the row says. */
#include "imap/internal.h"

#include "base/metrics.h"
#include "mailbox/acl.h"

#define NOT_AUTH IMAP_NOT_AUTHENTICATED
#define AUTH     (IMAP_AUTHENTICATED | IMAP_SELECTED)
#define SELECTED IMAP_SELECTED
#define ANY      (IMAP_NOT_AUTHENTICATED | IMAP_AUTHENTICATED | IMAP_SELECTED)

/* clang-format off */
const struct imap_command imap_commands[] = {
    /* name           states    flags                                          handler                   usage */
    {"CAPABILITY",    ANY,      IMAP_NO_SYNC,                                  imap_cmd_capability,      "CAPABILITY"},
    {"NOOP",          ANY,      0,                                             imap_cmd_noop,            "NOOP"},
    {"LOGOUT",        ANY,      IMAP_NO_SYNC,                                  imap_cmd_logout,          "LOGOUT"},
    {"ID",            ANY,      IMAP_NO_SYNC,                                  imap_cmd_id,              "ID NIL or (\"name\" \"value\" ...)"},
    {"LANGUAGE",      ANY,      IMAP_NO_SYNC,                                  imap_cmd_language,        "LANGUAGE [language ...]"},
    {"STARTTLS",      NOT_AUTH, IMAP_NO_SYNC,                                  imap_cmd_starttls,        "STARTTLS"},
    {"LOGIN",         NOT_AUTH, IMAP_NO_SYNC | IMAP_NEEDS_TLS | IMAP_SECRET,   imap_cmd_login,           "LOGIN user password"},
    {"AUTHENTICATE",  NOT_AUTH, IMAP_NO_SYNC | IMAP_SECRET,                    imap_cmd_authenticate,    "AUTHENTICATE mechanism [initial-response]"},
    {"UNAUTHENTICATE",AUTH,     IMAP_NO_SYNC,                                  imap_cmd_unauthenticate,  "UNAUTHENTICATE"},
    {"COMPRESS",      AUTH,     IMAP_NO_SYNC,                                  imap_cmd_compress,        "COMPRESS DEFLATE"},
    {"ENABLE",        IMAP_AUTHENTICATED, IMAP_NO_SYNC,                        imap_cmd_enable,          "ENABLE capability ..."},
    {"IDLE",          AUTH,     0,                                             imap_cmd_idle,            "IDLE"},
    {"NOTIFY",        AUTH,     IMAP_NO_SYNC,                                  imap_cmd_notify,          "NOTIFY NONE, or NOTIFY SET [STATUS] (mailboxes (events)) ..."},
    {"SELECT",        AUTH,     IMAP_NO_SYNC,                                  imap_cmd_select,          "SELECT mailbox [(parameters)]"},
    {"EXAMINE",       AUTH,     IMAP_NO_SYNC,                                  imap_cmd_examine,         "EXAMINE mailbox [(parameters)]"},
    {"LIST",          AUTH,     0,                                             imap_cmd_list,            "LIST [(selection)] reference pattern [RETURN (options)]"},
    {"LSUB",          AUTH,     0,                                             imap_cmd_lsub,            "LSUB reference pattern"},
    {"NAMESPACE",     AUTH,     0,                                             imap_cmd_namespace,       "NAMESPACE"},
    {"STATUS",        AUTH,     0,                                             imap_cmd_status,          "STATUS mailbox (items)"},
    {"GETQUOTA",      AUTH,     0,                                             imap_cmd_getquota,        "GETQUOTA root"},
    {"GETQUOTAROOT",  AUTH,     0,                                             imap_cmd_getquotaroot,    "GETQUOTAROOT mailbox"},
    {"GETMETADATA",   AUTH,     0,                                             imap_cmd_getmetadata,     "GETMETADATA [(options)] mailbox (entries)"},
    {"SETMETADATA",   AUTH,     0,                                             imap_cmd_setmetadata,     "SETMETADATA mailbox (entry value ...)"},
    {"SETACL",        AUTH,     0,                                             imap_cmd_setacl,          "SETACL mailbox identifier [+|-]rights"},
    {"DELETEACL",     AUTH,     0,                                             imap_cmd_deleteacl,       "DELETEACL mailbox identifier"},
    {"GETACL",        AUTH,     0,                                             imap_cmd_getacl,          "GETACL mailbox"},
    {"LISTRIGHTS",    AUTH,     0,                                             imap_cmd_listrights,      "LISTRIGHTS mailbox identifier"},
    {"MYRIGHTS",      AUTH,     0,                                             imap_cmd_myrights,        "MYRIGHTS mailbox"},
    {"CREATE",        AUTH,     0,                                             imap_cmd_create,          "CREATE mailbox [(USE (use))]"},
    {"DELETE",        AUTH,     0,                                             imap_cmd_delete,          "DELETE mailbox"},
    {"RENAME",        AUTH,     0,                                             imap_cmd_rename,          "RENAME mailbox name"},
    {"SUBSCRIBE",     AUTH,     0,                                             imap_cmd_subscribe,       "SUBSCRIBE mailbox"},
    {"UNSUBSCRIBE",   AUTH,     0,                                             imap_cmd_unsubscribe,     "UNSUBSCRIBE mailbox"},
    {"APPEND",        AUTH,     IMAP_MESSAGES,                                 imap_cmd_append,          "APPEND mailbox [(flags)] [\"date\"] {message} ..."},
    {"REPLACE",       SELECTED, IMAP_UID | IMAP_WRITES | IMAP_MESSAGES,        imap_cmd_replace,         "REPLACE message mailbox [(flags)] [\"date\"] {message}"},
    {"GENURLAUTH",    AUTH,     0,                                             imap_cmd_genurlauth,      "GENURLAUTH url INTERNAL ..."},
    {"URLFETCH",      AUTH,     0,                                             imap_cmd_urlfetch,        "URLFETCH url ..."},
    {"RESETKEY",      AUTH,     0,                                             imap_cmd_resetkey,        "RESETKEY [mailbox [INTERNAL]]"},
    {"STORE",         SELECTED, IMAP_UID | IMAP_NUMBERS | IMAP_WRITES,         imap_cmd_store,           "STORE messages [(UNCHANGEDSINCE n)] [+|-]FLAGS[.SILENT] (flags)"},
    {"COPY",          SELECTED, IMAP_UID,                                      imap_cmd_copy,            "COPY messages mailbox"},
    {"MOVE",          SELECTED, IMAP_UID | IMAP_WRITES,                        imap_cmd_move,            "MOVE messages mailbox"},
    {"EXPUNGE",       SELECTED, IMAP_UID | IMAP_WRITES,                        imap_cmd_expunge,         "EXPUNGE, or UID EXPUNGE messages"},
    {"CLOSE",         SELECTED, IMAP_NO_SYNC,                                  imap_cmd_close,           "CLOSE"},
    {"CHECK",         SELECTED, 0,                                             imap_cmd_check,           "CHECK"},
    {"UNSELECT",      SELECTED, IMAP_NO_SYNC,                                  imap_cmd_unselect,        "UNSELECT"},
    {"FETCH",         SELECTED, IMAP_UID | IMAP_NUMBERS,                       imap_cmd_fetch,           "FETCH messages items [(modifiers)]"},
    {"SEARCH",        SELECTED, IMAP_UID | IMAP_NUMBERS,                       imap_cmd_search,          "SEARCH [RETURN (options)] [CHARSET charset] keys"},
    {"ESEARCH",       AUTH,     IMAP_UID,                                      imap_cmd_esearch,         "ESEARCH [IN (mailboxes)] [RETURN (options)] [CHARSET charset] keys"},
    {"CANCELUPDATE",  SELECTED, 0,                                             imap_cmd_cancelupdate,    "CANCELUPDATE \"tag\" ..."},
    {"SORT",          SELECTED, IMAP_UID | IMAP_NUMBERS,                       imap_cmd_sort,            "SORT [RETURN (options)] (criteria) charset keys"},
    {"THREAD",        SELECTED, IMAP_UID | IMAP_NUMBERS,                       imap_cmd_thread,          "THREAD algorithm charset keys"},
    {"UIDBATCHES",    SELECTED, 0,                                             imap_cmd_uidbatches,      "UIDBATCHES size [first:last]"},
};
/* clang-format on */
const size_t imap_commands_n = COUNT_OF(imap_commands);

const struct imap_command *imap_command_find(struct span name)
{
    char first = name.n > 0 ? ascii_lower(name.p[0]) : '\0'; /* tells nearly all apart */
    for (size_t n = 0; n < imap_commands_n; n++)
        if (ascii_lower(imap_commands[n].name[0]) == first &&
            span_ieq(name, span_str(imap_commands[n].name)))
            return &imap_commands[n];
    return NULL;
}

/* RFC 9051 §9: tag = 1*<any ASTRING-CHAR except "+"> */
static bool is_tag(struct span tag)
{
    for (size_t n = 0; n < tag.n; n++) {
        unsigned char c = (unsigned char)tag.p[n];
        if (c <= 0x20 || c >= 0x7f || memchr("(){%*\"\\+", c, 8) != NULL)
            return false;
    }
    return tag.n > 0 && tag.n <= LIMIT_IMAP_TAG;
}

int imap_command_begin(struct imap *i, struct span *rest)
{
    struct span tag = span_split(rest, ' ');
    i->tag[0] = '\0';
    i->command = NULL;
    i->uid = false;
    if (!is_tag(tag) || !span_to_cstr(tag, i->tag, sizeof i->tag))
        return ERR_INVALID;
    struct span name = span_split(rest, ' ');
    if (span_ieq(name, SPAN("UID"))) {
        i->uid = true;
        name = span_split(rest, ' ');
    }
    i->command = imap_command_find(name);
    if (i->uid && i->command != NULL && (i->command->flags & IMAP_UID) == 0)
        i->command = NULL;
    return 0;
}

static const char *wrong_state(const struct imap *i)
{
    if (i->state == IMAP_NOT_AUTHENTICATED)
        return "Please log in first";
    if (i->state == IMAP_AUTHENTICATED && i->command->states == SELECTED)
        return "Please select a mailbox first";
    if (i->command->states == NOT_AUTH)
        return "You are logged in already";
    return "This command is not allowed while a mailbox is selected";
}

/* RFC 9586 §3.2: all that have a UID form, but EXPUNGE, which names no messages without it, and ESEARCH, which
 * answers with UIDs in any case. */
static bool is_by_number(const struct imap *i)
{
    return (i->enabled & IMAP_ON_UIDONLY) != 0 && !i->uid && (i->command->flags & IMAP_UID) != 0 &&
           i->command->run != imap_cmd_expunge && i->command->run != imap_cmd_esearch;
}

/* Of somebody else's mailbox, with the rights as they are now (RFC 4314 §5.1.1); leaving it is always allowed. */
static bool is_readable(struct imap *i, int *err)
{
    if (i->box == NULL || i->box->account == i->account || i->command->states != SELECTED ||
        (i->command->flags & IMAP_NO_SYNC) != 0)
        return true;
    *err = imap_box_readable(i);
    return *err == 0;
}

bool imap_command_allowed(struct imap *i, enum step *step_out)
{
    int err = 0;
    if (i->command == NULL)
        *step_out = imap_bad(i, "This command is not known");
    else if ((i->command->states & (unsigned)i->state) == 0)
        *step_out = imap_bad(i, "%s", wrong_state(i));
    else if ((i->command->flags & IMAP_NEEDS_TLS) != 0 && !imap_is_secure(i))
        *step_out = imap_no_of(i, ERR_NEED_TLS);
    else if ((i->command->flags & IMAP_WRITES) != 0 && i->box != NULL && i->box->read_only)
        *step_out = imap_no_read_only(i);
    else if (is_by_number(i))
        *step_out = imap_uid_required(i);
    else if (!is_readable(i, &err))
        *step_out = imap_no_of(i, err);
    else
        return true;
    return false;
}

/* What the handler sees must outlive the unit: its answer may take many steps. */
static enum step run(struct imap *i, struct span rest)
{
    struct imap_arg *args = NULL;
    struct span kept = arena_dup(i->s.arena, rest);
    int err = rest.n > 0 && kept.p == NULL ? ERR_NOMEM : imap_args_parse(kept, i->s.arena, &args);
    if (err == ERR_INVALID)
        return imap_bad_args(i);
    if (err == ERR_LIMIT)
        return imap_bad(i, "The command has too many arguments");
    if (err != 0)
        return imap_no_of(i, err);
    metric_add(METRIC_IMAP_COMMANDS, 1);
    return i->command->run(i, args);
}

enum step imap_dispatch(struct imap *i, struct span command)
{
    struct span rest = command;
    enum step step;
    if (imap_command_begin(i, &rest) != 0)
        return imap_bad(i, "The command has no tag");
    if (!imap_command_allowed(i, &step))
        return step;
    int err = imap_unit_command(i, rest);
    return err != 0 ? imap_no_of(i, err) : run(i, rest);
}
