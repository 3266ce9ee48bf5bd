/* SPDX-License-Identifier: Apache-2.0 */
/* Talking SASL: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), SCRAM (scram.c), and the USER
 * and PASS of POP3.
 *
 * PLAIN and LOGIN are read here and not by GNU SASL: its server side asks for the verdict in a
 * callback and waits for it, which would hold a worker thread for each password in the queue.
 */
#include "auth/exchange.h"

#include "base/err.h"

#include <sodium.h>

enum { ARENA = 256 * 1024 };

/* clang-format off */
static const struct {
    const char *name;
    enum mechanism mechanism;
    bool sends_password; /* only where nobody can listen */
    bool binds;          /* only with channel binding data */
} mechanisms[] = {       /* strongest first */
    {"SCRAM-SHA-256-PLUS", MECH_SCRAM_PLUS, false, true},
    {"SCRAM-SHA-256",      MECH_SCRAM,      false, false},
    {"PLAIN",              MECH_PLAIN,      true,  false},
    {"LOGIN",              MECH_LOGIN,      true,  false},
};
/* clang-format on */

void auth_mechanisms(struct auth *a, const struct auth_peer *peer, struct buf *out)
{
    (void)a;
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
        if ((mechanisms[i].sends_password && !peer->secure) ||
            (mechanisms[i].binds && peer->binder == NULL))
            continue;
        if (!first)
            buf_putc(out, ' ');
        buf_puts(out, mechanisms[i].name);
        first = false;
    }
}

/* Also without -PLUS it matters whether the client could have bound (scram.c). */
static bool is_scram(enum mechanism m)
{
    return m == MECH_SCRAM || m == MECH_SCRAM_PLUS;
}

static int open_exchange(struct auth *a,
                         const struct auth_peer *peer,
                         enum mechanism mechanism,
                         struct waker *waker,
                         struct auth_exchange **out)
{
    must(waker != NULL || a->inline_hashing);
    struct auth_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return ERR_NOMEM;
    x->arena = arena_new(ARENA);
    if (x->arena == NULL) {
        free(x);
        return ERR_NOMEM;
    }
    x->auth = a;
    x->settings = auth_settings_get(a);
    x->mechanism = mechanism;
    x->ip = peer->ip;
    x->begin_ms = a->clock->mono_ms(a->clock);
    must(span_to_cstr(span_slice(span_str(peer->service), 0, LOCK_SERVICE), x->service,
                      sizeof x->service));
    if (peer->binder != NULL && is_scram(mechanism))
        peer->binder->get(peer->binder, &x->binding);
    if (waker != NULL) {
        waker->ref(waker);
        x->waker = waker;
    }
    *out = x;
    return 0;
}

int auth_exchange_open(struct auth *a,
                       const struct auth_peer *peer,
                       struct span mechanism,
                       struct waker *waker,
                       struct auth_exchange **out)
{
    for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
        if (!span_ieq(mechanism, span_str(mechanisms[i].name)))
            continue;
        if (mechanisms[i].sends_password && !peer->secure)
            return ERR_NEED_TLS;
        if (mechanisms[i].binds && peer->binder == NULL)
            return ERR_UNSUPPORTED;
        return open_exchange(a, peer, mechanisms[i].mechanism, waker, out);
    }
    return ERR_UNSUPPORTED;
}

int auth_exchange_open_password(struct auth *a,
                                const struct auth_peer *peer,
                                struct span username,
                                struct span password,
                                struct waker *waker,
                                struct auth_exchange **out)
{
    struct auth_exchange *x;
    if (!peer->secure)
        return ERR_NEED_TLS;
    int err = open_exchange(a, peer, MECH_PASSWORD, waker, &x);
    if (err != 0)
        return err;
    /* One byte over the limit is kept, so that too long stays too long. */
    x->password_n = password.n <= LIMIT_PASSWORD ? password.n : LIMIT_PASSWORD + 1;
    x->password = malloc(x->password_n + 1);
    x->username = arena_dup(x->arena, span_slice(username, 0, 2 * LIMIT_ADDRESS));
    if (x->password == NULL || arena_err(x->arena) != 0) {
        auth_exchange_close(x);
        return ERR_NOMEM;
    }
    if (x->password_n > 0)
        memcpy(x->password, password.p, x->password_n);
    *out = x;
    return 0;
}

/* ---- PLAIN: [authzid] NUL authcid NUL passwd ---- */

static enum auth_step
step_plain(struct auth_exchange *x, bool has_input, struct span in, struct span *challenge)
{
    if (x->state == X_START && !has_input) {
        x->state = X_CLIENT_FIRST;
        *challenge = SPAN_EMPTY;
        return AUTH_SEND;
    }
    ssize_t first = span_chr(in, '\0');
    ssize_t second = first < 0 ? -1 : span_chr(span_from(in, (size_t)first + 1), '\0');
    if (second < 0)
        return attempt_fail(x, ERR_INVALID, "malformed");
    struct span rest = in;
    struct span authzid = span_split(&rest, '\0');
    struct span username = span_split(&rest, '\0');
    return attempt_password(x, authzid, username, rest);
}

/* ---- LOGIN: the prompts are those that clients compare with ---- */

static enum auth_step
step_login(struct auth_exchange *x, bool has_input, struct span in, struct span *challenge)
{
    if (x->state == X_START && !has_input) {
        x->state = X_LOGIN_NAME;
        *challenge = SPAN("Username:");
        return AUTH_SEND;
    }
    if (x->state == X_LOGIN_PASSWORD)
        return attempt_password(x, SPAN_EMPTY, x->username, in);
    x->username = arena_dup(x->arena, span_slice(in, 0, 2 * LIMIT_ADDRESS));
    if (arena_err(x->arena) != 0)
        return attempt_fail(x, ERR_NOMEM, "memory");
    x->state = X_LOGIN_PASSWORD;
    *challenge = SPAN("Password:");
    return AUTH_SEND;
}

