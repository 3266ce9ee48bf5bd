/* SPDX-License-Identifier: Apache-2.0 */
/* A body is read while it is sent, so damage far behind its front is met when a literal was promised, and the session
 * must end. A client would come back and ask for the same message again, and never get to those behind it. So
 * the last few such messages are remembered by the process, and refused from then on with an answer. */
#include "imap/fetch_impl.h"

#include <pthread.h>

enum { REMEMBERED = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below; a leaf */
static struct {
    account_id account;
    struct message_id message;
} damaged[REMEMBERED];
static size_t next_one;

void fetch_damage_add(account_id account, struct message_id message)
{
    pthread_mutex_lock(&lock);
    damaged[next_one].account = account;
    damaged[next_one].message = message;
    next_one = (next_one + 1) % REMEMBERED;
    pthread_mutex_unlock(&lock);
}

bool fetch_damage_has(account_id account, struct message_id message)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (size_t n = 0; n < REMEMBERED; n++)
        found = found || (damaged[n].account == account && damaged[n].message.v == message.v);
    pthread_mutex_unlock(&lock);
    return found && message.v != 0;
}
