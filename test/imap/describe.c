/* SPDX-License-Identifier: Apache-2.0 */
/* What IMAP would say of messages in files, for compare.py: for each "message PATH", then with the number of their bytes
 * and the bytes "envelope", "structure" (IMAP4rev1), and "leaf" for each part that has no parts, decoded, in order. */
#include "base/err.h"
#include "imap/print.h"
#include "message/transfer.h"

#include <inttypes.h>

static void load(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    must(f != NULL);
    for (;;) {
        char *room = buf_room(out, 65536);
        must(room != NULL);
        size_t n = fread(room, 1, 65536, f);
        if (n == 0)
            break;
        buf_added(out, n);
    }
    (void)fclose(f);
}

static void put(const char *what, const struct buf *text)
{
    must(text->err == 0);
    printf("%s %zu\n", what, text->n);
    (void)fwrite(text->p, 1, text->n, stdout);
    (void)putchar('\n');
}

static void describe(struct span message)
{
    struct arena *a = arena_new(MIME_ARENA);
    struct mime_part *root;
    struct buf text;
    buf_init(&text, 64 * 1024 * 1024);
    must(mime_parse(message, a, &root) == 0);
    imap_print_envelope(&text, root->envelope, 0);
    put("envelope", &text);
    buf_clear(&text);
    imap_print_structure(&text, root, true, 0);
    put("structure", &text);
    for (const struct mime_part *p = root; p != NULL; p = mime_next(p)) {
        struct transfer_decoder d;
        if (p->kind != MIME_LEAF)
            continue;
        buf_clear(&text);
        transfer_decode_init(&d, p->encoding, false);
        transfer_decode(&d, span_slice(message, mime_body_offset(p), p->body_size), &text);
        transfer_decode_end(&d, &text);
        put("leaf", &text);
    }
    buf_done(&text);
    arena_free(a);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct buf message;
        buf_init(&message, 64 * 1024 * 1024);
        load(argv[i], &message);
        printf("message %s\n", argv[i]);
        describe(buf_span(&message));
        buf_done(&message);
    }
    return 0;
}