/* ---- SCRAM ---- */

/* Keys that no password has, but that stay the same for a name: else asking twice would show that
 * nobody has it. */
static int nobodys_keys(struct auth_exchange *x, struct scram_keys *out)
{
    uint8_t *made = arena_alloc(x->arena, 64);
    if (made == NULL)
        return ERR_NOMEM;
    crypto_generichash_state s;
    crypto_generichash_init(&s, x->auth->secret, sizeof x->auth->secret, 64);
    crypto_generichash_update(&s, (const uint8_t *)"scram", 5);
    crypto_generichash_update(&s, (const uint8_t *)x->name.username.p, x->name.username.n);
    crypto_generichash_final(&s, made, 64);
    out->iterations = x->settings.cost.scram_iterations;
    out->salt = span_of(made, SCRAM_SALT);
    out->stored_key = span_of(made + 32, SCRAM_KEY);
    out->server_key = span_of(made + 32, SCRAM_KEY);
    x->scram_keyless = true;
    return 0;
}

static int
scram_keys_of(void *arg, struct span username, struct span authzid, struct scram_keys *out)
{
    struct auth_exchange *x = arg;
    struct credentials c;
    int err = attempt_identify(x, username);
    if (err != 0)
        return err;
    x->scram_authzid_bad = !attempt_authzid_ok(x, authzid);
    if (!attempt_has_account(x))
        return nobodys_keys(x, out);
    err = credentials_decode(x->account.credentials, &c);
    if (err == 0)
        err = credentials_scram(&c, out);
    return err == ERR_NOT_FOUND ? nobodys_keys(x, out) : err;
}

static enum auth_step
step_scram_final(struct auth_exchange *x, struct span in, struct span *challenge)
{
    x->begin_ms = x->auth->clock->mono_ms(x->auth->clock);
    int rc = scram_server_step(x->scram, in, challenge);
    if (rc == 0 && (x->scram_keyless || x->scram_authzid_bad))
        rc = ERR_AUTH_FAILED;
    if (rc == 0) {
        /* Whether it may log in is asked once more when the client has acknowledged; but a lock is
         * told before server-final, which would say that the password is right. */
        enum auth_step step;
        if (attempt_is_refused(x, &step))
            return step;
        x->state = X_SERVER_FINAL;
        return AUTH_SEND;
    }
    if (rc == ERR_AUTH_FAILED)
        return attempt_proved(x, rc);
    return attempt_fail(x, rc > 0 ? ERR_INVALID : rc, rc == ERR_NOMEM ? "memory" : "malformed");
}

static enum auth_step
step_scram(struct auth_exchange *x, bool has_input, struct span in, struct span *challenge)
{
    if (x->state == X_CLIENT_FINAL)
        return step_scram_final(x, in, challenge);
    if (x->state == X_SERVER_FINAL)
        return in.n == 0 ? attempt_proved(x, 0) : attempt_fail(x, ERR_INVALID, "malformed");
    if (x->state == X_START && !has_input) {
        x->state = X_CLIENT_FIRST;
        *challenge = SPAN_EMPTY;
        return AUTH_SEND;
    }
    x->begin_ms = x->auth->clock->mono_ms(x->auth->clock);
    int rc = scram_server_new(x->auth->gsasl, x->mechanism == MECH_SCRAM_PLUS, &x->binding,
                              scram_keys_of, x, &x->scram);
    if (rc == 0)
        rc = scram_server_step(x->scram, in, challenge);
    if (rc == 1) {
        x->state = X_CLIENT_FINAL;
        return AUTH_SEND;
    }
    if (rc == ERR_AUTH_FAILED)
        return attempt_fail(x, rc, "channel-binding");
    return attempt_fail(x, rc >= 0 ? ERR_INVALID : rc, rc == ERR_INVALID ? "malformed" : "store");
}

/* ---- the exchange ---- */

static enum auth_step
step_first(struct auth_exchange *x, bool has_input, struct span in, struct span *challenge)
{
    switch (x->mechanism) {
    case MECH_PLAIN: return step_plain(x, has_input, in, challenge);
    case MECH_LOGIN: return step_login(x, has_input, in, challenge);
    case MECH_SCRAM:
    case MECH_SCRAM_PLUS: return step_scram(x, has_input, in, challenge);
    case MECH_PASSWORD:
        return attempt_password(x, SPAN_EMPTY, x->username, span_of(x->password, x->password_n));
    }
    return AUTH_FAIL;
}

enum auth_step auth_exchange_step(struct auth_exchange *x,
                                  bool has_input,
                                  struct span input,
                                  struct span *challenge_out)
{
    switch (x->state) {
    case X_HASHING: return attempt_hashed(x);
    case X_FAILING: return attempt_failing(x);
    case X_OVER: return x->result.err == 0 ? AUTH_OK : AUTH_FAIL;
    default: return step_first(x, has_input, input, challenge_out);
    }
}

const struct auth_result *auth_exchange_result(const struct auth_exchange *x)
{
    return &x->result;
}

struct span auth_exchange_username(const struct auth_exchange *x)
{
    return x->username;
}

void auth_exchange_close(struct auth_exchange *x)
{
    if (x == NULL)
        return;
    attempt_drop(x);
    if (x->auth->delay != NULL)
        auth_delay_cancel(x->auth->delay, &x->delay);
    scram_server_free(x->scram);
    if (x->password != NULL) {
        sodium_memzero(x->password, x->password_n);
        free(x->password);
    }
    arena_free(x->arena);
    if (x->waker != NULL)
        x->waker->unref(x->waker);
    free(x);
}
