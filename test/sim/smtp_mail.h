/* SPDX-License-Identifier: Apache-2.0 */
/* One SMTP transaction of a client, and what the model says of each answer. */
#ifndef TEST_SIM_SMTP_MAIL_H
#define TEST_SIM_SMTP_MAIL_H

#include "client.h"

struct smtp_answer {
    int code; /* 0: the connection was lost */
    char enhanced[12];
};
int smtp_reply_read(struct client *c, struct smtp_answer *out);

/* `l`: who is logged in; NULL: nobody. `esmtp`: EHLO was said. */
void smtp_mail(struct client *c, const struct login *l, bool esmtp);

/* A body for a message, in lines; smtp_body.c. */
void smtp_body_write(struct client *c, struct message *msg, bool may_lack_end);

#endif
