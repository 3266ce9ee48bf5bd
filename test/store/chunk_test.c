/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks as they lie on the disk, digests, and stores that an older program has written. */
#include "fixture.h"

#include "store/internal.h"

#include "base/encode.h"
#include "base/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

static struct chunk_tools *tools;

static int tools_setup(void **state)
{
    (void)state;
    tools = chunk_tools_new();
    return tools == NULL;
}

static int tools_teardown(void **state)
{
    (void)state;
    chunk_tools_free(tools);
    return 0;
}

static struct span key_a = {"0123456789abcdef\0\0\0\0", 20},
                   key_b = {"0123456789abcdef\0\0\0\1", 20};

/* What is sealed can be read in pieces; where it need not stay it is overwritten first. */
static void pieces_are(struct span content, struct buf *sealed)
{
    struct chunk_view v;
    struct buf got;
    size_t piece = content.n / 7 + 1;
    buf_init(&got, content.n + 1);
    assert_int_equal(chunk_view_open(tools, key_a, buf_span(sealed), content.n, &v), 0);
    assert_int_equal(v.n, content.n);
    if (!v.borrows)
        memset(sealed->p, 'x', sealed->n);
    for (size_t at = 0; at < content.n; at += piece)
        assert_int_equal(chunk_view_read(&v, at, piece, &got), 0);
    assert_true(span_eq(buf_span(&got), content));
    buf_clear(&got);
    assert_int_equal(chunk_view_read(&v, content.n / 2, content.n, &got), 0);
    assert_int_equal(chunk_view_read(&v, content.n + 5, 1, &got), 0);
    assert_true(span_eq(buf_span(&got), span_from(content, content.n / 2)));
    chunk_view_done(&v);
    chunk_view_done(&v);
    buf_done(&got);
}

/* Text, noise and nothing, of sizes around the limits. */
static void what_is_sealed_opens(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 2048, 131072, STORE_CHUNK - 1, STORE_CHUNK};
    struct arena *a = arena_new(64 << 20);
    struct buf sealed, opened;
    buf_init(&sealed, chunk_sealed_max(STORE_CHUNK));
    buf_init(&opened, STORE_CHUNK);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int text = 0; text < 2; text++) {
            char *content = arena_alloc(a, sizes[i] + 1);
            assert_non_null(content);
            for (size_t k = 0; k < sizes[i]; k++)
                content[k] = text != 0 ? "mail "[k % 5] : (char)(k * k * 2654435761u >> 13);
            struct span s = span_of(content, sizes[i]);
            buf_clear(&sealed);
            buf_clear(&opened);
            assert_int_equal(chunk_seal(tools, key_a, s, &sealed), 0);
            assert_true(sealed.n <= s.n + 9);
            assert_true(text == 0 || s.n < 2048 || sealed.n < s.n / 8);
            assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), s.n, &opened), 0);
            assert_true(span_eq(buf_span(&opened), s));
            pieces_are(s, &sealed);
        }
    }
    buf_done(&sealed);
    buf_done(&opened);
    arena_free(a);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    struct buf sealed, opened;
    static const char text[] = "mail mail mail mail mail mail mail mail mail mail mail mail mail ";
    buf_init(&sealed, 4096);
    buf_init(&opened, 4096);
    for (int packed = 0; packed < 2; packed++) {
        struct span content = packed != 0 ? span_of(text, sizeof(text)) : SPAN("abcdefg");
        buf_clear(&sealed);
        assert_int_equal(chunk_seal(tools, key_a, content, &sealed), 0);
        assert_int_equal(chunk_open(tools, key_b, buf_span(&sealed), 4096, &opened), ERR_CORRUPT);
        assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), content.n - 1, &opened),
                         ERR_CORRUPT);
        for (size_t bit = 0; bit < sealed.n * 8; bit++) {
            sealed.p[bit / 8] = (char)(sealed.p[bit / 8] ^ 1 << bit % 8);
            assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), 4096, &opened),
                             ERR_CORRUPT);
            sealed.p[bit / 8] = (char)(sealed.p[bit / 8] ^ 1 << bit % 8);
        }
        for (size_t n = 0; n < sealed.n; n++)
            assert_int_equal(
                chunk_open(tools, key_a, span_slice(buf_span(&sealed), 0, n), 4096, &opened),
                ERR_CORRUPT);
        assert_int_equal(opened.n, 0);
    }
    buf_done(&sealed);
    buf_done(&opened);
}

/* A text and an attachment; of noise, of something that can be packed, or of both in turn. */
static void put_mail(struct buf *b, size_t lines, const char *bytes_of)
{
    char bytes[57];
    uint32_t noise = 7;
    for (size_t i = 0; i < 100; i++)
        buf_puts(b, "This is the text of the message, and it says the same again.\r\n");
    for (size_t i = 0; i < lines; i++) {
        bool is_noise = bytes_of[i % strlen(bytes_of)] == 'n';
        for (size_t k = 0; k < sizeof(bytes); k++) {
            noise = noise * 1664525 + 1013904223;
            bytes[k] = is_noise ? (char)(noise >> 24) : (char)(i % 7 + k % 5);
        }
        base64_encode(b, span_of(bytes, sizeof(bytes)));
        buf_puts(b, "\r\n");
    }
    buf_puts(b, "QQ==\r\n--=_1--\r\n");
}

