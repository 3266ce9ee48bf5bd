/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead serve, check-config, status, reload, metrics, help, completion. */
#include "base/config.h"
#include "base/err.h"
#include "cli/api.h"
#include "cli/certificates.h"
#include "cli/serve.h"
#include "cli/table.h"
#include "cli/verbs.h"

int verb_serve(struct cli *c)
{
    return serve_run(cli_config_path(c));
}

static void warn_certificate(struct cli *c, const struct tls_cert_info *info, size_t index)
{
    long long days = (long long)info->days_left;
    const char *hostname = c->config->hostname;
    enum certificate_state state = certificate_state(info, index);
    if (state == CERTIFICATE_EXPIRED)
        (void)cli_fail(c, "warning: the certificate %s expired %lld day%s ago", info->file, -days,
                       days == -1 ? "" : "s");
    else if (state == CERTIFICATE_EXPIRES_SOON)
        (void)cli_fail(c, "warning: the certificate %s expires in %lld day%s", info->file, days,
                       days == 1 ? "" : "s");
    /* beside the other: whoever renews it should know that it needs another name */
    if (index == 0 && !info->matches_host)
        (void)cli_fail(c, "warning: the certificate %s is for %s, not for this host name, %s",
                       info->file, info->subject[0] != '\0' ? info->subject : "no host at all",
                       hostname);
}

/* What the server would refuse is an error; what it would only log is a warning. */
static int check_certificates(struct cli *c)
{
    struct tls_context *tls = NULL;
    struct buf why;
    buf_init(&why, 64 * 1024);
    int code = CLI_OK;
    int err = certificates_load(c->config, clock_system(), &why, &tls);
    if (err != 0)
        code = cli_fail(c, "%.*s",
                        SPAN_ARG(why.n > 0 ? span_trim(buf_span(&why)) : span_str(err_text(err))));
    for (size_t i = 0; err == 0 && i < tls_cert_count(tls); i++) {
        struct tls_cert_info info;
        tls_cert_info(tls, i, clock_system(), c->config->hostname, &info);
        warn_certificate(c, &info, i);
    }
    if (err == 0)
        tls_context_unref(tls);
    buf_done(&why);
    return code;
}

int verb_check_config(struct cli *c)
{
    c->config_path = c->args_n > 0 ? c->args[0] : c->config_path;
    int code = api_config(c);
    if (code == CLI_OK)
        code = check_certificates(c);
    if (code != CLI_OK)
        return code;
    if (c->json)
        fputs("{\"ok\":true}\n", c->out);
    else
        fprintf(c->out, "%s is in order\n", c->config->path);
    return CLI_OK;
}

static void show_certificates(struct cli *c, json_t *list)
{
    size_t i;
    json_t *cert;
    json_array_foreach(list, i, cert)
    {
        long long days = (long long)api_int(cert, "days_left");
        fprintf(c->out, "Certificate:   %s: ", api_text(cert, "names"));
        if (days < 0)
            fprintf(c->out, "EXPIRED %lld day%s ago", -days, days == -1 ? "" : "s");
        else
            fprintf(c->out, "%lld days left", days);
        fprintf(c->out, "%s (%s)\n",
                /* the first is for clients that name no host; the others have their own names */
                i > 0 || json_is_true(json_object_get(cert, "matches_hostname"))
                    ? ""
                    : ", not for this host name",
                api_text(cert, "file"));
    }
}

int verb_status(struct cli *c)
{
    struct buf target;
    json_t *s;
    char text[32];
    api_target(&target, "/v1/status");
    int code = api_call(c, "GET", &target, false, NULL, &s);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, s);
        json_decref(s);
        return CLI_OK;
    }
    fprintf(c->out, "Server:        %s, Mailstead %s\n", api_text(s, "hostname"),
            api_text(s, "version"));
    fprintf(c->out, "Configuration: %s\n", api_text(s, "config"));
    fprintf(c->out, "Process:       user %s; %s\n", api_text(s, "user"),
            api_text(s, "confinement"));
    if (api_int(s, "restarts") > 0)
        fprintf(c->out, "Restarts:      %lld after a crash; see child.died in the log\n",
                (long long)api_int(s, "restarts"));
    if (api_int(s, "quarantined") > 0)
        fprintf(c->out, "Quarantine:    %lld units of work held back; see quarantine list\n",
                (long long)api_int(s, "quarantined"));
    fprintf(c->out, "Running for:   %s\n", human_seconds(api_int(s, "uptime_seconds"), text));
    fprintf(c->out, "Connections:   %lld open\n", (long long)api_int(s, "connections"));
    fprintf(c->out, "Workers:       %lld busy, %lld units of work waiting\n",
            (long long)api_int(s, "workers_busy"), (long long)api_int(s, "queue"));
    fprintf(c->out, "Since start:   %lld messages delivered, %lld logins, %lld failed\n",
            (long long)api_int(s, "messages_delivered"), (long long)api_int(s, "logins"),
            (long long)api_int(s, "logins_failed"));
    if (api_int(s, "store_free_bytes") > 0)
        fprintf(c->out, "Free space:    %s\n",
                human_bytes((uint64_t)api_int(s, "store_free_bytes"), text));
    fprintf(c->out, "Domains:       %lld, and %lld alias domains\n",
            (long long)api_int(s, "domains"), (long long)api_int(s, "alias_domains"));
    show_certificates(c, json_object_get(s, "certificates"));
    json_decref(s);
    return CLI_OK;
}

int verb_reload(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/reload");
    return api_do(c, "POST", &target, false, NULL, "Reloaded");
}

static int print_piece(void *arg, struct span piece)
{
    struct cli *c = arg;
    return fwrite(piece.p, 1, piece.n, c->out) == piece.n ? 0 : ERR_IO;
}

int verb_metrics(struct cli *c)
{
    struct http_answer answer = {0};
    int code = api_open(c);
    if (code != CLI_OK)
        return code;
    struct http_call call = {
        .method = "GET", .target = SPAN("/v1/metrics"), .on_piece = print_piece, .arg = c};
    int err = http_client_call(c->client, &call, &answer);
    if (err != 0 || answer.status != 200) {
        (void)!api_explain(c, err, &answer);
        code = CLI_TROUBLE;
    }
    buf_done(&answer.body);
    return code;
}

int verb_help(struct cli *c)
{
    if (cli_option(c, "--man") != NULL) {
        cli_man(c->out);
        return CLI_OK;
    }
    if (cli_option(c, "--man-config") != NULL) {
        cli_man_config(c->out);
        return CLI_OK;
    }
    if (c->args_n == 0 || (c->args_n == 1 && cli_is_group(c->args[0]))) {
        cli_help_all(c->out, c->args_n > 0 ? c->args[0] : NULL);
        return CLI_OK;
    }
    const struct cli_verb *verb = cli_verb_find(c->args[0], c->args_n > 1 ? c->args[1] : NULL);
    if (verb == NULL)
        return cli_usage(c, "there is no command \"%s%s%s\"", c->args[0], c->args_n > 1 ? " " : "",
                         c->args_n > 1 ? c->args[1] : "");
    cli_help_verb(c->out, verb);
    return CLI_OK;
}

int verb_completion(struct cli *c)
{
    if (strcmp(c->args[0], "bash") != 0)
        return cli_usage(c, "there is completion for bash only");
    cli_bash(c->out);
    return CLI_OK;
}
