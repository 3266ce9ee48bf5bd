/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON writer: commas, keys and escapes, nothing else. */
#include "web/json_out.h"

#include "base/encode.h"

static void put_escaped(struct buf *to, struct span text)
{
    bool utf8 = span_is_utf8(text);
    buf_putc(to, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\')
            buf_printf(to, "\\%c", c);
        else if (c == '\0' || (c >= 0x80 && !utf8)) /* for a NUL jansson and others refuse it all */
            buf_puts(to, "\\ufffd");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(to, "\\u%04x", c);
        else
            buf_putc(to, (char)c);
    }
    buf_putc(to, '"');
}

static void put_key(struct json_out *j, const char *key)
{
    if (j->more)
        buf_putc(j->to, ',');
    j->more = true;
    if (key != NULL) {
        put_escaped(j->to, span_str(key));
        buf_putc(j->to, ':');
    }
}

void json_begin(struct json_out *j, const char *key, char bracket)
{
    put_key(j, key);
    buf_putc(j->to, bracket);
    j->more = false;
}

void json_end(struct json_out *j, char bracket)
{
    buf_putc(j->to, bracket);
    j->more = true;
}

void json_text(struct json_out *j, const char *key, struct span text)
{
    put_key(j, key);
    put_escaped(j->to, text);
}

void json_cstr(struct json_out *j, const char *key, const char *text)
{
    json_text(j, key, span_str(text));
}

void json_uint(struct json_out *j, const char *key, uint64_t n)
{
    put_key(j, key);
    buf_printf(j->to, "%llu", (unsigned long long)n);
}

void json_int(struct json_out *j, const char *key, int64_t n)
{
    put_key(j, key);
    buf_printf(j->to, "%lld", (long long)n);
}

void json_bool(struct json_out *j, const char *key, bool b)
{
    put_key(j, key);
    buf_puts(j->to, b ? "true" : "false");
}

void json_time(struct json_out *j, const char *key, int64_t wall_ms)
{
    put_key(j, key);
    if (wall_ms == 0) {
        buf_puts(j->to, "null");
        return;
    }
    buf_putc(j->to, '"');
    time_rfc3339(j->to, wall_ms);
    buf_putc(j->to, '"');
}
