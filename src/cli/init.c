/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead init DIR --domain D: an installation from nothing: a commented configuration, a
 * self-signed certificate to start with, an empty store that serves the domain. Works without a
 * server. The configuration is written last: where it is, everything else is, also after loss of power. */
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/files.h"
#include "base/random.h"
#include "cli/self_signed.h"
#include "cli/verbs.h"
#include "directory/address.h"
#include "directory/directory.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

/* Makes the folder if need be. */
static int empty_folder(struct cli *c, const char *path)
{
    if (mkdir(path, 0700) == 0)
        return CLI_OK;
    if (errno != EEXIST)
        return cli_fail(c, "the folder %s cannot be made: %s", path, strerror(errno));
    DIR *dir = opendir(path);
    if (dir == NULL)
        return cli_fail(c, "%s cannot be read: %s", path, strerror(errno));
    bool any = false;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        any = any || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0);
    closedir(dir);
    return any ? cli_fail(c, "%s is not empty; an installation starts in an empty folder", path)
               : CLI_OK;
}

static int make_store(struct cli *c, const struct config *config, const char *domain)
{
    struct store *store = NULL;
    struct directory *directory = NULL;
    struct buf why;
    struct store_options options = {.clock = clock_system(), .rng = rng_system(), .create = true};
    buf_init(&why, 4096);
    int err = store_open(config->store, &options, &why, &store);
    if (err == 0) {
        struct directory_options with = {.store = store,
                                         .clock = options.clock,
                                         .rng = options.rng,
                                         .sub_address = config->sub_address,
                                         .remove_grace_ms = config->remove_grace_days * 86400000};
        err = directory_new(&with, &directory);
    }
    if (err == 0) {
        struct domain d = {.name = span_str(domain)};
        err = domain_add(directory, &d);
    }
    directory_free(directory);
    store_close(store);
    int code = CLI_OK;
    if (err != 0)
        code = cli_fail(c, "the store could not be made: %.*s",
                        SPAN_ARG(why.n > 0 ? span_trim(buf_span(&why)) : span_str(err_text(err))));
    buf_done(&why);
    return code;
}

/* The configuration, and the names of all that was made, including DIR's own. */
static int finish(struct cli *c, const char *dir, const char *path, struct span text)
{
    if (file_make(path, 0600, text) != 0)
        return cli_fail(c, "%s cannot be written: %s", path, strerror(errno));
    if (folder_sync(dir) != 0 || folder_sync_above(dir) != 0)
        return cli_fail(c, "%s cannot be written: %s", dir, strerror(errno));
    return CLI_OK;
}

static int make_all(struct cli *c, const char *dir, const char *domain, const char *hostname)
{
    const char *const set[] = {
        "hostname",        hostname,       "data",    ".",           "store", "rocksdb:store",
        "tls.certificate", "tls/cert.pem", "tls.key", "tls/key.pem", NULL};
    char path[PATH_BYTES], tls[PATH_BYTES];
    struct buf text, why;
    buf_init(&text, 1024 * 1024);
    buf_init(&why, 64 * 1024);
    config_write_commented(&text, set);
    int n = snprintf(path, sizeof path, "%s/mailstead.conf", dir);
    int m = snprintf(tls, sizeof tls, "%s/tls", dir);
    int code = CLI_OK;
    if (n < 0 || (size_t)n >= sizeof path || m < 0)
        code = cli_fail(c, "the path %s is too long", dir);
    else if (text.err != 0)
        code = cli_fail(c, "%s", err_text(text.err));
    else if (config_parse(buf_span(&text), path, &why, &c->config) != 0)
        code = cli_fail(c, "%.*s", SPAN_ARG(span_trim(buf_span(&why))));
    if (code == CLI_OK && mkdir(tls, 0700) != 0)
        code = cli_fail(c, "the folder %s cannot be made: %s", tls, strerror(errno));
    if (code == CLI_OK && self_signed_make(tls, hostname, &why) != 0)
        code = cli_fail(c, "the certificate could not be made: %.*s", SPAN_ARG(buf_span(&why)));
    if (code == CLI_OK)
        code = make_store(c, c->config, domain);
    if (code == CLI_OK)
        code = finish(c, dir, path, buf_span(&text));
    buf_done(&text);
    buf_done(&why);
    return code;
}

static void say_next(struct cli *c, const char *dir, const char *domain, const char *hostname)
{
    if (c->json) {
        json_t *o = json_pack("{s:o,s:s,s:s}", "config", json_sprintf("%s/mailstead.conf", dir),
                              "domain", domain, "hostname", hostname);
        (void)json_dumpf(o, c->out, JSON_COMPACT);
        fputc('\n', c->out);
        json_decref(o);
        return;
    }
    const char *quote = strpbrk(dir, " $&;()*?<>|\"\\`~#") != NULL ? "'" : "";
    fprintf(
        c->out,
        "Made an installation for %s in %s.\n"
        "Next:\n"
        "  mailstead serve --config %s%s/mailstead.conf%s\n"
        "  mailstead account add somebody@%s --config %s%s/mailstead.conf%s\n"
        "The certificate for %s is self-signed: put a real one into %s/tls before others use it.\n",
        domain, dir, quote, dir, quote, domain, quote, dir, quote, hostname, dir);
}

int verb_init(struct cli *c)
{
    const char *domain = cli_option(c, "--domain"), *hostname = cli_option(c, "--hostname");
    char named[300];
    char dir[PATH_BYTES];
    struct span normal;
    if (domain == NULL)
        return cli_usage(c, "say which domain to serve: --domain example.org");
    struct arena *a = arena_new(64 * 1024);
    bool good = a != NULL && domain_normalize(span_str(domain), a, &normal) == 0;
    arena_free(a);
    if (!good)
        return cli_usage(c, "\"%s\" is not a domain name", domain);
    if (hostname == NULL) {
        snprintf(named, sizeof named, "mail.%s", domain);
        hostname = named;
    }
    int code = empty_folder(c, c->args[0]);
    if (code != CLI_OK)
        return code;
    /* absolute, so that what is printed works from everywhere */
    char *real = realpath(c->args[0], NULL);
    if (real == NULL || strlen(real) + 64 > sizeof dir) {
        free(real);
        return cli_fail(c, "the path %s cannot be used", c->args[0]);
    }
    snprintf(dir, sizeof dir, "%s", real);
    free(real);
    code = make_all(c, dir, domain, hostname);
    if (code == CLI_OK)
        say_next(c, dir, domain, hostname);
    else
        fprintf(c->err, "mailstead: %s is incomplete; remove it and try again\n", dir);
    return code;
}
