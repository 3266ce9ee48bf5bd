/* SPDX-License-Identifier: Apache-2.0 */
/* CAPABILITY, NOOP, CHECK, LOGOUT, ID (RFC 2971), STARTTLS, ENABLE (RFC 5161), UNAUTHENTICATE (RFC 8437). */
#include "imap/compress.h"

#include "base/log.h"

#include <pthread.h>

/* ---- capabilities ---------------------------------------------------------------------------- */

enum { BEFORE = IMAP_NOT_AUTHENTICATED, AFTER = IMAP_AUTHENTICATED | IMAP_SELECTED, BOTH = 7 };

static const struct {
    const char *name;
    unsigned states;
    const char *needs; /* announced only when the table has this command */
    unsigned enables;  /* what ENABLE of it switches on; 0: it is not for ENABLE */
} capabilities[] = {
    {"IMAP4rev1", BOTH, NULL, 0},
    {"IMAP4rev2", BOTH, NULL, IMAP_ON_REV2},
    {"LITERAL+", BOTH, NULL, 0},
    {"SASL-IR", BOTH, NULL, 0},
    {"ID", BOTH, NULL, 0},
    {"ENABLE", BOTH, NULL, 0},
    {"LANGUAGE", BOTH, "LANGUAGE", 0},
    {"IDLE", AFTER, "IDLE", 0},
    {"COMPRESS=DEFLATE", AFTER, "COMPRESS", 0},
    {"NOTIFY", AFTER, "NOTIFY", 0},
    {"CONDSTORE", AFTER, NULL, IMAP_ON_CONDSTORE},
    {"QRESYNC", AFTER, NULL, IMAP_ON_CONDSTORE | IMAP_ON_QRESYNC},
    {"PREVIEW", AFTER, "FETCH", 0},
    {"BINARY", AFTER, "APPEND", 0},
    {"NAMESPACE", AFTER, "NAMESPACE", 0},
    {"ACL", AFTER, "SETACL", 0},
    {"RIGHTS=texk", AFTER, "SETACL", 0}, /* RFC 4314 §5.1.1 */
    {"CHILDREN", AFTER, "LIST", 0},
    {"SPECIAL-USE", AFTER, "LIST", 0},
    {"CREATE-SPECIAL-USE", AFTER, "CREATE", 0},
    {"LIST-EXTENDED", AFTER, "LIST", 0},
    {"LIST-STATUS", AFTER, "LIST", 0},
    {"LIST-MYRIGHTS", AFTER, "MYRIGHTS", 0},
    {"STATUS=SIZE", AFTER, "STATUS", 0},
    {"UIDPLUS", AFTER, "EXPUNGE", 0},
    {"QUOTA", AFTER, "GETQUOTA", 0},
    {"QUOTA=RES-STORAGE", AFTER, "GETQUOTA", 0},
    {"QUOTA=RES-MESSAGE", AFTER, "GETQUOTA", 0},
    {"QUOTA=RES-MAILBOX", AFTER, "GETQUOTA", 0},
    {"METADATA", AFTER, "GETMETADATA", 0},
    {"LIST-METADATA", AFTER, "GETMETADATA", 0},
    {"CATENATE", AFTER, "APPEND", 0},
    {"MULTIAPPEND", AFTER, "APPEND", 0},
    {"REPLACE", AFTER, "REPLACE", 0},
    {"MOVE", AFTER, "MOVE", 0},
    {"ESEARCH", AFTER, "SEARCH", 0},
    {"CONTEXT=SEARCH", AFTER, "CANCELUPDATE", 0},
    {"CONTEXT=SORT", AFTER, "CANCELUPDATE", 0},
    {"MULTISEARCH", AFTER, "ESEARCH", 0},
    {"SEARCHRES", AFTER, "SEARCH", 0},
    {"PARTIAL", AFTER, "SEARCH", 0},
    {"WITHIN", AFTER, "SEARCH", 0},
    {"SAVEDATE", AFTER, "SEARCH", 0},
    {"OBJECTID", AFTER, "SEARCH", 0},
    {"FILTERS", AFTER, "GETMETADATA", 0},
    {"INPROGRESS", AFTER, "SEARCH", 0},
    {"I18NLEVEL=1", AFTER, "SORT", 0},
    {"SORT", AFTER, "SORT", 0},
    {"SORT=DISPLAY", AFTER, "SORT", 0},
    {"ESORT", AFTER, "SORT", 0},
    {"THREAD=ORDEREDSUBJECT", AFTER, "THREAD", 0},
    {"THREAD=REFERENCES", AFTER, "THREAD", 0},
    {"THREAD=REFS", AFTER, "THREAD", 0},
    {"URLAUTH", AFTER, "URLFETCH", 0},
    {"UIDBATCHES", AFTER, "UIDBATCHES", 0},
    {"UTF8=ACCEPT", AFTER, NULL, IMAP_ON_UTF8},
    {"UIDONLY", AFTER, "FETCH", IMAP_ON_UIDONLY},
    {"UNSELECT", AFTER, "UNSELECT", 0},
    {"UNAUTHENTICATE", AFTER, "UNAUTHENTICATE", 0},
};

