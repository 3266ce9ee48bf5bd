/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of errors: every room returns 0 or one of these negative numbers, and every
 * protocol takes what it says to its peer from the same row.
 *
 * A row: name; temporary (trying again later may help) or permanent; SMTP reply and enhanced code
 * (RFC 5321 §4.2, RFC 3463, RFC 5248); POP3 response code (RFC 2449 §8, RFC 3206, "" if none); IMAP
 * response code (RFC 9051 §7.1, RFC 5530, "" if none); JMAP error (RFC 8620, RFC 8621); HTTP status;
 * and a sentence for a person, which also serves the logs.
 *
 * Three kinds, never mixed: the peer's (answer it, count it, go on), the world's (disk, network:
 * return it, the top turns it into a temporary refusal), ours (`must`, base/base.h).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

/* clang-format off */
#define ERR_TABLE(X) \
    /* the world's */ \
    X(NOMEM,         true,  451, "4.3.0",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server is out of memory; please try again in a few minutes") \
    X(IO,            true,  451, "4.3.0",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server could not read or write its storage; please try again in a few minutes") \
    X(DISK_FULL,     true,  452, "4.3.1",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 507, "The server's storage is full; its operator has been told, please try again later") \
    X(CORRUPT,       true,  451, "4.3.0",  "SYS/PERM", "SERVERBUG",   "serverFail",        500, "A stored record is damaged; the operator can find it with 'mailstead store check'") \
    X(UNAVAILABLE,   true,  451, "4.3.2",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The service is not available at the moment; please try again in a few minutes") \
    X(OVERLOAD,      true,  421, "4.3.2",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server is busy; please try again in a minute") \
    X(NO_ROOM,       true,  452, "4.3.1",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server is taking in too many large messages at this moment; please try again in a few minutes") \
    X(TIMEOUT,       true,  421, "4.4.2",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 504, "The operation took too long") \
    X(SHUTDOWN,      true,  421, "4.3.2",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server is shutting down; please connect again in a minute") \
    X(FORMAT_NEWER,  false, 451, "4.3.5",  "SYS/PERM", "SERVERBUG",   "serverFail",        500, "The data was written by a newer version of Mailstead") \
    X(QUARANTINED,   true,  451, "4.3.0",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "The server failed twice on exactly this, so it is held back until its operator has looked at it; please try again later") \
    /* the store's own */ \
    X(NOT_FOUND,     false, 550, "5.1.1",  "",         "NONEXISTENT", "notFound",          404, "There is no such thing") \
    X(EXISTS,        false, 550, "5.5.0",  "",         "ALREADYEXISTS","invalidArguments", 409, "It exists already") \
    X(CONFLICT,      true,  451, "4.3.0",  "SYS/TEMP", "INUSE",       "stateMismatch",     409, "It was changed by somebody else at the same moment; please try again") \
    X(IN_USE,        true,  450, "4.2.0",  "IN-USE",   "INUSE",       "serverUnavailable", 409, "It is in use by another session; please try again in a moment") \
    /* the peer's */ \
    X(INVALID,       false, 501, "5.5.4",  "",         "CLIENTBUG",   "invalidArguments",  400, "The request is not well formed") \
    X(UNSUPPORTED,   false, 504, "5.5.4",  "",         "CANNOT",      "unknownMethod",     501, "This is not supported") \
    X(LIMIT,         false, 550, "5.5.3",  "",         "LIMIT",       "requestTooLarge",   429, "A limit of this server was reached") \
    X(TOO_BIG,       false, 552, "5.3.4",  "",         "TOOBIG",      "tooLarge",          413, "It is larger than this server allows") \
    X(BAD_ADDRESS,   false, 553, "5.1.3",  "",         "CANNOT",      "invalidArguments",  400, "This is not a valid mail address") \
    X(LOOP,          false, 554, "5.4.6",  "",         "CANNOT",      "forbiddenToSend",   508, "This message has passed through too many servers: it is going round in a loop") \
    X(DENIED,        false, 550, "5.7.1",  "",         "NOPERM",      "forbidden",         403, "You are not allowed to do this") \
    /* accounts */ \
    X(NO_USER,       false, 550, "5.1.1",  "",         "NONEXISTENT", "notFound",          404, "There is no mailbox with this address here; please check the spelling") \
    X(NO_DOMAIN,     false, 550, "5.1.2",  "",         "NONEXISTENT", "notFound",          404, "This domain is not served here") \
    X(SUSPENDED,     false, 550, "5.2.1",  "SYS/PERM", "CONTACTADMIN","forbidden",         403, "This mailbox is suspended; please contact its provider") \
    X(QUOTA,         true,  452, "4.2.2",  "",         "OVERQUOTA",   "overQuota",         507, "This mailbox is full; its owner has to delete messages first") \
    X(AUTH_FAILED,   false, 535, "5.7.8",  "AUTH",     "AUTHENTICATIONFAILED","unauthorized",401,"The username or the password is wrong. The username is the whole mail address, like anna@example.org") \
    X(AUTH_LOCKED,   true,  454, "4.7.0",  "AUTH",     "AUTHENTICATIONFAILED","unauthorized",429,"There were too many wrong passwords; logins are paused for a while. Please check the password saved in your mail program") \
    X(EXPIRED,       false, 535, "5.7.8",  "AUTH",     "EXPIRED",     "unauthorized",      401, "The password of this account was changed; please log in again with the new one") \
    X(AUTH_BUSY,     true,  454, "4.7.0",  "SYS/TEMP", "UNAVAILABLE", "serverUnavailable", 503, "Too many people are logging in at this moment; please try again in a minute") \
    X(AUTH_CANCELLED,false, 501, "5.7.0",  "AUTH",     "CLIENTBUG",   "invalidArguments",  400, "The login was cancelled") \
    X(NEED_TLS,      false, 538, "5.7.11", "AUTH",     "PRIVACYREQUIRED","forbidden",      403, "Please switch on encryption (TLS or STARTTLS) in your mail program: passwords are not accepted without it") \
    X(NEED_AUTH,     false, 530, "5.7.0",  "AUTH",     "AUTHORIZATIONFAILED","unauthorized",401, "Please switch on authentication (username and password) for outgoing mail in your mail program") \
    X(RELAY,         false, 554, "5.7.1",  "",         "NOPERM",      "forbidden",         403, "Relaying denied: this address is not served here. If you have an account here, switch on authentication for outgoing mail in your mail program") \
    X(NOT_YOUR_ADDRESS,false,553,"5.7.1",  "",         "NOPERM",      "forbiddenFrom",     403, "You may not send with this sender address; please use an address of your own account") \
    X(CLOSED,        false, 421, "4.4.2",  "",         "UNAVAILABLE", "serverUnavailable", 503, "The connection was closed")
/* clang-format on */

enum err_index {
#define X(name, ...) ERR_INDEX_##name,
    ERR_INDEX_NONE,
    ERR_TABLE(X) ERR_INDEX_END
#undef X
};

enum err {
#define X(name, ...) ERR_##name = -(int)ERR_INDEX_##name,
    ERR_TABLE(X)
#undef X
};

struct err_info {
    const char *name; /* upper case as in the enum, for logs and JSON: "NO_USER" */
    bool temporary;
    int smtp;
    const char *enhanced;
    const char *pop3;
    const char *imap;
    const char *jmap;
    int http;
    const char *text; /* one sentence without a full stop at its end */
};

/* The row of `err` (negative). Anything outside the table is our bug: must(). */
const struct err_info *err_info(int err);

/* err_info(err)->text / ->name; "ok" for 0. */
const char *err_text(int err);
const char *err_name(int err);

/* The row that an errno of the operating system belongs to: ENOSPC and EDQUOT are ERR_DISK_FULL,
 * ENOMEM ERR_NOMEM, ENOENT ERR_NOT_FOUND, EEXIST ERR_EXISTS, EACCES and EPERM ERR_DENIED, the rest
 * ERR_IO. */
int err_from_errno(int number);

#endif