static void attachments_become_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes_of;
        size_t percent; /* of the content, at most */
    } rows[] = {{"n", 74}, {"p", 10}, {"np", 50}};
    struct buf content, sealed, opened;
    buf_init(&content, STORE_CHUNK);
    buf_init(&sealed, chunk_sealed_max(STORE_CHUNK));
    buf_init(&opened, STORE_CHUNK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t lines = 1; lines < 13000; lines = lines * 3 + 1) {
            buf_clear(&content);
            buf_clear(&sealed);
            buf_clear(&opened);
            put_mail(&content, lines, rows[i].bytes_of);
            struct span s = buf_span(&content);
            assert_int_equal(chunk_seal(tools, key_a, s, &sealed), 0);
            assert_true(lines < 400 || sealed.n < s.n * rows[i].percent / 100);
            assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), s.n, &opened), 0);
            assert_true(span_eq(buf_span(&opened), s));
            pieces_are(s, &sealed);
        }
    }
    buf_done(&content);
    buf_done(&sealed);
    buf_done(&opened);
}

/* Also where the sum was made anew: then what is wrong inside must be refused, or be some content. */
static void damage_to_lines_is_noticed(void **state)
{
    (void)state;
    struct buf content, sealed, opened;
    buf_init(&content, STORE_CHUNK);
    buf_init(&sealed, chunk_sealed_max(STORE_CHUNK));
    buf_init(&opened, STORE_CHUNK);
    for (int packed = 0; packed < 2; packed++) {
        buf_clear(&content);
        buf_clear(&sealed);
        put_mail(&content, 110, packed != 0 ? "p" : "n");
        size_t n = content.n;
        assert_int_equal(chunk_seal(tools, key_a, buf_span(&content), &sealed), 0);
        assert_int_equal(sealed.p[sealed.n - 9], 2);
        assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), n - 1, &opened), ERR_CORRUPT);
        for (size_t at = 0; at < sealed.n; at++) {
            sealed.p[at] = (char)(sealed.p[at] ^ 1 << at % 8);
            assert_int_equal(chunk_open(tools, key_a, buf_span(&sealed), n, &opened), ERR_CORRUPT);
            assert_int_equal(opened.n, 0);
            struct buf again;
            buf_init(&again, sealed.n);
            buf_put(&again, span_slice(buf_span(&sealed), 0, sealed.n - 8));
            pack_key_u64(&again,
                         XXH3_64bits_withSeed(again.p, again.n, XXH3_64bits(key_a.p, key_a.n)));
            int rc = chunk_open(tools, key_a, buf_span(&again), n, &opened);
            assert_true(rc == ERR_CORRUPT || (rc == 0 && opened.n <= n));
            buf_clear(&opened);
            buf_done(&again);
            sealed.p[at] = (char)(sealed.p[at] ^ 1 << at % 8);
        }
    }
    buf_done(&content);
    buf_done(&sealed);
    buf_done(&opened);
}

static void digest_of(enum digest_kind kind, struct span content, uint8_t out[DIGEST_BYTES])
{
    struct digest d;
    digest_init(&d, kind);
    digest_update(&d, span_slice(content, 0, 1));
    digest_update(&d, span_from(content, 1));
    assert_int_equal(digest_final(&d, out), 0);
}

/* FIPS 180-2's example, and what b2sum -l 256 says. */
static void digests_are_those_of_the_standards(void **state)
{
    (void)state;
    static const uint8_t sha[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea},
                         blake[] = {0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72};
    uint8_t out[DIGEST_BYTES];
    digest_of(DIGEST_SHA256, SPAN("abc"), out);
    assert_memory_equal(out, sha, sizeof(sha));
    digest_of(DIGEST_BLAKE2B, SPAN("abc"), out);
    assert_memory_equal(out, blake, sizeof(blake));
}

/* ---- stores of older formats --------------------------------------------------------------- */

/* The rows of one blob, whose chunk is `row`. */
static void write_rows(
    struct store *s, struct blob_id id, struct span content, enum digest_kind kind, struct span row)
{
    struct blob_head head = {
        .size = content.n, .chunk_size = STORE_CHUNK, .chunks = 1, .digest_kind = kind};
    digest_of(kind, content, head.digest);
    struct fixed_key head_key, chunk_key;
    key_head(&head_key, id);
    key_chunk(&chunk_key, id, 0);
    struct buf head_row;
    char sum[STORE_FRAME];
    buf_init(&head_row, 256);
    blob_head_pack(&head_row, &head);
    frame_sum(CF_META, fixed_key_span(&head_key), buf_span(&head_row), sum);
    buf_put(&head_row, span_of(sum, sizeof(sum)));
    struct engine_op ops[] = {
        {OP_PUT, CF_META, fixed_key_span(&head_key), buf_span(&head_row)},
        {OP_PUT, CF_CHUNKS, fixed_key_span(&chunk_key), row},
    };
    assert_int_equal(s->engine->vt->commit(s->engine, ops, 2, true), 0);
    buf_done(&head_row);
}

