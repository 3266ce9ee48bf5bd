/* SPDX-License-Identifier: Apache-2.0 */
/* A POP3 session from the greeting to its end: logins, lists, messages, deletion. The first byte of
 * the input chooses TLS, the cut of the bytes, and whether somebody is logged in already. */
#include "fuzz.h"

#include "base/err.h"
#include "base/log.h"
#include "world.h"

/* Every session ends with the account as it was, so that one input's outcome does not depend on
 * those before it. */
static void restore_all(struct world *w)
{
    struct mail_expunged *gone;
    struct mail_appended back;
    size_t n;
    must(mailbox_expunged_list(&w->mail, w->account, SIZE_MAX, w->arena, &gone, &n) == 0);
    for (size_t i = 0; i < n; i++)
        must(mailbox_restore(&w->mail, w->account, gone[i].message, &back) == 0);
    arena_reset(w->arena);
}

static struct world *world(void)
{
    static struct world w;
    static bool made;
    if (!made) {
        made = true;
        log_setup(2, LOG_ERROR, LOG_LOGFMT);
        world_open(&w);
        w.mail.tombstones_max = 100; /* runs for hours must not fill the memory */
        world_append(&w, SPAN("From: a@example.org\r\nSubject: one\r\n\r\n.dots\r\n..\r\nlast"));
        world_append(
            &w, SPAN("Subject: \xc3\xbc\xff\r\nTo: \"\xc3\xbc\" <\xc3\xbc@x>\r\n\r\nbody\r\n"));
        world_append(&w, SPAN(""));
    }
    return &w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world();
    uint8_t how = 0;
    struct span in = span_of(data, size);
    uint64_t problems = 1;
    (void)span_take_byte(&in, &how);
    struct host *h = (how & 4) != 0 ? world_login(w)
                                    : world_connect(w, (how & 1) != 0,
                                                    (how & 2) != 0 ? HOST_RANDOM : HOST_WHOLE);
    host_send(h, in);
    /* what answers is made of lines, and a line begins with a status or is part of a list or
     * message */
    struct span out = host_output(h);
    must(out.n == 0 || span_ends(out, SPAN("\r\n")));
    must(out.n == 0 || span_starts(out, SPAN("+")) || span_starts(out, SPAN("-ERR")));
    if ((how & 8) != 0)
        host_timeout(h);
    host_free(h);
    must(mailbox_check(&w->mail, w->account, false, NULL, NULL, &problems) == 0 && problems == 0);
    restore_all(w);
    return 0;
}
