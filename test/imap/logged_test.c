/* SPDX-License-Identifier: Apache-2.0 */
/* What the log has of those who make, name and delete mailboxes, and that it calls nothing an error which is none. */
#include "one_people.h"

#include "base/log.h"
#include "mailbox/search.h"

#include <sys/mman.h>
#include <unistd.h>

static int log_fd;
static struct mailbox_id doomed; /* deleted before it is searched, once */

int __real_mailbox_search_open(struct mail *m,
                               account_id id,
                               const struct mail_search *in,
                               struct mailbox_search **out);
int __wrap_mailbox_search_open(struct mail *m,
                               account_id id,
                               const struct mail_search *in,
                               struct mailbox_search **out);

int __wrap_mailbox_search_open(struct mail *m,
                               account_id id,
                               const struct mail_search *in,
                               struct mailbox_search **out)
{
    if (doomed.v != 0)
        assert_int_equal(mailbox_delete(m, id, doomed, 0), 0);
    doomed.v = 0;
    return __real_mailbox_search_open(m, id, in, out);
}

static int setup(void **state)
{
    int r = people_setup(state);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log_fd >= 0);
    log_setup(log_fd, LOG_INFO, LOG_LOGFMT);
    return r;
}

static int teardown(void **state)
{
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    close(log_fd);
    return people_teardown(state);
}

/* The lines with that, from the event's name on; since it was asked last. */
static struct span logged(const char *what)
{
    static char all[16 * 1024], kept[16 * 1024];
    size_t n = 0;
    ssize_t got = pread(log_fd, all, sizeof all, 0);
    assert_true(got >= 0 && (size_t)got < sizeof all);
    assert_int_equal(ftruncate(log_fd, 0), 0);
    assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
    struct span rest = span_of(all, (size_t)got);
    while (rest.n > 0) {
        struct span line = span_split(&rest, '\n');
        ssize_t at = span_find(line, SPAN("event="));
        if (at < 0 || span_find(line, span_str(what)) < 0)
            continue;
        line = span_from(line, (size_t)at + 6);
        memcpy(kept + n, line.p, line.n);
        n += line.n;
        kept[n++] = '\n';
    }
    return span_of(kept, n);
}

static void expect(const char *lines)
{
    struct span found = logged("event=imap.mailbox_");
    if (!span_eq(found, span_str(lines)))
        fail_msg("logged:\n%.*sexpected:\n%s", SPAN_ARG(found), lines);
}

static void one_s_own(void **state)
{
    (void)state;
    struct host *h = anna();
    expect("");
    world_talk(h, "a CREATE \"two words\"", "a OK", NULL);
    expect("imap.mailbox_created account=anna@example.test owner=anna@example.test "
           "mailbox=\"two words\" to=\"\"\n");
    world_talk(h, "a RENAME \"two words\" one", "a OK", NULL);
    expect("imap.mailbox_renamed account=anna@example.test owner=anna@example.test "
           "mailbox=\"two words\" to=one\n");
    world_talk(h, "a DELETE one", "a OK", NULL);
    expect("imap.mailbox_deleted account=anna@example.test owner=anna@example.test mailbox=one "
           "to=\"\"\n");
    host_free(h);
}

static void what_is_refused_is_not_logged(void **state)
{
    (void)state;
    struct host *h = anna();
    world_talk(h, "a CREATE INBOX", "a NO", NULL);
    world_talk(h, "a DELETE INBOX", "a NO", NULL);
    world_talk(h, "a DELETE nothing", "a NO", NULL);
    world_talk(h, "a RENAME nothing something", "a NO", NULL);
    expect("");
    host_free(h);
}

static void another_s(void **state)
{
    (void)state;
    people_give(&p, "lrkxtea");
    struct host *b = bernd();
    world_talk(b, "a CREATE \"Other Users/anna@example.test/INBOX/new\"", "a OK", NULL);
    expect("imap.mailbox_created account=bernd@example.test owner=anna@example.test "
           "mailbox=INBOX/new to=\"\"\n");
    world_talk(b,
               "a RENAME \"Other Users/anna@example.test/inbox/new\" \"Other "
               "Users/anna@example.test/INBOX/newer\"",
               "a OK", NULL);
    expect("imap.mailbox_renamed account=bernd@example.test owner=anna@example.test "
           "mailbox=INBOX/new to=INBOX/newer\n");
    world_talk(b, "a DELETE \"Other Users/anna@example.test/INBOX/newer\"", "a OK", NULL);
    expect("imap.mailbox_deleted account=bernd@example.test owner=anna@example.test "
           "mailbox=INBOX/newer to=\"\"\n");
    host_free(b);
}

/* The mailbox is deleted after its changes were looked at, and before the search that goes on is asked again. */
static void a_mailbox_that_has_gone_is_no_error(void **state)
{
    (void)state;
    struct host *h = anna();
    struct host *other = anna();
    struct mailbox box;
    struct arena *arena = arena_new(4096);
    world_talk(h, "a CREATE x", "a OK", NULL);
    world_talk(h, "a APPEND x {1+}\r\nx", "a OK", NULL);
    host_sends(h, "a SELECT x\r\n");
    for (struct span line = SPAN_EMPTY; !span_starts(line, SPAN("a OK")); line = host_expect(h, ""))
        ;
    world_talk(h, "b UID SEARCH RETURN (UPDATE) UNSEEN", "* ESEARCH (TAG \"b\")", "b OK", NULL);
    world_talk(other, "a APPEND x {1+}\r\ny", "a OK", NULL);
    assert_int_equal(mailbox_find_name(&p.w.mail, p.id[0], SPAN("x"), arena, &box), 0);
    doomed = box.id;
    world_talk(h, "a NOOP", "* 2 EXISTS", "* 0 RECENT", "a OK", NULL);
    assert_int_equal(doomed.v, 0);
    assert_int_equal(logged("level=error").n, 0);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 1)", "* 2 EXPUNGE",
               "* 1 EXPUNGE", "a OK", NULL);
    arena_free(arena);
    host_free(other);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_s_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_is_not_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(another_s, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mailbox_that_has_gone_is_no_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
