/* SPDX-License-Identifier: Apache-2.0 */
/* GNU SASL asks for properties through one callback; the session's hook leads back to us. */
#include "auth/scram.h"

#include "base/encode.h"
#include "base/err.h"

#include <gsasl.h>
#include <sodium.h>

struct scram_server {
    Gsasl_session *session;
    bool plus;
    bool started;
    const struct binding *binding;
    scram_lookup lookup;
    void *arg;
    int err; /* of the lookup */
    char *output;
};

static int set_base64(Gsasl_session *session, Gsasl_property prop, struct span bytes)
{
    struct buf b;
    buf_init(&b, 256);
    base64_encode(&b, bytes);
    buf_putc(&b, '\0');
    int rc = b.err == 0 ? gsasl_property_set(session, prop, b.p) : GSASL_MALLOC_ERROR;
    buf_done(&b);
    return rc;
}

static int give_keys(struct scram_server *s)
{
    struct scram_keys k;
    char iterations[24];
    if (s->err == 0)
        s->err = s->lookup(s->arg, span_str(gsasl_property_fast(s->session, GSASL_AUTHID)),
                           span_str(gsasl_property_fast(s->session, GSASL_AUTHZID)), &k);
    if (s->err != 0)
        return GSASL_AUTHENTICATION_ERROR;
    snprintf(iterations, sizeof iterations, "%llu", (unsigned long long)k.iterations);
    int rc = gsasl_property_set(s->session, GSASL_SCRAM_ITER, iterations);
    if (rc == GSASL_OK)
        rc = set_base64(s->session, GSASL_SCRAM_SALT, k.salt);
    if (rc == GSASL_OK)
        rc = set_base64(s->session, GSASL_SCRAM_STOREDKEY, k.stored_key);
    if (rc == GSASL_OK)
        rc = set_base64(s->session, GSASL_SCRAM_SERVERKEY, k.server_key);
    if (rc != GSASL_OK)
        s->err = ERR_NOMEM;
    return rc;
}

static int on_property(Gsasl *ctx, Gsasl_session *session, Gsasl_property prop)
{
    (void)ctx;
    struct scram_server *s = session != NULL ? gsasl_session_hook_get(session) : NULL;
    if (s == NULL)
        return GSASL_NO_CALLBACK;
    switch (prop) {
    case GSASL_SCRAM_ITER: /* the first it asks of the keys: all are given now */
        return give_keys(s);
    case GSASL_CB_TLS_EXPORTER:
        if (s->binding->exporter_n == 0)
            return GSASL_NO_CB_TLS_EXPORTER;
        return set_base64(session, prop, span_of(s->binding->exporter, s->binding->exporter_n));
    case GSASL_CB_TLS_UNIQUE:
        if (s->binding->unique_n == 0)
            return GSASL_NO_CB_TLS_UNIQUE;
        return set_base64(session, prop, span_of(s->binding->unique, s->binding->unique_n));
    default: return GSASL_NO_CALLBACK;
    }
}

void scram_setup(struct Gsasl *gsasl)
{
    gsasl_callback_set(gsasl, on_property);
}

int scram_server_new(struct Gsasl *gsasl,
                     bool plus,
                     const struct binding *binding,
                     scram_lookup lookup,
                     void *arg,
                     struct scram_server **out)
{
    struct scram_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    *s = (struct scram_server){.plus = plus, .binding = binding, .lookup = lookup, .arg = arg};
    if (gsasl_server_start(gsasl, plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256", &s->session) !=
        GSASL_OK) {
        free(s);
        return ERR_NOMEM;
    }
    gsasl_session_hook_set(s->session, s);
    *out = s;
    return 0;
}

static void drop_output(struct scram_server *s)
{
    gsasl_free(s->output);
    s->output = NULL;
}

void scram_server_free(struct scram_server *s)
{
    if (s == NULL)
        return;
    drop_output(s);
    gsasl_finish(s->session);
    free(s);
}

/* RFC 5802 §7, saslname: "=" only as "=2C" (a comma) and "=3D" (itself). GNU SASL lets others
 * through. */
static bool is_saslname(struct span name)
{
    ssize_t at;
    while ((at = span_chr(name, '=')) >= 0) {
        name = span_from(name, (size_t)at + 1);
        if (!span_starts(name, SPAN("2C")) && !span_starts(name, SPAN("3D")))
            return false;
    }
    return true;
}

/* RFC 5802 §7: gs2-cbind-flag "," [authzid] "," [reserved] "n=" saslname ",r=" …
 * -PLUS asks for "p="; without it "p=" is a contradiction, and "y" (the client could bind but
 * thinks we cannot) means that somebody took -PLUS out of our list, §6. */
static int check_first(const struct scram_server *s, struct span m)
{
    char flag = m.p[0];
    bool can_bind = s->binding->exporter_n > 0 || s->binding->unique_n > 0;
    if (flag != 'p' && flag != 'y' && flag != 'n')
        return ERR_INVALID;
    if ((flag == 'p') != s->plus || (flag == 'y' && can_bind))
        return ERR_AUTH_FAILED;
    (void)span_split(&m, ',');
    (void)span_split(&m, ',');
    if (!span_skip(&m, SPAN("n=")))
        return ERR_INVALID;
    char name[SCRAM_MESSAGE_MAX];
    char *prepared = NULL;
    struct span username = span_split(&m, ',');
    if (!is_saslname(username) || !span_to_cstr(username, name, sizeof name))
        return ERR_INVALID;
    /* GNU SASL 2.2 loses a few bytes for each name that comes out empty: such names stay outside.
     */
    int rc = gsasl_saslprep(name, GSASL_ALLOW_UNASSIGNED, &prepared, NULL);
    bool ok = rc == GSASL_OK && prepared != NULL && prepared[0] != '\0';
    gsasl_free(prepared);
    return ok ? 0 : ERR_INVALID;
}

int scram_server_step(struct scram_server *s, struct span input, struct span *output)
{
    size_t n = 0;
    int err = 0;
    if (input.n == 0 || input.n > SCRAM_MESSAGE_MAX || span_chr(input, '\0') >= 0)
        return ERR_INVALID;
    if (!s->started)
        err = check_first(s, input);
    s->started = true;
    if (err != 0)
        return err;
    drop_output(s);
    /* It reads some fields as C strings. */
    char *text = malloc(input.n + 1);
    if (text == NULL)
        return ERR_NOMEM;
    memcpy(text, input.p, input.n);
    text[input.n] = '\0';
    int rc = gsasl_step(s->session, text, input.n, &s->output, &n);
    free(text);
    if (s->err != 0)
        return s->err;
    switch (rc) {
    case GSASL_NEEDS_MORE: *output = span_of(s->output, n); return 1;
    case GSASL_OK: *output = span_of(s->output, n); return 0;
    case GSASL_MALLOC_ERROR: return ERR_NOMEM;
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_BASE64_ERROR:
    case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES: return ERR_INVALID;
    default: return ERR_AUTH_FAILED;
    }
}
