/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API from the client's side. One connection a command. */
#include "cli/api.h"

#include "base/config.h"
#include "base/err.h"
#include "http/request.h"

#include <stdarg.h>

const char *cli_config_path(const struct cli *c)
{
    if (c->config_path != NULL)
        return c->config_path;
    const char *path = getenv("MAILSTEAD_CONFIG");
    return path != NULL && path[0] != '\0' ? path : "/etc/mailstead/mailstead.conf";
}

int api_config(struct cli *c)
{
    if (c->config != NULL)
        return CLI_OK;
    struct buf why;
    buf_init(&why, 64 * 1024);
    const char *path = cli_config_path(c);
    int err = config_load(path, &why, &c->config);
    int code = CLI_OK;
    if (err == ERR_NOT_FOUND)
        code =
            cli_fail(c,
                     "there is no configuration file %s; name yours with --config FILE, or make an "
                     "installation with: mailstead init DIR --domain DOMAIN",
                     path);
    else if (err != 0 && why.n > 0)
        code = cli_fail(c, "%.*s", SPAN_ARG(span_trim(buf_span(&why))));
    else if (err != 0)
        code = cli_fail(c, "%s: %s", path, err_text(err));
    buf_done(&why);
    return code;
}

void api_target(struct buf *to, const char *pattern, ...)
{
    va_list args;
    buf_init(to, 64 * 1024);
    va_start(args, pattern);
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '%')
            http_encode(to, span_str(va_arg(args, const char *)));
        else
            buf_putc(to, *pattern);
    }
    va_end(args);
}

int api_try(struct cli *c)
{
    return c->client != NULL ? 0 : http_client_open(c->config->admin_socket, &c->client);
}

int api_open(struct cli *c)
{
    int code = api_config(c);
    if (code != CLI_OK)
        return code;
    int err = api_try(c);
    const char *socket = c->config->admin_socket;
    switch (err) {
    case 0: return CLI_OK;
    case ERR_NOT_FOUND:
    case ERR_UNAVAILABLE:
        return cli_fail(c,
                        "the server is not running (nobody answers on %s); start it with: "
                        "mailstead serve --config %s",
                        socket, c->config->path);
    case ERR_DENIED:
        return cli_fail(c, "you may not use the admin socket %s; become its owner (or root) first",
                        socket);
    default: return cli_fail(c, "the admin socket %s cannot be used: %s", socket, err_text(err));
    }
}

static int err_of_name(const char *name)
{
    for (int i = 1; i < ERR_INDEX_END; i++)
        if (strcmp(err_name(-i), name) == 0)
            return -i;
    return ERR_INVALID;
}

int api_explain(struct cli *c, int err, const struct http_answer *answer)
{
    if (err == ERR_CLOSED) {
        cli_fail(c, "the server closed the connection; its log says why");
        return err;
    }
    if (err != 0) {
        cli_fail(c, "the request failed: %s", err_text(err));
        return err;
    }
    json_t *root = json_loadb(answer->body.n > 0 ? answer->body.p : "", answer->body.n, 0, NULL);
    json_t *error = json_object_get(root, "error");
    const char *message = api_text(error, "message");
    err = error != NULL ? err_of_name(api_text(error, "code")) : ERR_INVALID;
    if (message[0] != '\0')
        cli_fail(c, "%s", message);
    else
        cli_fail(c, "the server answered with HTTP status %d", answer->status);
    json_decref(root);
    return err;
}

int api_call(struct cli *c,
             const char *method,
             struct buf *target,
             bool has_body,
             json_t *body,
             json_t **out)
{
    char *text = has_body ? json_dumps(body, JSON_COMPACT) : NULL;
    int code = CLI_OK;
    json_decref(body);
    if (has_body && text == NULL)
        code = cli_usage(c, "an argument is not UTF-8 text");
    else
        code = api_open(c);
    struct http_answer answer = {0};
    if (code == CLI_OK) {
        struct http_call call = {.method = method, .target = buf_span(target)};
        if (has_body) {
            call.type = "application/json";
            call.body = span_str(text);
        }
        int err = target->err != 0 ? target->err : http_client_call(c->client, &call, &answer);
        if (err != 0 || answer.status >= 300) {
            (void)!api_explain(c, err, &answer);
            code = CLI_TROUBLE;
        }
    }
    if (code == CLI_OK && out != NULL) {
        *out = json_loadb(answer.body.n > 0 ? answer.body.p : "", answer.body.n, 0, NULL);
        if (!json_is_object(*out)) {
            json_decref(*out);
            code = cli_fail(c, "the server's answer is not JSON");
        }
    }
    buf_done(&answer.body);
    buf_done(target);
    free(text);
    return code;
}

int api_do(struct cli *c,
           const char *method,
           struct buf *target,
           bool has_body,
           json_t *body,
           const char *said,
           ...)
{
    json_t *answer;
    int code = api_call(c, method, target, has_body, body, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
    } else {
        va_list args;
        va_start(args, said);
        (void)vfprintf(c->out, said, args);
        va_end(args);
        fputc('\n', c->out);
    }
    json_decref(answer);
    return CLI_OK;
}

const char *api_text(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

int64_t api_int(json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name));
}

void api_print(struct cli *c, json_t *object)
{
    (void)json_dumpf(object, c->out, JSON_COMPACT);
    fputc('\n', c->out);
}
