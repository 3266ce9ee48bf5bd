/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges, hostile from the first byte. The first byte chooses mechanism, channel binding
 * and whether there is an initial response; the client's messages follow, separated by 0xff. Nobody
 * gets in who does not say the password. The installation is made once; two days pass between
 * inputs, so that nothing of one (failures, locks, cache) is left for the next. */
#include "fuzz.h"

#include "base/log.h"
#include "rig.h"

static const char *const mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};

static struct rig *installation(void)
{
    static struct rig r;
    static bool made;
    if (!made) {
        log_setup(-1, LOG_ERROR, LOG_LOGFMT);
        rig_open(&r, true);
        made = true;
    }
    clock_fake_advance(&r.fake, (int64_t)2 * 86400 * 1000);
    arena_reset(r.arena);
    return &r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig_binder tls = {.b.get = rig_binding,
                                    .exporter = SPAN("0123456789abcdef0123456789abcdef")};
    struct rig *r = installation();
    struct span rest = span_of(data, size), challenge;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct auth_exchange *x;
    uint8_t plan;
    if (!span_take_byte(&rest, &plan))
        return 0;
    if ((plan & 4) != 0 || plan % 4 == 3)
        peer.binder = &tls.b;
    struct span all = rest;
    must(auth_exchange_open(r->auth, &peer, span_str(mechanisms[plan % 4]), NULL, &x) == 0);
    enum auth_step step = AUTH_SEND;
    if ((plan & 8) == 0)
        step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
    for (int i = 0; step == AUTH_SEND && i < 20; i++) {
        struct span message = span_split(&rest, (char)0xff);
        step = auth_exchange_step(x, true, message, &challenge);
    }
    must(step == AUTH_OK || step == AUTH_FAIL);
    const struct auth_result *res = auth_exchange_result(x);
    must((step == AUTH_OK) == (res->err == 0));
    must(res->err == 0 || res->text.n > 0);
    must(res->err != 0 || span_find(all, RIGHT) >= 0);
    auth_exchange_close(x);
    return 0;
}
