/* SPDX-License-Identifier: Apache-2.0 */
/* GENURLAUTH, URLFETCH and RESETKEY (RFC 4467): URLs that are signed by one user, and show others a message or a part of it.
 *
 * The token is the number of the algorithm, 01, and HMAC-SHA-256 of the rump with the access key of the mailbox (§2.4.1).
 * Whatever is wrong with a URL, URLFETCH answers NIL, and takes the time of a signature that is wrong (§6). Nobody here
 * is a message submission entity over IMAP, so a "submit+" URL shows nothing to a session. */
#include "imap/internal.h"

#include <sodium.h>

#include "base/encode.h"
#include "base/log.h"
#include "imap/part.h"
#include "mailbox/urlkey.h"

enum {
    ALGORITHM = 1,
    TOKEN = 1 + crypto_auth_hmacsha256_BYTES,
    URLFETCH_PIECE = 64 * 1024,
    URLS = 200,             /* in one URLFETCH */
    URLS_BYTES = 64 * 1024, /* of what one GENURLAUTH answers */
};
_Static_assert((int)crypto_auth_hmacsha256_KEYBYTES == (int)MAIL_URLKEY, "keys of one size");

static void sign(struct span rump, const struct mail_urlkey *key, uint8_t token[TOKEN])
{
    token[0] = ALGORITHM;
    crypto_auth_hmacsha256(token + 1, (const uint8_t *)rump.p, rump.n, key->b);
}

static bool is_internal(struct span mechanism)
{
    return span_ieq(mechanism, SPAN("INTERNAL"));
}

/* ---- GENURLAUTH --------------------------------------------------------------------------- */

static enum step bad_url(struct imap *i, int err, const struct imap_url *url)
{
    if (err == 0 && url->access.n == 0)
        return imap_bad(i, "Missing access identifier in supplied URL");
    if (err == 0 && url->user.n == 0)
        return imap_bad(i, "Missing owner username in supplied URL");
    if (err == 0 && url->token.n > 0)
        return imap_bad(i, "The supplied URL is signed already");
    if (err == 0 && !span_ieq(url->user, span_str(i->address)))
        return imap_bad(i, "The supplied URL is not of your messages");
    return imap_bad(i, "The supplied URL is not one of a message here");
}

/* §7: the key of a mailbox of this user, who signs. ERR_INVALID: it is no such URL. */
static int find_key(struct imap *i, const struct imap_url *url, struct mail_urlkey *key)
{
    struct mailbox_id mailbox;
    account_id account = i->account;
    if (!url->absolute || url->access.n == 0 || url->token.n > 0 ||
        !span_ieq(url->user, span_str(i->address)))
        return ERR_INVALID;
    int err = imap_part_mailbox(i, &account, url, &mailbox);
    if (err == 0 && account != i->account) /* only owners sign */
        err = ERR_INVALID;
    if (err == 0)
        err = mailbox_urlkey(i->server->mail, account, mailbox, true, key);
    return err == ERR_NOT_FOUND ? ERR_INVALID : err;
}

/* *step_out is the answer where it fails. */
static bool
write_url(struct imap *i, const struct imap_arg *arg, struct buf *out, enum step *step_out)
{
    struct imap_url url = {.uid = 0};
    struct mail_urlkey key;
    struct span text, mechanism;
    uint8_t token[TOKEN];
    if (!imap_arg_string(arg, &text) || !imap_arg_string(arg->next, &mechanism)) {
        *step_out = imap_bad_args(i);
        return false;
    }
    if (!is_internal(mechanism)) {
        *step_out = imap_no(i, SPAN("CANNOT"), "The only mechanism is INTERNAL");
        return false;
    }
    int parsed = imap_url_parse(text, i->s.arena, &url);
    int err = parsed != 0 ? parsed : find_key(i, &url, &key);
    if (err != 0) {
        *step_out = err == ERR_INVALID ? bad_url(i, parsed, &url) : imap_no_of(i, err);
        return false;
    }
    sign(text, &key, token);
    sodium_memzero(&key, sizeof key);
    buf_printf(out, " \"%.*s:%.*s:", SPAN_ARG(text), SPAN_ARG(mechanism)); /* no URL has a quote */
    hex_encode(out, span_of(token, sizeof token));
    buf_putc(out, '"');
    return true;
}

