/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: "code enhanced text" (RFC 5321 §4.2, RFC 2034). A line is at most 512 bytes
 * (§4.5.3.1.5): text that other rooms made is cut, never wrapped. Nothing a peer sent is echoed. */
#include "smtp/internal.h"

enum { REPLY_TEXT_MAX = 480 };

static void reply_line(
    struct smtp *s, int code, char separator, const char *enhanced, const char *fmt, va_list args)
{
    char text[REPLY_TEXT_MAX];
    (void)vsnprintf(text, sizeof text, fmt, args);
    for (char *c = text; *c != '\0'; c++) /* a line break in a text would be two replies */
        if ((unsigned char)*c < 32 || *c == 127)
            *c = ' ';
    buf_printf(s->s.out, "%d%c%s%s%s\r\n", code, separator, enhanced != NULL ? enhanced : "",
               enhanced != NULL ? " " : "", text);
}

void smtp_reply(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    reply_line(s, code, ' ', enhanced, fmt, args);
    va_end(args);
}

void smtp_reply_more(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    reply_line(s, code, '-', enhanced, fmt, args);
    va_end(args);
}

void smtp_reply_err(struct smtp *s, int err)
{
    const struct err_info *e = err_info(err);
    smtp_reply(s, e->smtp, e->enhanced, "%s", e->text);
}

enum step smtp_hang_up(struct smtp *s, const char *enhanced, const char *text)
{
    smtp_reply(s, 421, enhanced, "%s", text);
    return STEP_CLOSE;
}

enum step smtp_out_of_order(struct smtp *s, const char *text)
{
    if (!s->refused)
        return smtp_wrong(s, 503, "5.5.1", "%s", text);
    smtp_reply(s, 503, "5.5.1", "%s", text);
    return STEP_DONE;
}

enum step smtp_wrong(struct smtp *s, int code, const char *enhanced, const char *fmt, ...)
{
    if (++s->errors >= LIMIT_SMTP_ERRORS) {
        log_event(LOG_WARN, "smtp.too-many-errors", LOG_I("errors", s->errors));
        return smtp_hang_up(s, "4.7.0", "Too many errors, closing the connection");
    }
    va_list args;
    va_start(args, fmt);
    reply_line(s, code, ' ', enhanced, fmt, args);
    va_end(args);
    return STEP_DONE;
}
