/* SPDX-License-Identifier: Apache-2.0 */
/* What the log has of those who make, name and delete mailboxes. */
#include "one_people.h"

#include "base/log.h"

#include <sys/mman.h>
#include <unistd.h>

static int log_fd;

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

/* The lines about mailboxes, from the event's name on; since it was asked last. */
static struct span logged(void)
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
        ssize_t at = span_find(line, SPAN("event=imap.mailbox_"));
        if (at < 0)
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
    struct span found = logged();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_s_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_is_not_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(another_s, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