enum step imap_cmd_genurlauth(struct imap *i, const struct imap_arg *args)
{
    struct buf urls;
    enum step step = STEP_DONE;
    if (args == NULL)
        return imap_bad_args(i);
    buf_init(&urls, URLS_BYTES);
    bool good = true;
    for (const struct imap_arg *a = args; good && a != NULL; a = good ? a->next->next : NULL)
        good = write_url(i, a, &urls, &step);
    if (good && urls.err != 0) {
        step = imap_no(i, SPAN("LIMIT"), "These are too many URLs for one command");
    } else if (good) {
        buf_printf(i->s.out, "* GENURLAUTH%.*s\r\n", SPAN_ARG(buf_span(&urls)));
        step = imap_ok(i, SPAN_EMPTY, "Signed");
    }
    buf_done(&urls);
    return step;
}

/* ---- URLFETCH ----------------------------------------------------------------------------- */

struct urlfetch {
    const struct imap_arg *url; /* the next one */
    struct imap_part part;
    bool open; /* a literal of `part` is being written */
    int err;   /* the world's */
};

static void urlfetch_drop(struct imap *i, void *data)
{
    struct urlfetch *u = data;
    (void)i;
    imap_part_close(&u->part);
    free(u);
}

/* §3: may this session see it? */
static bool is_for_us(const struct imap *i, const struct imap_url *url)
{
    struct span access = url->access;
    if (url->expires && i->s.clock->wall_ms(i->s.clock) > url->expire_ms)
        return false;
    if (span_ieq(access, SPAN("anonymous")) || span_ieq(access, SPAN("authuser")))
        return true;
    return span_iskip(&access, SPAN("user+")) && span_ieq(access, span_str(i->address));
}

static int find_owner(struct imap *i, const struct imap_url *url, uint64_t *out)
{
    struct account owner;
    int err = account_get(i->server->directory, url->user, i->s.arena, &owner);
    if (err == ERR_NO_USER || err == ERR_NO_DOMAIN || err == ERR_BAD_ADDRESS || err == ERR_INVALID)
        return ERR_NOT_FOUND;
    if (err == 0 && owner.status != ACCOUNT_ACTIVE)
        return ERR_NOT_FOUND;
    if (err == 0)
        *out = owner.id;
    return err;
}

/* Is it signed with this key? */
static bool is_signed(const struct imap_url *url, const struct mail_urlkey *key)
{
    uint8_t token[TOKEN];
    struct buf given;
    sign(url->rump, key, token);
    buf_init(&given, LIMIT_IMAP_URL);
    bool same = hex_decode(&given, url->token) == 0 &&
                span_eq_secret(buf_span(&given), span_of(token, sizeof token));
    buf_done(&given);
    return same;
}

/* What the URL is of, when all is right with it. ERR_NOT_FOUND, ERR_INVALID: something is not, and the answer is NIL. */
static int
validate(struct imap *i, struct imap_url *url, uint64_t *account, struct mailbox_id *mailbox)
{
    struct mail_urlkey key;
    int err = find_owner(i, url, account);
    if (err == 0)
        err = imap_part_mailbox(i, account, url, mailbox);
    if (err == 0)
        err = mailbox_urlkey(i->server->mail, *account, *mailbox, false, &key);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    if (err != 0) /* a key that nobody has */
        randombytes_buf(key.b, sizeof key.b);
    bool good = is_signed(url, &key) && is_for_us(i, url);
    sodium_memzero(&key, sizeof key);
    return good ? err : ERR_NOT_FOUND;
}

static int open_url(struct imap *i, struct span text, struct imap_part *out)
{
    struct imap_url url;
    struct mailbox_id mailbox;
    uint64_t account;
    int err = imap_url_parse(text, i->s.arena, &url);
    if (err == 0 && (!url.absolute || url.user.n == 0 || !is_internal(url.mechanism)))
        err = ERR_INVALID;
    if (err == 0)
        err = validate(i, &url, &account, &mailbox);
    return err != 0 ? err : imap_part_open(i, account, mailbox, &url, out);
}

