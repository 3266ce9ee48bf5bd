/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to log in: who, may they try, is it right, what is the answer and when.
 *
 * All ways to fail end in attempt_fail, which is the one place that logs the true reason, and which
 * lets the answer out only at a multiple of auth.failure_delay after the attempt began. So an
 * unknown user, a wrong password and a lock answer at the same moment, whatever each took; the hash
 * of a name that nobody has is computed all the same, so that the processor's load tells nothing
 * either.
 *
 * A lock is looked at twice: before the hash, so that a locked name costs none, and after it,
 * because a hundred connections may have begun a hundred different guesses before the third one
 * failed.
 */
#include "auth/exchange.h"

#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "directory/address.h"

#include <sodium.h>
#include <time.h>

static const char *const mechanism_names[] = {
    [MECH_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
    [MECH_SCRAM] = "SCRAM-SHA-256",
    [MECH_PLAIN] = "PLAIN",
    [MECH_LOGIN] = "LOGIN",
    [MECH_PASSWORD] = "password",
};

static int64_t mono(const struct auth_exchange *x)
{
    return x->auth->clock->mono_ms(x->auth->clock);
}

static struct ip_net network_of(const struct auth_exchange *x)
{
    return ip_network(x->ip, 24, 56);
}

/* ---- who ---- */

/* A name nobody has is locked under the domain it stands for, as an account is under its address:
 * else trying both spellings would show which is which. */
static struct span nobodys_name(struct auth_exchange *x, struct span username)
{
    struct address a;
    struct domain d;
    if (address_normalize(username, x->arena, &a) != 0)
        return x->username;
    if (domain_get(x->auth->directory, a.domain, x->arena, &d) != 0 || d.alias_of.n == 0)
        return a.whole;
    return arena_printf(x->arena, "%.*s@%.*s", SPAN_ARG(a.local), SPAN_ARG(d.alias_of));
}

int attempt_identify(struct auth_exchange *x, struct span username)
{
    /* What is longer than an address is nobody's; keep what a log line can hold. */
    x->username = arena_dup(x->arena, span_slice(username, 0, 2 * LIMIT_ADDRESS));
    if (arena_err(x->arena) != 0)
        return ERR_NOMEM;
    x->changes = auth_logins_changes(x->auth);
    x->why = username.n > LIMIT_ADDRESS
                 ? ERR_BAD_ADDRESS
                 : directory_login(x->auth->directory, x->username, x->arena, &x->account);
    switch (x->why) {
    case 0:
    case ERR_SUSPENDED:
        x->name = (struct lockout_name){.username = x->account.address, .exists = true};
        return 0;
    case ERR_BAD_ADDRESS:
    case ERR_NO_DOMAIN:
    case ERR_NO_USER:
    case ERR_DENIED:
        x->name = (struct lockout_name){.username = nobodys_name(x, x->username)};
        return arena_err(x->arena) != 0 ? ERR_NOMEM : 0;
    default: return x->why;
    }
}

bool attempt_has_account(const struct auth_exchange *x)
{
    return x->why == 0 || x->why == ERR_SUSPENDED;
}

bool attempt_authzid_ok(struct auth_exchange *x, struct span authzid)
{
    if (authzid.n == 0 || span_eq(authzid, x->username))
        return true;
    struct account other;
    int err = directory_login(x->auth->directory, authzid, x->arena, &other);
    return attempt_has_account(x) && (err == 0 || err == ERR_SUSPENDED) &&
           other.id == x->account.id;
}

static const char *reason_of(int why)
{
    switch (why) {
    case ERR_BAD_ADDRESS: return "not-an-address";
    case ERR_NO_DOMAIN: return "no-domain";
    case ERR_DENIED: return "alias-used-as-username";
    default: return "unknown-user";
    }
}

/* ---- failing ---- */

static bool is_worlds(int err)
{
    return err == ERR_NOMEM || err == ERR_IO || err == ERR_DISK_FULL || err == ERR_CORRUPT ||
           err == ERR_UNAVAILABLE || err == ERR_SHUTDOWN || err == ERR_CONFLICT ||
           err == ERR_TIMEOUT;
}

enum auth_step attempt_failing(struct auth_exchange *x)
{
    if (x->delay.due_ms > mono(x))
        return AUTH_WAIT;
    x->state = X_OVER;
    return AUTH_FAIL;
}

static enum auth_step answer_in_time(struct auth_exchange *x)
{
    int64_t step = x->settings.fail_delay_ms;
    int64_t took = mono(x) - x->begin_ms;
    x->state = X_OVER;
    if (x->auth->inline_hashing || step <= 0)
        return AUTH_FAIL;
    int64_t due = x->begin_ms + (took / step + 1) * step;
    if (auth_delay_add(x->auth->delay, &x->delay, due, x->waker) != 0)
        return AUTH_FAIL; /* no memory: an answer too early is better than none */
    x->state = X_FAILING;
    return AUTH_WAIT;
}

enum auth_step attempt_fail(struct auth_exchange *x, int err, const char *reason)
{
    char ip[46];
    attempt_drop(x);
    x->result.err = err;
    if (x->result.text.n == 0)
        x->result.text = span_str(err_text(err));
    metric_add(err == ERR_AUTH_BUSY     ? METRIC_AUTH_BUSY
               : err == ERR_AUTH_LOCKED ? METRIC_AUTH_LOCKED
                                        : METRIC_AUTH_FAILED,
               1);
    log_event(is_worlds(err) ? LOG_ERROR : LOG_INFO, "auth.failed", LOG_S("user", x->username),
              LOG_S("account", attempt_has_account(x) ? x->account.address : SPAN_EMPTY),
              LOG_S("ip", ip_text(x->ip, ip)), LOG_Z("service", x->service),
              LOG_Z("mechanism", mechanism_names[x->mechanism]), LOG_Z("reason", reason),
              LOG_ERR(err));
    if (is_worlds(err) || err == ERR_AUTH_BUSY) {
        x->state = X_OVER;
        return AUTH_FAIL;
    }
    return answer_in_time(x);
}

/* "… until 18:42 UTC (in 3 minutes). …", with the date if that is not today. */
static struct span
lock_text(struct auth_exchange *x, const char *what, int64_t until_ms, int64_t left_ms)
{
    time_t at = (time_t)(until_ms / 1000), now = (time_t)((until_ms - left_ms) / 1000);
    struct tm t, n;
    char when[32];
    gmtime_r(&at, &t);
    gmtime_r(&now, &n);
    strftime(when, sizeof when, t.tm_yday == n.tm_yday ? "%H:%M" : "%H:%M on %Y-%m-%d", &t);
    int64_t minutes = (left_ms + 59999) / 60000;
    return arena_printf(x->arena,
                        "%s; logins are paused until %s UTC (in %lld minute%s). "
                        "Please check the password saved in your mail program",
                        what, when, (long long)minutes, minutes == 1 ? "" : "s");
}

static enum auth_step fail_locked(struct auth_exchange *x, struct lock_state s)
{
    int64_t now = x->auth->clock->wall_ms(x->auth->clock);
    x->result.text = lock_text(
        x,
        s.whole ? "There were too many wrong passwords for this mailbox from many places"
                : "There were too many wrong passwords for this mailbox from your network",
        s.until_ms, s.until_ms > now ? s.until_ms - now : 0);
    return attempt_fail(x, ERR_AUTH_LOCKED, s.whole ? "locked-account" : "locked-network");
}

static enum auth_step fail_address(struct auth_exchange *x, int64_t left_ms)
{
    int64_t now = x->auth->clock->wall_ms(x->auth->clock);
    x->result.text = lock_text(x, "There were too many failed logins from your internet address",
                               now + left_ms, left_ms);
    return attempt_fail(x, ERR_AUTH_LOCKED, "locked-address");
}

static bool address_is_refused(struct auth_exchange *x, enum auth_step *step_out)
{
    int64_t left =
        address_limit_left_ms(x->auth->addresses, x->ip, x->settings.attempts_per_address);
    if (left > 0)
        *step_out = fail_address(x, left);
    return left > 0;
}

static bool name_is_refused(struct auth_exchange *x, enum auth_step *step_out)
{
    struct lock_state s;
    int err = lockout_check(x->auth->lockout, &x->settings.rules, x->name, network_of(x), &s);
    if (err != 0)
        *step_out = attempt_fail(x, err, "store");
    else if (s.until_ms != 0)
        *step_out = fail_locked(x, s);
    return err != 0 || s.until_ms != 0;
}

bool attempt_is_refused(struct auth_exchange *x, enum auth_step *step_out)
{
    return address_is_refused(x, step_out) || name_is_refused(x, step_out);
}

/* Wrong. `password` empty: it cannot be compared with earlier ones (SCRAM). */
static enum auth_step fail_wrong(struct auth_exchange *x, struct span password, const char *reason)
{
    struct lock_try t = {.net = network_of(x), .service = span_str(x->service)};
    struct lock_state s = {.until_ms = 0};
    bool repeated = false;
    if (password.n > 0) {
        t.has_fingerprint = true;
        t.fingerprint = lockout_fingerprint(x->auth->lockout, x->name.username, password);
    }
    int err = lockout_fail(x->auth->lockout, &x->settings.rules, x->name, &t, &s, &repeated);
    if (err != 0)
        return attempt_fail(x, err, "store");
    if (s.until_ms != 0)
        return fail_locked(x, s);
    address_limit_add(x->auth->addresses, x->ip, repeated ? FAILURE_REPEATED : FAILURE_WHOLE);
    return attempt_fail(x, ERR_AUTH_FAILED, repeated ? "same-wrong-password-again" : reason);
}

/* ---- succeeding ---- */

static enum auth_step succeed(struct auth_exchange *x, bool cached)
{
    struct lock_try t = {.net = network_of(x), .service = span_str(x->service)};
    struct lock_state s;
    char ip[46];
    int err = lockout_success(x->auth->lockout, &x->settings.rules, x->name, &t, &s);
    if (err != 0)
        return attempt_fail(x, err, "store");
    if (s.until_ms != 0)
        return fail_locked(x, s);
    attempt_drop(x);
    x->result = (struct auth_result){.account_id = x->account.id,
                                     .address = x->account.address,
                                     .class_name = x->account.class_name,
                                     .version = x->account.credentials_version,
                                     .changes = x->changes};
    metric_add(cached ? METRIC_AUTH_CACHED : METRIC_AUTH_OK, 1);
    log_event(LOG_INFO, "auth.ok", LOG_S("user", x->username), LOG_S("account", x->account.address),
              LOG_S("ip", ip_text(x->ip, ip)), LOG_Z("service", x->service),
              LOG_Z("mechanism", mechanism_names[x->mechanism]), LOG_B("cached", cached));
    x->state = X_OVER;
    return AUTH_OK;
}

struct upgrade {
    uint64_t version;
    struct span record;
};

static int upgrade_credentials(void *arg, struct arena *arena, struct account *account)
{
    const struct upgrade *u = arg;
    /* The password was changed while we hashed: the new one stays. */
    if (account->credentials_version != u->version)
        return ERR_CONFLICT;
    account->credentials = arena_dup(arena, u->record);
    return arena_err(arena);
}

/* Not being able to is no reason to refuse the login; the next one tries again. */
static void upgrade(struct auth_exchange *x)
{
    struct upgrade u = {.version = x->account.credentials_version,
                        .record = buf_span(&x->job->upgraded)};
    int err = account_change(x->auth->directory, x->account.address, upgrade_credentials, &u);
    x->account.credentials_version += err == 0;
    log_event(err == 0 || err == ERR_CONFLICT ? LOG_INFO : LOG_WARN, "auth.upgraded",
              LOG_S("account", x->account.address), LOG_ERR(err));
}

/* ---- the password ---- */

static void job_run(struct pool_job *job)
{
    struct hash_job *j = (struct hash_job *)job;
    struct credentials c;
    struct span password = span_of(j->password, j->password_n);
    j->verdict = credentials_decode(span_of(j->credentials, j->credentials_n), &c);
    if (j->verdict == 0)
        j->verdict = credentials_verify(&c, password);
    if (j->verdict == 1 && j->may_upgrade && credentials_are_old(&c, password, &j->cost) &&
        credentials_make(password, &j->cost, j->auth->rng, &j->upgraded) != 0)
        buf_clear(&j->upgraded);
}

static void job_drop(struct pool_job *job)
{
    struct hash_job *j = (struct hash_job *)job;
    buf_done(&j->upgraded);
    sodium_memzero(j, sizeof *j);
    free(j);
}

void attempt_drop(struct auth_exchange *x)
{
    struct hash_job *j = x->job;
    x->job = NULL;
    if (j == NULL)
        return;
    if (x->auth->pool != NULL)
        auth_pool_release(x->auth->pool, &j->job);
    else
        job_drop(&j->job);
}

static struct hash_job *job_new(struct auth_exchange *x, struct span password)
{
    struct span credentials = x->account.credentials;
    bool real = attempt_has_account(x) && credentials.n > 0 && credentials.n <= CREDENTIALS_MAX;
    if (!real)
        credentials = auth_dummy(x->auth, x->arena);
    if (arena_err(x->arena) != 0)
        return NULL;
    struct hash_job *j = calloc(1, sizeof *j);
    if (j == NULL)
        return NULL;
    j->job.run = job_run;
    j->job.drop = job_drop;
    j->job.network = network_of(x).ip;
    j->auth = x->auth;
    j->cost = x->settings.cost;
    j->may_upgrade = real;
    memcpy(j->password, password.p, password.n);
    j->password_n = password.n;
    memcpy(j->credentials, credentials.p, credentials.n);
    j->credentials_n = credentials.n;
    buf_init(&j->upgraded, CREDENTIALS_MAX);
    return j;
}

enum auth_step attempt_hashed(struct auth_exchange *x)
{
    struct hash_job *j = x->job;
    if (x->auth->pool != NULL) {
        enum pool_job_state state = auth_pool_state(x->auth->pool, &j->job);
        if (state == JOB_REFUSED)
            return attempt_fail(x, ERR_AUTH_BUSY, "busy");
        if (state != JOB_DONE)
            return AUTH_WAIT;
    }
    struct span password = span_of(j->password, j->password_n);
    if (j->verdict < 0)
        return attempt_fail(x, j->verdict, "hashing");
    if (!attempt_has_account(x))
        return fail_wrong(x, password, reason_of(x->why));
    if (j->verdict == 0 || !j->may_upgrade)
        return fail_wrong(x, password, "wrong-password");
    if (x->why == ERR_SUSPENDED)
        return attempt_fail(x, ERR_SUSPENDED, "suspended");
    if (j->upgraded.n > 0)
        upgrade(x);
    else
        auth_cache_put(x->auth->cache, x->account.id, x->account.credentials_version, password,
                       x->settings.cache_ms);
    return succeed(x, false);
}

static bool was_right_lately(struct auth_exchange *x, struct span authzid, struct span password)
{
    return x->why == 0 && password_is_possible(password) && attempt_authzid_ok(x, authzid) &&
           auth_cache_has(x->auth->cache, x->account.id, x->account.credentials_version, password);
}

enum auth_step attempt_password(struct auth_exchange *x,
                                struct span authzid,
                                struct span username,
                                struct span password)
{
    enum auth_step step;
    x->begin_ms = mono(x);
    int err = attempt_identify(x, username);
    if (err != 0)
        return attempt_fail(x, err, "store");
    if (address_is_refused(x, &step))
        return step;
    if (was_right_lately(x, authzid, password))
        return succeed(x, true); /* or locked: there is no hash between two looks at the lock */
    if (name_is_refused(x, &step))
        return step;
    if (!password_is_possible(password))
        return fail_wrong(x, span_slice(password, 0, LIMIT_PASSWORD), "impossible-password");
    if (!attempt_authzid_ok(x, authzid))
        return fail_wrong(x, password, "authzid-of-another");
    x->job = job_new(x, password);
    if (x->job == NULL)
        return attempt_fail(x, ERR_NOMEM, "memory");
    x->state = X_HASHING;
    if (x->auth->pool == NULL) {
        job_run(&x->job->job);
        return attempt_hashed(x);
    }
    if (auth_pool_submit(x->auth->pool, &x->job->job, x->waker) != 0) {
        job_drop(&x->job->job);
        x->job = NULL;
        return attempt_fail(x, ERR_AUTH_BUSY, "busy");
    }
    return AUTH_WAIT;
}

/* ---- SCRAM ---- */

enum auth_step attempt_proved(struct auth_exchange *x, int verdict)
{
    enum auth_step step;
    if (attempt_is_refused(x, &step))
        return step;
    if (!attempt_has_account(x))
        return fail_wrong(x, SPAN_EMPTY, reason_of(x->why));
    if (verdict != 0)
        return fail_wrong(x, SPAN_EMPTY, "wrong-password");
    if (x->why == ERR_SUSPENDED)
        return attempt_fail(x, ERR_SUSPENDED, "suspended");
    /* The password may have been changed between the two messages of the client. */
    struct account now;
    int err = directory_login(x->auth->directory, x->username, x->arena, &now);
    if (err == 0 && now.credentials_version == x->account.credentials_version)
        return succeed(x, false);
    if (err != 0 && is_worlds(err))
        return attempt_fail(x, err, "store");
    return attempt_fail(x, ERR_AUTH_FAILED, "password-changed-meanwhile");
}
