/* SPDX-License-Identifier: Apache-2.0 */
/* What one POP3 session has listed, against the model. */
#ifndef TEST_SIM_POP3_VIEW_H
#define TEST_SIM_POP3_VIEW_H

#include "client.h"

enum { POP3_CODE = 24 };
enum pop3_answer { POP3_LOST, POP3_OK, POP3_ERR, POP3_CHALLENGE };
enum pop3_answer pop3_answer_read(struct client *c, char code[static POP3_CODE]);
enum pop3_answer pop3_command(struct client *c, const char *text, char code[static POP3_CODE]);

struct pop3_entry {
    uint64_t size, uidl;
    struct copy *copy; /* NULL: not known yet, for its UIDL was never seen before */
    unsigned restores; /* of the copy, when it was recognised */
    bool vague; /* it came back while the list was made: which of its two places is listed? */
    bool deleted;
};

struct pop3_view {
    struct client *c;
    struct life *life;   /* NULL: its account was changed meanwhile, nothing can be compared */
    uint64_t since;      /* step before the login */
    struct copy **musts; /* that were there before the login and were still there after it */
    size_t musts_n;
    struct pop3_entry *v;
    size_t n;
    size_t strange; /* entries whose message could not be had */
};

void pop3_view_begin(struct pop3_view *v, struct client *c, struct life *life, uint64_t since);
void pop3_view_end(struct pop3_view *v);
/* LIST and UIDL. false: lost, or not to be had. */
bool pop3_view_list(struct pop3_view *v);
/* RETR. */
void pop3_fetch(struct pop3_view *v, size_t index);
/* After all that was unknown has been fetched: is everything there that must be? */
void pop3_view_compare(struct pop3_view *v);
void pop3_delete_some(struct pop3_view *v);
void pop3_quit(struct pop3_view *v);

#endif
