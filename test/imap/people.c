/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "people.h"

#include "directory/directory.h"

uint64_t people_make(struct world *w, const char *address)
{
    struct account account = {.address = span_str(address)};
    uint64_t id;
    assert_int_equal(
        auth_credentials_make(w->auth, SPAN(WORLD_PASSWORD), w->arena, &account.credentials), 0);
    assert_int_equal(account_add(w->directory, &account, &id), 0);
    assert_int_equal(mailbox_account_create(&w->mail, id, account.address), 0);
    return id;
}

void people_open(struct people *p)
{
    struct domain domain = {.name = SPAN("example.net")};
    world_open(&p->w);
    assert_int_equal(domain_add(p->w.directory, &domain), 0);
    p->id[0] = p->w.account;
    p->id[1] = people_make(&p->w, "bernd@example.test");
    p->id[2] = people_make(&p->w, "carla@example.test");
    p->id[3] = people_make(&p->w, "dora@example.net");
}

void people_close(struct people *p)
{
    uint64_t problems = 1;
    for (size_t k = 0; k < COUNT_OF(p->id); k++) {
        int err = mailbox_check(&p->w.mail, p->id[k], true, NULL, NULL, &problems);
        assert_true(err == ERR_NO_USER || (err == 0 && problems == 0));
    }
    world_close(&p->w);
}

struct host *people_login(struct people *p, const char *user)
{
    char line[128];
    struct host *h = world_connect(&p->w, true, HOST_WHOLE);
    snprintf(line, sizeof line, "a LOGIN %s \"" WORLD_PASSWORD "\"", user);
    world_talk(h, line, "a OK", NULL);
    return h;
}

void people_give(struct people *p, const char *rights)
{
    char line[128];
    struct host *h = people_login(p, WORLD_USER);
    snprintf(line, sizeof line, "a SETACL INBOX bernd@example.test \"%s\"", rights);
    world_talk(h, line, "a OK", NULL);
    host_free(h);
}

void people_letter(struct people *p)
{
    world_append(&p->w, SPAN("Subject: a letter\r\n\r\nHello.\r\n"), 0);
}
