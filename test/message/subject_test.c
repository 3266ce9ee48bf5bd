/* SPDX-License-Identifier: Apache-2.0 */
/* Base subjects (RFC 5256 §2.1), step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/subject.h"

static const struct {
    const char *subject, *base;
    bool reply;
} cases[] = {
    {"", "", false},
    {"   ", "", false},
    {"hello", "hello", false},
    {"Hello  \t world ", "Hello world", false},
    {"a\r\n\tb", "a b", false},
    {"=?utf-8?q?Re=3A_=C3=84pfel?=", "\xc3\x84pfel", true},
    {"=?utf-8?q?a?= =?utf-8?q?_b?=", "a b", false},
    /* (2) subj-trailer */
    {"a (fwd)", "a", true},
    {"a(FWD) (fwd)  ", "a", true},
    {"(fwd)", "", true},
    {"a (fwd) b", "a (fwd) b", false},
    /* (3) subj-leader */
    {"Re: a", "a", true},
    {"RE:a", "a", true},
    {"re : re:Fw: FWD:\ta", "a", true},
    {"Re[2]: a", "a", true},
    {"Re [2] : a", "a", true},
    {"Re: ", "", true},
    {"Regarding: a", "Regarding: a", false},
    {"fwdd: a", "fwdd: a", false},
    {"re a", "re a", false},
    {"Aw: a", "Aw: a", false},
    /* (4) subj-blob */
    {"[list] a", "a", false},
    {"[a] [b][c]d", "d", false},
    {"[list]", "[list]", false},
    {"[a][b]", "[b]", false},
    {"[a] [b] ", "[b]", false},
    {"[list] Re: a", "a", true},
    {"Re: [list] Re: [x] a", "a", true},
    {"Re: [list]", "[list]", true},
    {"[a] re: [b] fwd: [c]", "[c]", true},
    {"[a] re [x] : b", "b", true},
    {"[open a", "[open a", false},
    {"[a[b] c", "[a[b] c", false},
    {"a] b", "a] b", false},
    {"[] a", "a", false},
    /* (6) subj-fwd */
    {"[fwd: a]", "a", true},
    {"[Fwd: Re: [list] a (fwd)]", "a", true},
    {"Re: [fwd: [fwd: a]] (fwd)", "a", true},
    {"[list] [fwd: a]", "a", true},
    {"[fwd:]", "", true},
    {"[fwd: a", "[fwd: a", false},
    {"[fwd: a] b", "b", false},
    {"[fwd: a (fwd) ] ", "a", true},
};

static void bases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        bool reply = !cases[i].reply;
        buf_init(&out, 4096);
        assert_int_equal(subject_base(span_str(cases[i].subject), &out, &reply), 0);
        if (!span_eq(buf_span(&out), span_str(cases[i].base)) || reply != cases[i].reply)
            fail_msg("%s: %.*s, %d", cases[i].subject, SPAN_ARG(buf_span(&out)), reply);
        buf_clear(&out);
        assert_int_equal(subject_base(span_str(cases[i].subject), &out, NULL), 0);
        buf_done(&out);
    }
}

static void full_buffer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 3);
    assert_int_not_equal(subject_base(SPAN("Re: four"), &out, NULL), 0);
    buf_done(&out);
}

/* Half a megabyte of what is removed step by step: linear, or the time limit of the test is met. */
static void hostile(void **state)
{
    static const char *const units[] = {
        "[a]", "[a", "re:", "[a] re:", "[fwd:", "re [", "(fwd)", "]", " [] ", "[fwd:[b]"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        for (size_t j = 0; j < COUNT_OF(units); j++) {
            struct buf in, out;
            buf_init(&in, 1 << 20);
            buf_init(&out, 1 << 20);
            while (in.n < 1 << 18)
                buf_puts(&in, units[i]);
            while (in.n < 1 << 19)
                buf_puts(&in, units[j]);
            assert_int_equal(subject_base(buf_span(&in), &out, NULL), 0);
            buf_done(&in);
            buf_done(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bases),
        cmocka_unit_test(full_buffer),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