/* Those whose command there is; looked up once, since each login asks for them all. */
static bool known[COUNT_OF(capabilities)];
static pthread_once_t known_once = PTHREAD_ONCE_INIT;

static void known_make(void)
{
    for (size_t n = 0; n < COUNT_OF(capabilities); n++)
        known[n] = capabilities[n].needs == NULL ||
                   imap_command_find(span_str(capabilities[n].needs)) != NULL;
}

static bool is_offered(const struct imap *i, size_t n)
{
    const struct config *config = i->server->config;
    if ((capabilities[n].states & (unsigned)i->state) == 0)
        return false;
    if (capabilities[n].enables == IMAP_ON_UTF8 && !config->imap_utf8)
        return false;
    if (!config->imap_unauthenticate &&
        span_eq(span_str(capabilities[n].name), SPAN("UNAUTHENTICATE")))
        return false;
    pthread_once(&known_once, known_make);
    return known[n];
}

static void auth_capabilities(struct imap *i, struct buf *out)
{
    struct buf names;
    buf_init(&names, 512);
    auth_mechanisms(i->server->auth, imap_auth_peer(i), &names);
    for (struct span rest = buf_span(&names); rest.n > 0;) {
        struct span name = span_split(&rest, ' ');
        buf_printf(out, " AUTH=%.*s", SPAN_ARG(name));
    }
    buf_done(&names);
    if (i->s.tls_possible && !i->s.tls.on)
        buf_puts(out, " STARTTLS");
    if (!imap_is_secure(i))
        buf_puts(out, " LOGINDISABLED");
}

void imap_capabilities(struct imap *i, struct buf *out)
{
    const char *between = "";
    for (size_t n = 0; n < COUNT_OF(capabilities); n++) {
        if (!is_offered(i, n))
            continue;
        buf_puts(out, between);
        buf_puts(out, capabilities[n].name);
        between = " ";
    }
    if (i->state == IMAP_NOT_AUTHENTICATED)
        auth_capabilities(i, out);
    else
        buf_printf(out, " APPENDLIMIT=%llu SAVELIMIT=%d", (unsigned long long)i->append_limit,
                   LIMIT_IMAP_APPEND);
}

enum step imap_cmd_capability(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    buf_puts(i->s.out, "* CAPABILITY ");
    imap_capabilities(i, i->s.out);
    buf_puts(i->s.out, "\r\n");
    return imap_ok(i, SPAN_EMPTY, "These are the capabilities");
}

/* ---- ENABLE ---------------------------------------------------------------------------------- */

static unsigned enabled_by(const struct imap *i, struct span name)
{
    for (size_t n = 0; n < COUNT_OF(capabilities); n++)
        if (is_offered(i, n) && span_ieq(name, span_str(capabilities[n].name)))
            return capabilities[n].enables;
    return 0;
}

/* RFC 5161 §3.1: what is not known, or can not be enabled, is passed over. */
enum step imap_cmd_enable(struct imap *i, const struct imap_arg *args)
{
    unsigned on = 0;
    if (args == NULL)
        return imap_bad_args(i);
    for (const struct imap_arg *a = args; a != NULL; a = a->next) {
        if (a->kind != IMAP_ATOM)
            return imap_bad_args(i);
        on |= enabled_by(i, a->text);
    }
    buf_puts(i->s.out, "* ENABLED");
    for (size_t n = 0; n < COUNT_OF(capabilities); n++)
        if (capabilities[n].enables != 0 &&
            (on & capabilities[n].enables) == capabilities[n].enables &&
            (i->enabled & capabilities[n].enables) != capabilities[n].enables)
            buf_printf(i->s.out, " %s", capabilities[n].name);
    buf_puts(i->s.out, "\r\n");
    i->enabled |= on;
    return imap_ok(i, SPAN_EMPTY, "Enabled");
}