/* The next URL: NIL, or the beginning of a literal. */
static void begin_url(struct imap *i, struct urlfetch *u)
{
    struct span text;
    (void)imap_arg_string(u->url, &text);
    u->url = u->url->next;
    u->part.searched = 0;
    int err = open_url(i, text, &u->part);
    buf_puts(i->s.out, "* URLFETCH ");
    imap_write_string(i, text);
    if (err != 0) {
        buf_puts(i->s.out, " NIL\r\n");
        if (err != ERR_NOT_FOUND && err != ERR_INVALID && u->err == 0)
            u->err = err;
        return;
    }
    buf_printf(i->s.out, " {%llu}\r\n", (unsigned long long)imap_part_left(&u->part));
    u->open = true;
}

static enum step urlfetch_go_on(struct imap *i)
{
    struct urlfetch *u = i->task.data;
    while (i->s.out->n < IMAP_OUT_STEP && (u->open || u->url != NULL)) {
        if (!u->open) {
            begin_url(i, u);
            if (u->part.searched > 0) /* others come first now */
                return STEP_MORE;
            continue;
        }
        int err = imap_part_read(&u->part, URLFETCH_PIECE, i->s.out);
        if (err != 0) { /* in the middle of a literal nothing can be said */
            log_event(LOG_ERROR, "imap.message_cut", LOG_Z("account", i->address), LOG_ERR(err));
            return STEP_CLOSE;
        }
        if (imap_part_left(&u->part) == 0) {
            buf_puts(i->s.out, "\r\n");
            imap_part_close(&u->part);
            u->open = false;
        }
    }
    if (u->open || u->url != NULL)
        return STEP_MORE;
    int err = u->err;
    imap_task_end(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "URLFETCH completed");
}

enum step imap_cmd_urlfetch(struct imap *i, const struct imap_arg *args)
{
    struct span text;
    if (args == NULL)
        return imap_bad_args(i);
    if (imap_args_count(args) > URLS)
        return imap_no(i, SPAN("LIMIT"), "At most %d URLs can be asked for at once", URLS);
    for (const struct imap_arg *a = args; a != NULL; a = a->next)
        if (!imap_arg_string(a, &text) || text.n > LIMIT_IMAP_URL || span_chr(text, '\0') >= 0)
            return imap_bad_args(i);
    struct urlfetch *u = calloc(1, sizeof *u);
    if (u == NULL)
        return imap_no_of(i, ERR_NOMEM);
    u->url = args;
    return imap_task_begin(
        i, (struct imap_task){.go_on = urlfetch_go_on, .drop = urlfetch_drop, .data = u});
}

/* ---- RESETKEY ----------------------------------------------------------------------------- */

static enum step reset_all(struct imap *i)
{
    int err = mailbox_urlkey_drop(i->server->mail, i->account);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "No URL is good any more");
}

enum step imap_cmd_resetkey(struct imap *i, const struct imap_arg *args)
{
    struct mailbox m;
    struct span name, mechanism;
    if (args == NULL)
        return reset_all(i);
    if (args->kind == IMAP_LIST)
        return imap_bad_args(i);
    for (const struct imap_arg *a = args->next; a != NULL; a = a->next) {
        if (!imap_arg_string(a, &mechanism))
            return imap_bad_args(i);
        if (!is_internal(mechanism))
            return imap_no(i, SPAN("CANNOT"), "The only mechanism is INTERNAL");
    }
    int err = imap_read_mailbox(i, args, &name);
    if (err == 0)
        err = mailbox_find_name(i->server->mail, i->account, name, i->s.arena, &m);
    if (err == 0)
        err = mailbox_urlkey_reset(i->server->mail, i->account, m.id);
    if (err == ERR_INVALID || err == ERR_NOT_FOUND)
        return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    if (err != 0)
        return imap_no_of(i, err);
    return imap_ok(i, imap_is_secure(i) ? SPAN("URLMECH INTERNAL") : SPAN_EMPTY,
                   "The URLs of this mailbox are not good any more");
}