/* As the program of then had it: with the frame of a record. */
static void write_as_format_1(struct store *s, struct blob_id id, struct span content)
{
    struct fixed_key key;
    struct buf row;
    char sum[STORE_FRAME];
    key_chunk(&key, id, 0);
    buf_init(&row, 4096);
    buf_put(&row, content);
    frame_sum(CF_CHUNKS, fixed_key_span(&key), content, sum);
    buf_put(&row, span_of(sum, sizeof(sum)));
    write_rows(s, id, content, DIGEST_BLAKE2B, buf_span(&row));
    buf_done(&row);
}

/* Packed by zstd, whatever it is. */
static void write_as_format_2(struct store *s, struct blob_id id, struct span content)
{
    struct fixed_key key;
    struct buf row;
    key_chunk(&key, id, 0);
    buf_init(&row, 4096);
    char *room = buf_room(&row, 4000);
    assert_non_null(room);
    size_t n = ZSTD_compress(room, 4000, content.p, content.n, 1);
    assert_false(ZSTD_isError(n));
    buf_added(&row, n);
    buf_putc(&row, 1);
    pack_key_u64(&row, XXH3_64bits_withSeed(row.p, row.n, XXH3_64bits(key.b, key.n)));
    write_rows(s, id, content, DIGEST_SHA256, buf_span(&row));
    buf_done(&row);
}

static void format_file(struct fixture *f, char *text, size_t max, const char *write_this)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/store/FORMAT", f->folder);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (write_this != NULL)
        assert_true(write(fd, write_this, strlen(write_this)) > 0);
    else
        text[read(fd, text, max - 1)] = '\0';
    close(fd);
}

static int setup_rocksdb(void **state)
{
    fixture_engine = "rocksdb";
    return fixture_setup(state);
}

static void an_older_store(struct fixture *f,
                           const char *format,
                           void (*write)(struct store *s, struct blob_id id, struct span content))
{
    struct blob_id old = {{1, 2, 3}};
    char text[64] = "", mail[2000];
    int n = snprintf(mail, sizeof(mail), "From: somebody\r\n\r\n");
    for (int i = 0; i < 20; i++)
        n += snprintf(
            mail + n, sizeof(mail) - (size_t)n, "%s\r\n",
            "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdAaa");
    struct span content = span_of(mail, (size_t)n);
    write(f->s, old, content);
    assert_int_equal(blob_link(f, part_a, old, 1), 0);
    store_close(f->s);
    format_file(f, NULL, 0, format);

    struct store_options options = {
        .clock = &f->clock.clock, .rng = rng_system(), .read_only = true};
    char url[96];
    snprintf(url, sizeof(url), "rocksdb:%s/store", f->folder);
    assert_int_equal(store_open(url, &options, NULL, &f->s), 0);
    assert_int_equal(store_blob_verify(f->s, old), 0);
    store_close(f->s);
    format_file(f, text, sizeof(text), NULL);
    assert_string_equal(text, format); /* who only reads changes nothing */

    fixture_open(f);
    format_file(f, text, sizeof(text), NULL);
    assert_string_equal(text, "mailstead store 3\n");
    assert_int_equal(blob_compare(f, old, content, 7), 0);
    assert_int_equal(store_blob_verify(f->s, old), 0);
    struct blob_id new = blob_put(f, content);
    assert_int_equal(blob_link(f, part_a, new, 2), 0);
    assert_int_equal(blob_compare(f, new, content, 7), 0);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.problems, 0);
    assert_int_equal(check.blobs, 2);
}

static void a_store_of_format_1_is_read_and_becomes_one_of_format_3(void **state)
{
    an_older_store(*state, "mailstead store 1\n", write_as_format_1);
}

static void a_store_of_format_2_is_read_and_becomes_one_of_format_3(void **state)
{
    an_older_store(*state, "mailstead store 2\n", write_as_format_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sealed_opens, tools_setup, tools_teardown),
        cmocka_unit_test_setup_teardown(damage_is_noticed, tools_setup, tools_teardown),
        cmocka_unit_test_setup_teardown(attachments_become_bytes, tools_setup, tools_teardown),
        cmocka_unit_test_setup_teardown(damage_to_lines_is_noticed, tools_setup, tools_teardown),
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test_setup_teardown(a_store_of_format_1_is_read_and_becomes_one_of_format_3,
                                        setup_rocksdb, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_store_of_format_2_is_read_and_becomes_one_of_format_3,
                                        setup_rocksdb, fixture_teardown),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
