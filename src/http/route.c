/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: path patterns against request targets. The target is cut at '/' BEFORE it is decoded (RFC
 * 3986 §2.4), so an address that holds an encoded slash stays one segment. A table of a few dozen
 * rows is walked from the top: a tree would be more code and no faster here. */
#include "base/err.h"
#include "http/request.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int http_decode(struct span text, bool plus, struct arena *a, struct span *out)
{
    char *to = arena_alloc(a, text.n + 1);
    if (to == NULL)
        return arena_err(a);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            if (text.n - i < 3)
                return ERR_INVALID;
            int high = hex_digit(text.p[i + 1]), low = hex_digit(text.p[i + 2]);
            if (high < 0 || low < 0)
                return ERR_INVALID;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return ERR_INVALID;
        to[n++] = c;
    }
    *out = span_of(to, n);
    return 0;
}

void http_encode(struct buf *out, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        /* unreserved, RFC 3986 §2.3, and '@', which pchar allows and addresses are full of */
        if (ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("-._~@", c) != NULL)) {
            buf_putc(out, c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, digits[(unsigned char)c >> 4]);
            buf_putc(out, digits[(unsigned char)c & 15]);
        }
    }
}

/* Does the path fit the pattern? 1, 0, or an error of decoding. */
static int pattern_match(const char *pattern, struct span path, struct http_request *r)
{
    struct span want = span_str(pattern);
    size_t params = 0;
    while (want.n > 0 && path.n > 0) {
        struct span segment = span_split(&want, '/');
        bool more = path.n > 0 && span_chr(path, '/') >= 0;
        struct span got = span_split(&path, '/');
        if (span_starts(segment, SPAN("{"))) {
            must(params < HTTP_PARAMS_MAX);
            if (got.n == 0)
                return 0;
            int err = http_decode(got, false, r->arena, &r->params[params++]);
            if (err != 0)
                return err;
        } else if (!span_eq(segment, got)) {
            return 0;
        }
        if (more && path.n == 0) /* ends with '/': another path */
            return 0;
    }
    return want.n == 0 && path.n == 0;
}

int http_route_find(const struct http_server *server, struct http_request *r, struct buf *allow)
{
    bool head = span_eq(r->method, SPAN("HEAD"));
    for (size_t i = 0; i < server->routes_n; i++) {
        const struct http_route *route = &server->routes[i];
        int fits = pattern_match(route->pattern, r->path, r);
        if (fits < 0)
            return fits;
        if (fits == 0)
            continue;
        struct span method = span_str(route->method);
        if (span_eq(method, r->method) || (head && span_eq(method, SPAN("GET")))) {
            r->route = route;
            return 0;
        }
        buf_printf(allow, "%s%s", allow->n > 0 ? ", " : "", route->method);
    }
    return allow->n > 0 ? ERR_UNSUPPORTED : ERR_NOT_FOUND;
}

bool http_query(struct http_request *r, struct span name, struct span *value_out)
{
    struct span rest = r->query;
    while (rest.n > 0) {
        struct span value = span_split(&rest, '&');
        struct span key = span_split(&value, '=');
        struct span decoded;
        if (http_decode(key, true, r->arena, &decoded) == 0 && span_eq(decoded, name))
            return http_decode(value, true, r->arena, value_out) == 0;
    }
    return false;
}

struct span http_field_find(const struct http_request *r, struct span name)
{
    for (size_t i = 0; i < r->fields_n; i++)
        if (span_ieq(r->fields[i].name, name))
            return r->fields[i].value;
    return SPAN_EMPTY;
}
