/* SPDX-License-Identifier: Apache-2.0 */
/* A chain of blocks, the newest first; a request larger than a block gets one of its own. */
#include "base/arena.h"
#include "base/err.h"

#include <stdalign.h>
#include <stdarg.h>

enum { ARENA_BLOCK = 4096 };

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char data[];
};

struct arena {
    struct block *head;
    size_t max;
    size_t used;
    int err;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->max = max;
    return a;
}

static void blocks_free(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_shrink(struct arena *a)
{
    blocks_free(a->head);
    a->head = NULL;
    a->used = 0;
    a->err = 0;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_shrink(a);
    free(a);
}

void arena_reset(struct arena *a)
{
    struct block *keep = a->head;
    if (keep == NULL || keep->size > ARENA_BLOCK) {
        arena_shrink(a);
        return;
    }
    blocks_free(keep->next);
    keep->next = NULL;
    keep->used = 0;
    a->used = 0;
    a->err = 0;
}

static struct block *block_new(size_t size)
{
    struct block *b = malloc(sizeof *b + size);
    if (b != NULL) {
        b->next = NULL;
        b->size = size;
        b->used = 0;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = size == 0 ? 1 : size;
    if (need > a->max || a->used > a->max - need) {
        a->err = ERR_TOO_BIG;
        return NULL;
    }
    need = (need + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct block *b = a->head;
    if (b == NULL || b->size - b->used < need) {
        b = block_new(need > ARENA_BLOCK ? need : ARENA_BLOCK);
        if (b == NULL) {
            a->err = ERR_NOMEM;
            return NULL;
        }
        b->next = a->head;
        a->head = b;
    }
    void *p = b->data + b->used;
    b->used += need;
    a->used += need;
    return memset(p, 0, need);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        a->err = ERR_TOO_BIG;
        return NULL;
    }
    return arena_alloc(a, total);
}

struct span arena_dup(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n);
    if (p == NULL)
        return SPAN_EMPTY;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return span_of(p, s.n);
}

char *arena_cstr(struct arena *a, struct span s)
{
    if (s.n == SIZE_MAX || span_chr(s, '\0') >= 0)
        return NULL;
    char *p = arena_alloc(a, s.n + 1);
    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    must(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if (p != NULL)
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return p == NULL ? SPAN_EMPTY : span_of(p, (size_t)n);
}

int arena_err(const struct arena *a)
{
    return a->err;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
