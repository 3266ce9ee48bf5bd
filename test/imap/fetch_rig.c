/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch_rig.h"

const struct mailbox_id inbox = {1};

struct host *opened(const char *before, const char *command)
{
    struct host *h = world_login(&w);
    host_sends(h, before);
    host_sends(h, command);
    host_sends(h, " INBOX\r\n");
    must(span_find(host_output(h), SPAN("] Opened")) >= 0);
    host_output_clear(h);
    return h;
}

struct host *selected(const char *before)
{
    return opened(before, "a SELECT");
}

/* The whole answer to "b COMMAND" before its tagged line, which begins with `tagged`. */
void answer_is(struct host *h, const char *command, struct span untagged, const char *tagged)
{
    host_output_clear(h);
    host_sends(h, "b ");
    host_sends(h, command);
    host_sends(h, "\r\n");
    struct span out = host_output(h);
    struct span front = span_slice(out, 0, untagged.n), rest = span_from(out, untagged.n);
    if (!span_eq(front, untagged) || !span_starts(rest, span_str(tagged)) ||
        span_chr(rest, '\n') != (ssize_t)rest.n - 1)
        fail_msg("%s\n%.*s\nand not\n%.*s%s", command, SPAN_ARG(out), SPAN_ARG(untagged), tagged);
    host_output_clear(h);
}

void says(struct host *h, const char *command, const char *untagged)
{
    answer_is(h, command, span_str(untagged), "b OK FETCH completed");
}

void expunge(uint32_t uid)
{
    struct mail_uid u = {uid};
    size_t removed;
    assert_int_equal(mailbox_expunge(&w.mail, w.account, inbox, &u, 1, 0, &removed), 0);
    assert_int_equal(removed, 1);
}