/* ---- the others ------------------------------------------------------------------------------ */

enum step imap_cmd_noop(struct imap *i, const struct imap_arg *args)
{
    return args != NULL ? imap_bad_args(i) : imap_ok(i, SPAN_EMPTY, "Still here");
}

/* RFC 3501 §6.4.1: whatever a server has to do, this one has done. */
enum step imap_cmd_check(struct imap *i, const struct imap_arg *args)
{
    return args != NULL ? imap_bad_args(i) : imap_ok(i, SPAN_EMPTY, "All is on disk");
}

enum step imap_cmd_logout(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    buf_puts(i->s.out, "* BYE Goodbye\r\n");
    (void)imap_ok(i, SPAN_EMPTY, "Logged out");
    return STEP_CLOSE;
}

/* RFC 2971 §3.3: at most 30 pairs; for the log, where it helps to tell programs apart. */
static bool id_log(const struct imap_arg *list)
{
    struct span name = SPAN_EMPTY, version = SPAN_EMPTY, field, value;
    if (imap_args_count(list) > 60)
        return false;
    for (; list != NULL; list = list->next->next) {
        if (!imap_arg_string(list, &field) || !imap_arg_string(list->next, &value))
            return false;
        if (span_ieq(field, SPAN("name")))
            name = value;
        else if (span_ieq(field, SPAN("version")))
            version = value;
    }
    log_event(LOG_INFO, "imap.client", LOG_S("name", name), LOG_S("version", version));
    return true;
}

enum step imap_cmd_id(struct imap *i, const struct imap_arg *args)
{
    if (args == NULL || args->next != NULL)
        return imap_bad_args(i);
    if (args->kind == IMAP_LIST ? !id_log(args->child) : !imap_arg_is(args, SPAN("NIL")))
        return imap_bad_args(i);
    buf_puts(i->s.out, "* ID (\"name\" \"Mailstead\")\r\n");
    return imap_ok(i, SPAN_EMPTY, "Pleased to meet you");
}

/* ---- LANGUAGE (RFC 5255 §3) ------------------------------------------------------------------- */

/* The server speaks English; i-default (RFC 2277 §4.5) is English too. "en-GB" asks for one that is not here, and is
 * better served by this one than by an error. NULL: it is not spoken. */
static const char *language_of(struct span range)
{
    if (span_ieq(range, SPAN("i-default")) || span_ieq(range, SPAN("default")))
        return "i-default";
    if (span_eq(range, SPAN("*")) || span_ieq(range, SPAN("en")) ||
        span_istarts(range, SPAN("en-")))
        return "en";
    return NULL;
}

enum step imap_cmd_language(struct imap *i, const struct imap_arg *args)
{
    const char *language = NULL;
    for (const struct imap_arg *a = args; a != NULL; a = a->next) {
        struct span range;
        if (!imap_arg_string(a, &range))
            return imap_bad_args(i);
        if (language == NULL)
            language = language_of(range);
    }
    if (args != NULL && language == NULL)
        return imap_no(i, SPAN("CANNOT"), "This language is not spoken here");
    buf_printf(i->s.out, "* LANGUAGE (%s)\r\n", args == NULL ? "en i-default" : language);
    return imap_ok(i, SPAN_EMPTY, "This server speaks English");
}

/* ---- TLS, leaving ----------------------------------------------------------------------------- */

enum step imap_cmd_starttls(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    if (i->s.tls.on)
        return imap_bad(i, "TLS is on already");
    if (!i->s.tls_possible)
        return imap_no(i, SPAN("CANNOT"), "TLS is not to be had on this port");
    enum step step = imap_ok(i, SPAN_EMPTY, "Begin TLS negotiation now");
    return step == STEP_DONE ? STEP_STARTTLS : step;
}

enum step imap_cmd_unauthenticate(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    if (!i->server->config->imap_unauthenticate) /* RFC 8437 §3: not NO */
        return imap_bad(i, "This command is not offered here");
    imap_logout(i);
    enum step step = imap_ok(i, SPAN_EMPTY, "You may log in as somebody else now");
    imap_compress_end(i);
    return step;
}
