/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's table of routes, and what all its handlers need. docs/admin-api.md holds the same
 * table, and a test compares them. */
#include "base/limits.h"
#include "base/log.h"
#include "web/admin_private.h"
#include "web/routes.h"

#define ACCOUNT "/v1/accounts/{address}"

/* clang-format off */
static const struct http_route admin_routes[] = {
    {"GET",    "/v1/status",                 0, admin_status_show, "Version, uptime, connections, certificates, free space, counts", ""},
    {"GET",    "/v1/metrics",                0, admin_metrics, "All metrics in the Prometheus text format", ""},
    {"POST",   "/v1/reload",                 0, admin_reload, "Read the configuration and the certificates again", ""},
    {"POST",   "/v1/store/check",            0, admin_store_check, "Verify everything that is stored; the report is text, sent line by line. ?bodies=no leaves out reading each account's bodies", ""},

    {"GET",    "/v1/domains",                0, admin_domain_list, "All domains that are not aliases", ""},
    {"POST",   "/v1/domains",                0, admin_domain_add, "Serve a domain", "name, catch_all, class, suspended"},
    {"GET",    "/v1/domains/{domain}",       0, admin_domain_show, "One domain", ""},
    {"PATCH",  "/v1/domains/{domain}",       0, admin_domain_set, "Change what is given", "catch_all, class, suspended"},
    {"DELETE", "/v1/domains/{domain}",       0, admin_domain_remove, "Stop serving a domain; refused while it has accounts or aliases", ""},
    {"GET",    "/v1/alias-domains",          0, admin_alias_domain_list, "All alias domains", ""},
    {"POST",   "/v1/alias-domains",          0, admin_alias_domain_add, "Make a domain another name of a domain", "name, domain"},
    {"DELETE", "/v1/alias-domains/{domain}", 0, admin_alias_domain_remove, "Remove an alias domain", ""},

    {"GET",    "/v1/classes",                0, admin_class_list, "All classes of service", ""},
    {"POST",   "/v1/classes",                0, admin_class_add, "A new class of service", "name, and as for PATCH"},
    {"GET",    "/v1/classes/{class}",        0, admin_class_show, "One class", ""},
    {"PATCH",  "/v1/classes/{class}",        0, admin_class_set, "Change what is given; 0 means no limit", "quota_bytes, quota_messages, message_size, send_per_hour, recipients_per_hour, inactivity_days, retention_days_inbox, _sent, _drafts, _junk, _trash, _archive"},
    {"DELETE", "/v1/classes/{class}",        0, admin_class_remove, "Remove a class that nobody has", ""},

    {"GET",    "/v1/accounts",               0, admin_account_list, "Accounts by address, a page at a time: ?domain=, ?after=, ?limit=; ?inactive=yes: only those without a login for longer than their class allows", ""},
    {"POST",   "/v1/accounts",               0, admin_account_add, "A new account", "address, password or password_hash, name, class"},
    {"POST",   "/v1/accounts:batch",         0, admin_account_batch, "Up to 1000 new accounts, with a result for each; those that exist are left as they are", "accounts: list of what POST /v1/accounts takes"},
    {"GET",    ACCOUNT,                      0, admin_account_show, "One account with its use of quota, logins and locks", ""},
    {"PATCH",  ACCOUNT,                      0, admin_account_set, "Change what is given", "name, class"},
    {"DELETE", ACCOUNT,                      0, admin_account_remove, "Remove; restorable for directory.removed_keep_days; open sessions end", ""},
    {"PUT",    ACCOUNT "/password",          0, admin_account_password, "Set the password, or the hash of another system; open sessions end", "password or password_hash"},
    {"POST",   ACCOUNT "/suspend",           0, admin_account_suspend, "No logins and no mail in until resumed; open sessions end", ""},
    {"POST",   ACCOUNT "/resume",            0, admin_account_resume, "End a suspension", ""},
    {"POST",   ACCOUNT "/unlock",            0, admin_account_unlock, "Forget wrong passwords and end locks", ""},
    {"POST",   ACCOUNT "/restore",           0, admin_account_restore, "Take back a removal", ""},
    {"POST",   ACCOUNT "/purge",             0, admin_account_purge, "Destroy a removed account and its mail now, for good", ""},

    {"GET",    ACCOUNT "/mailboxes",         0, admin_mailbox_list, "Mailboxes with their counters", ""},
    {"GET",    ACCOUNT "/messages",          0, admin_message_list, "Messages of a mailbox (?mailbox=, INBOX without it), oldest first", ""},
    {"GET",    ACCOUNT "/messages/{message}",0, admin_message_show, "One message as it was received", ""},
    {"GET",    ACCOUNT "/expunged",          0, admin_expunged_list, "Deleted messages that can be restored", ""},
    {"POST",   ACCOUNT "/expunged/{message}/restore", 0, admin_expunged_restore, "Put a deleted message back", ""},
    {"GET",    ACCOUNT "/shares",            0, admin_share_list, "Who may do what with its mailboxes (rights of RFC 4314), which accounts share mailboxes with it, and whose it refuses", ""},
    {"POST",   ACCOUNT "/shares",            0, admin_share_add, "Give a user rights to a mailbox, in place of those it had; whatever imap.sharing says", "mailbox, user (an account, or anyone), rights (letters of RFC 4314)"},
    {"DELETE", ACCOUNT "/shares",            0, admin_share_remove, "End the sharing of one mailbox with one user: ?mailbox=, ?user=", ""},
    {"POST",   ACCOUNT "/refusals",          0, admin_refusal_add, "Hide the mailboxes that an account (or, with all, any) shares with it, and let it be given no new ones", "owner (an account), or all (true)"},
    {"DELETE", ACCOUNT "/refusals",          0, admin_refusal_remove, "Show them again: ?owner=, or ?all=yes, which forgets all refusals", ""},
    {"POST",   "/v1/deliver",                HTTP_LARGE_BODY, admin_deliver, "Deliver a message: ?to=, ?from=; through aliases, like mail that came in", "the message, lines ending with CRLF"},

    {"GET",    "/v1/aliases",                0, admin_alias_list, "Aliases by address, a page at a time: ?domain=, ?after=, ?limit=", ""},
    {"POST",   "/v1/aliases",                0, admin_alias_add, "A new alias", "address, targets"},
    {"GET",    "/v1/aliases/{address}",      0, admin_alias_show, "One alias", ""},
    {"PUT",    "/v1/aliases/{address}",      0, admin_alias_put, "Make or replace an alias", "targets"},
    {"DELETE", "/v1/aliases/{address}",      0, admin_alias_remove, "Remove an alias", ""},
};

