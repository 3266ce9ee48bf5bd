/* SPDX-License-Identifier: Apache-2.0 */
/* What single keys ask of their values, what keys ask of each other, and the nearest known key. A
 * fault is found when the file is read, not when the server binds its ports half way. */
#include "base/config_impl.h"
#include "base/ip.h"

/* ---- single keys ------------------------------------------------------------------------- */

static bool check_hostname(struct span text, struct buf *why)
{
    bool ok = text.n > 0 && text.n <= 253;
    struct span rest = text;
    while (ok && rest.n > 0) {
        bool last = span_chr(rest, '.') < 0;
        struct span label = span_split(&rest, '.');
        ok = label.n > 0 && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-' &&
             (last || rest.n > 0);
        for (size_t i = 0; ok && i < label.n; i++)
            ok = ascii_is_alpha(label.p[i]) || ascii_is_digit(label.p[i]) || label.p[i] == '-';
    }
    if (!ok)
        buf_printf(why, "\"%.*s\" is not a host name; write for example mail.example.org",
                   SPAN_ARG(text));
    return ok;
}

static bool check_path(struct span text, struct buf *why)
{
    if (text.n == 0)
        buf_puts(why, "is empty; write the path of a file or folder");
    return text.n > 0;
}

static bool check_store(struct span text, struct buf *why)
{
    bool ok = span_eq(text, SPAN("sim:")) || (span_starts(text, SPAN("rocksdb:")) && text.n > 8);
    if (!ok)
        buf_printf(why, "\"%.*s\" is not an engine and its place; write for example rocksdb:store",
                   SPAN_ARG(text));
    return ok;
}

/* address:port, [IPv6]:port, *:port. */
static bool split_listen(struct span text, struct span *host, bool *any)
{
    ssize_t colon = span_rchr(text, ':');
    uint32_t port;
    struct span digits = colon < 0 ? SPAN_EMPTY : span_from(text, (size_t)colon + 1);
    if (colon < 0 || digits.n > 5 || !span_to_u32(digits, &port) || port > 65535)
        return false;
    *host = span_slice(text, 0, (size_t)colon);
    *any = span_eq(*host, SPAN("*"));
    bool brackets = span_skip(host, SPAN("["));
    if (brackets && !span_ends(*host, SPAN("]")))
        return false;
    if (brackets)
        *host = span_slice(*host, 0, host->n - 1);
    struct ip ip;
    return *any || (ip_parse(*host, &ip) && brackets == (span_chr(*host, ':') >= 0));
}

static bool check_listen(struct span text, struct buf *why)
{
    struct span host;
    bool any, ok = split_listen(text, &host, &any);
    if (!ok)
        buf_printf(why,
                   "\"%.*s\" is not an address and a port; write for example *:25, 192.0.2.1:25 or "
                   "[2001:db8::1]:25",
                   SPAN_ARG(text));
    return ok;
}

static bool check_metrics(struct span text, struct buf *why)
{
    struct span host;
    struct ip ip;
    bool any;
    bool ok = text.n == 0 || (split_listen(text, &host, &any) && !any && ip_parse(host, &ip) &&
                              ip_is_loopback(ip));
    if (!ok)
        buf_printf(
            why, "\"%.*s\" is not a loopback address and a port; write for example 127.0.0.1:9925",
            SPAN_ARG(text));
    return ok;
}

static bool check_network(struct span text, struct buf *why)
{
    struct ip_net net;
    bool ok = ip_net_parse(text, &net);
    if (!ok)
        buf_printf(why,
                   "\"%.*s\" is not a network; write for example 10.1.0.0/16 or 2001:db8::/32, "
                   "with only zeros behind its length",
                   SPAN_ARG(text));
    return ok;
}

/* One mark that may stand in a local part without quotes (RFC 5321 atext), and no letter or digit,
 * because those would cut ordinary names in two. */
static bool check_separator(struct span text, struct buf *why)
{
    bool ok = text.n == 0 || (text.n == 1 && span_chr(SPAN("+-_=#~!$%&*^{}|"), text.p[0]) >= 0);
    if (!ok)
        buf_printf(why,
                   "\"%.*s\" cannot separate; write one mark like + or -, or \"\" to switch it off",
                   SPAN_ARG(text));
    return ok;
}

static const struct {
    const char *key;
    bool (*check)(struct span text, struct buf *why);
} checks[] = {
    {"hostname", check_hostname},
    {"data", check_path},
    {"store", check_store},
    {"admin.socket", check_path},
    {"metrics.listen", check_metrics},
    {"listen.proxy_from", check_network},
    {"tls.certificate", check_path},
    {"tls.key", check_path},
    {"directory.sub_address_separator", check_separator},
};

bool config_text_check(const struct config_spec *spec, struct span text, struct buf *why)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++)
        if (strcmp(checks[i].key, spec->key) == 0)
            return checks[i].check(text, why);
    /* every other key of that section is a list of addresses */
    if (span_eq(config_section_of(spec->key), SPAN("listen")))
        return check_listen(text, why);
    return true;
}

/* ---- keys together ----------------------------------------------------------------------- */

void config_whole_check(const struct config *c, struct buf *why)
{
    bool tls_ports = c->listen_submissions.n > 0 || c->listen_pop3s.n > 0 || c->listen_imaps.n > 0;
    if (c->tls_cert.n != c->tls_key.n)
        buf_printf(why,
                   "tls.key: there are %zu keys and %zu certificates; write one key for each, in "
                   "the same order\n",
                   c->tls_key.n, c->tls_cert.n);
    if (c->tls_cert.n == 0 && tls_ports)
        buf_puts(why,
                 "tls.certificate: is empty, and listen.submissions, listen.pop3s or listen.imaps "
                 "need one; write for example tls/cert.pem\n");
    if (c->lock_time_max < c->lock_time)
        buf_puts(
            why,
            "lockout.time_max: is shorter than lockout.time; write the same or a longer time\n");
}

/* ---- the nearest key --------------------------------------------------------------------- */

/* Letters to add, drop, change or swap to make b of a (optimal string alignment). */
static size_t distance(struct span a, struct span b)
{
    enum { N = CONFIG_KEY_MAX + 1 };
    size_t d[3][N];
    if (a.n >= N || b.n >= N)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = d[i % 3], *up = d[(i - 1) % 3], *up2 = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = a.p[i - 1] == b.p[j - 1];
            size_t best = up[j - 1] + !same;
            best = up[j] + 1 < best ? up[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return d[a.n % 3][b.n];
}

const char *config_nearest(const char *section,
                           const char *name,
                           bool *is_section_out,
                           char store[static CONFIG_KEY_MAX])
{
    size_t best = SIZE_MAX;
    struct span want = span_str(name);
    for (size_t i = 0; i < config_specs_n; i++) {
        const char *key = config_specs[i].key;
        struct span its_section = config_section_of(key);
        /* the same name in another section is one step further than in its own */
        size_t d = distance(want, config_name_of(key)) + !span_eq(its_section, span_str(section));
        size_t whole = distance(want, span_str(key)); /* smtp.timeout = 5 */
        d = whole < d ? whole : d;
        if (d < best && span_to_cstr(span_str(key), store, CONFIG_KEY_MAX)) {
            best = d;
            *is_section_out = false;
        }
        if (section[0] != '\0' || its_section.n == 0)
            continue;
        d = distance(want, its_section);
        if (d < best && span_to_cstr(its_section, store, CONFIG_KEY_MAX)) {
            best = d;
            *is_section_out = true;
        }
    }
    /* "foo" is near to nothing: half of the letters must be right */
    return best <= 1 + want.n / 2 ? store : NULL;
}
