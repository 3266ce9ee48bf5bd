/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/keys.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/pack.h"

struct part part_of_domains(void)
{
    return (struct part){PART_DOMAINS, 0};
}

struct part part_of_shard(unsigned shard)
{
    return (struct part){PART_DIRECTORY, shard};
}

struct part part_of_address(const struct address *address)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < address->whole.n; i++)
        h = (h ^ (uint8_t)address->whole.p[i]) * 0x100000001b3;
    return part_of_shard((unsigned)((h ^ h >> 32) % DIRECTORY_SHARDS));
}

static struct span key_done(struct buf *b, struct arena *a)
{
    struct span key = b->err == 0 ? arena_dup(a, buf_span(b)) : SPAN_EMPTY;
    buf_done(b);
    return key;
}

struct span key_of_kind(uint8_t kind, struct arena *a)
{
    return arena_dup(a, span_of(&kind, 1));
}

struct span key_of_name(uint8_t kind, struct span name, struct arena *a)
{
    struct buf b;
    buf_init(&b, LIMIT_STORE_KEY);
    pack_key_u8(&b, kind);
    pack_key_span(&b, name);
    return key_done(&b, a);
}

struct span key_of_address(uint8_t kind, const struct address *address, struct arena *a)
{
    struct buf b;
    buf_init(&b, LIMIT_STORE_KEY);
    pack_key_u8(&b, kind);
    pack_key_span(&b, address->domain);
    pack_key_span(&b, address->local);
    return key_done(&b, a);
}

struct span key_of_removed(int64_t removed_ms, const struct address *address, struct arena *a)
{
    struct buf b;
    buf_init(&b, LIMIT_STORE_KEY);
    pack_key_u8(&b, KEY_REMOVED);
    pack_key_u64(&b, (uint64_t)removed_ms);
    pack_key_span(&b, address->domain);
    pack_key_span(&b, address->local);
    return key_done(&b, a);
}

struct span key_of_ids(void)
{
    return SPAN("directory.account-id");
}

struct span key_after(struct span key, struct arena *a)
{
    char *p = key.p != NULL ? arena_alloc(a, key.n + 1) : NULL;
    if (p == NULL)
        return SPAN_EMPTY;
    memcpy(p, key.p, key.n);
    p[key.n] = '\0';
    return span_of(p, key.n + 1);
}

static int take_text(struct unpack *u, struct arena *a, struct span *out)
{
    struct buf text;
    buf_init(&text, LIMIT_STORE_KEY);
    unpack_key_span(u, &text);
    int err = u->bad || text.n == 0 ? ERR_CORRUPT : text.err;
    if (err == 0) {
        *out = arena_dup(a, buf_span(&text));
        err = out->p != NULL ? 0 : arena_err(a);
    }
    buf_done(&text);
    return err;
}

static int take_address(struct unpack *u, struct arena *a, struct address *out)
{
    struct span domain;
    struct span local;
    int err = take_text(u, a, &domain);
    if (err == 0)
        err = take_text(u, a, &local);
    if (err == 0 && !unpack_at_end(u))
        err = ERR_CORRUPT;
    if (err == 0)
        err = address_join(local, domain, a, out);
    return err == ERR_BAD_ADDRESS ? ERR_CORRUPT : err;
}

int key_address(struct span key, struct arena *a, struct address *out)
{
    struct unpack u = unpack_of(span_from(key, 1));
    return take_address(&u, a, out);
}

int key_removed(struct span key, struct arena *a, int64_t *removed_ms, struct address *out)
{
    struct unpack u = unpack_of(span_from(key, 1));
    uint64_t ms = unpack_key_u64(&u);
    if (u.bad || ms > INT64_MAX)
        return ERR_CORRUPT;
    int err = take_address(&u, a, out);
    if (err == 0)
        *removed_ms = (int64_t)ms;
    return err;
}

int directory_key_name(struct span key, struct arena *a, struct span *out)
{
    struct unpack u = unpack_of(span_from(key, 1));
    struct span name;
    int err = take_text(&u, a, &name);
    if (err == 0 && !unpack_at_end(&u))
        err = ERR_CORRUPT;
    if (err == 0)
        *out = name;
    return err;
}