static const struct http_route metrics_routes[] = {
    {"GET", "/metrics", 0, admin_metrics, "All metrics in the Prometheus text format", ""},
};
/* clang-format on */

static const struct http_server admin_server = {.name = "admin",
                                                .routes = admin_routes,
                                                .routes_n = COUNT_OF(admin_routes),
                                                .timeout_ms = 120 * 1000};
static const struct http_server metrics_server = {.name = "metrics",
                                                  .routes = metrics_routes,
                                                  .routes_n = COUNT_OF(metrics_routes),
                                                  .timeout_ms = 30 * 1000};

bool admin_route(size_t index, const struct http_route **out)
{
    if (index >= COUNT_OF(admin_routes))
        return false;
    *out = &admin_routes[index];
    return true;
}

struct session *admin_session_new(void *admin)
{
    struct admin *a = admin;
    struct http_options options = {
        .arg = a, .spools = a->spools, .body_large = (uint64_t)a->config(a->arg)->smtp_size_max};
    return http_session_new(&admin_server, &options);
}

struct session *metrics_session_new(void *admin)
{
    struct admin *a = admin;
    struct http_options options = {.arg = a, .spools = a->spools, .body_large = 0};
    return http_session_new(&metrics_server, &options);
}

/* ---- answers ----------------------------------------------------------------------------- */

int admin_fail(struct http_request *r, int err, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct span said = span_of(text, n < 0                     ? 0
                                     : (size_t)n < sizeof text ? (size_t)n
                                                               : sizeof text - 1);
    http_reply_error(r, err_info(err)->http, err_name(err),
                     span_is_utf8(said) ? said : span_str(err_text(err)));
    return HTTP_ANSWERED;
}

struct json_out admin_begin(struct http_request *r, int status)
{
    http_reply(r, status, "application/json", SPAN_EMPTY);
    struct json_out j = {.to = &r->reply};
    json_begin(&j, NULL, '{');
    return j;
}

int admin_done(struct http_request *r, struct json_out *j)
{
    json_end(j, '}');
    buf_putc(&r->reply, '\n');
    return 0;
}

int admin_ok(struct http_request *r, int status)
{
    struct json_out j = admin_begin(r, status);
    json_bool(&j, "ok", true);
    return admin_done(r, &j);
}

int admin_page(struct http_request *r, struct admin_page *out)
{
    *out = (struct admin_page){.limit = ADMIN_PAGE};
    struct span limit;
    uint64_t n = 0;
    (void)http_query(r, SPAN("domain"), &out->domain);
    (void)http_query(r, SPAN("after"), &out->after);
    if (!http_query(r, SPAN("limit"), &limit))
        return 0;
    if (!span_to_u64(limit, &n) || n == 0 || n > ADMIN_PAGE_MAX)
        return admin_fail(r, ERR_INVALID, "limit has to be a number from 1 to %d", ADMIN_PAGE_MAX);
    out->limit = (size_t)n;
    return 0;
}

void admin_put_network(struct json_out *j, const char *key, struct ip_net net)
{
    char text[46];
    char whole[64];
    if (net.bits == 0) {
        json_cstr(j, key, "everywhere");
        return;
    }
    struct span ip = ip_text(net.ip, text);
    unsigned bits = ip_is_v4(net.ip) && net.bits >= 96 ? net.bits - 96U : net.bits;
    snprintf(whole, sizeof whole, "%.*s/%u", SPAN_ARG(ip), bits);
    json_cstr(j, key, whole);
}
