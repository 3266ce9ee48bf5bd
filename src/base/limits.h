/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of limits on what a peer may make us hold or do. Those an operator may change are
 * configuration keys (base/config_table.h); these are fixed. Each is answered with a clear error,
 * and each has a test that meets it. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* clang-format off */
enum limits {
    /* addresses, RFC 5321 §4.5.3.1, RFC 6531 (in bytes) */
    LIMIT_LOCAL_PART = 64,
    LIMIT_DOMAIN = 255,
    LIMIT_ADDRESS = 254, /* what fits a path of 256 with its angle brackets */

    /* SMTP (bytes, without CRLF unless said) */
    LIMIT_SMTP_COMMAND = 512 * 4,   /* §4.5.3.1.4 plus what DSN, AUTH and SMTPUTF8 add */
    LIMIT_SMTP_AUTH_LINE = 12288,   /* RFC 4954 §4 */
    LIMIT_SMTP_LINE_DROPPED = 1024 * 1024, /* of a command line that is too long, then we hang up */
    LIMIT_SMTP_TEXT_LINE = 998,     /* §4.5.3.1.6: what senders should keep; more is accepted up to */
    LIMIT_SMTP_LINE_ACCEPTED = 64 * 1024,
    LIMIT_SMTP_RECEIVED = 100,      /* Received fields: more is a loop, §6.3 */
    LIMIT_SMTP_HEADER = 512 * 1024, /* bytes of header section */
    LIMIT_SMTP_HEADER_FIELDS = 2000,
    LIMIT_SMTP_ERRORS = 20,         /* wrong commands in one session, then 421 */
    LIMIT_SMTP_UNKNOWN_RCPT = 50,   /* unknown recipients in one session, then 421 */

    /* POP3 */
    LIMIT_POP3_COMMAND = 255,       /* RFC 2449 §4, with CRLF */
    LIMIT_POP3_AUTH_LINE = 12288,
    LIMIT_POP3_ERRORS = 20,
    LIMIT_POP3_MESSAGES = 1000000,  /* in one session's view; the oldest are shown first */

    /* IMAP */
    LIMIT_IMAP_LINE = 64 * 1024,    /* one line of a command, with CRLF; RFC 7162 §4 asks for 8192 */
    LIMIT_IMAP_GREETING_LINE = 12288, /* before the login */
    LIMIT_IMAP_COMMAND = 512 * 1024, /* all lines and literals of a command but the messages of APPEND */
    LIMIT_IMAP_TAG = 64,
    LIMIT_IMAP_ARGS = 20000,        /* arguments in one command */
    LIMIT_IMAP_DEPTH = 50,          /* lists in lists */
    LIMIT_IMAP_FETCH_ITEMS = 1000,  /* data items of one FETCH */
    LIMIT_IMAP_SECTION = 16 * 1024, /* bytes between the brackets of one BODY[...] */
    LIMIT_IMAP_HEADER = 1024 * 1024, /* of a header: HEADER.FIELDS chooses from so much of it */
    LIMIT_IMAP_APPEND = 1000,       /* messages in one APPEND */
    LIMIT_IMAP_CATENATE = 1000,     /* URLs in one APPEND */
    LIMIT_IMAP_URL = 4096,          /* bytes of one URL of CATENATE or URLAUTH */
    LIMIT_IMAP_WILDCARDS = 20,      /* in one pattern of LIST */
    LIMIT_IMAP_CONTEXTS = 10,       /* searches whose client wants to hear of changes */
    LIMIT_IMAP_CONTEXT_KEYS = 16 * 1024, /* bytes of what one of them looks for: it is kept while the session waits */
    LIMIT_IMAP_CONTEXT_SORTED = 20000, /* messages in the result of a SORT with that */
    LIMIT_IMAP_METADATA = 100,      /* entries asked for in one GETMETADATA or LIST */
    LIMIT_IMAP_NOTIFY_NOTES = 8000, /* annotations that one session watches with NOTIFY */
    LIMIT_IMAP_NOTIFY = 1000,       /* mailboxes that one session watches with NOTIFY */
    LIMIT_IMAP_ERRORS = 20,         /* wrong commands in one session, in a row */

    /* HTTP (admin API) */
    LIMIT_HTTP_HEADER = 16 * 1024,
    LIMIT_HTTP_BODY = 1024 * 1024,  /* requests that stream (mail deliver) have their own */

    /* messages: beyond these a part is opaque or a field is not looked at, which is a result (a flag) and
     * not an error; docs/message.md */
    LIMIT_MIME_PARTS = 10000,
    LIMIT_MIME_DEPTH = 100,         /* parts in parts, the message itself being the first */
    LIMIT_MIME_PARAMS = 100,        /* parameters, or language tags, of one field */
    LIMIT_MIME_FIELD = 512 * 1024,  /* bytes of one field's value */
    LIMIT_MIME_KEPT = 2 * 1024 * 1024, /* memory for what was read from all fields of a message */
    LIMIT_PREVIEW = 200,            /* characters, RFC 8970 §3.1: at most 256 */
    LIMIT_SUMMARY = 64 * 1024,      /* bytes of the record kept beside a message; longer ones are not kept */

    /* accounts */
    LIMIT_PASSWORD = 1024,
    LIMIT_ALIAS_TARGETS = 100,
    LIMIT_ALIAS_DEPTH = 10,         /* aliases of aliases */
    LIMIT_ALIAS_VISITS = 1000,      /* addresses looked at to find where one leads */

    /* mailboxes */
    LIMIT_MAILBOXES = 10000,        /* in one account */
    LIMIT_MAILBOX_NAME = 512,       /* bytes of UTF-8, all levels */
    LIMIT_MAILBOX_DEPTH = 20,
    LIMIT_KEYWORDS = 1000,          /* different ones in one account; they stay on its list */
    LIMIT_KEYWORD = 128,            /* bytes of one */
    LIMIT_MESSAGE_KEYWORDS = 60,    /* of one message */
    LIMIT_ANNOTATION_NAME = 255,    /* bytes */
    LIMIT_ANNOTATION = 64 * 1024,   /* bytes of one value; RFC 5464 §4.1 asks for 1024 */
    LIMIT_ANNOTATIONS = 200,        /* of one user, or shared, at one mailbox; at least 10 */
    LIMIT_ANNOTATION_BYTES = 16 * 1024 * 1024, /* names and values of one account */
    LIMIT_GRANTS = 200,             /* entries in the access control list of one mailbox */
    LIMIT_GRANTS_ACCOUNT = 100000,  /* of all its mailboxes */
    LIMIT_SHARERS = 1000,           /* accounts that share mailboxes with one account, or with a whole domain */
    LIMIT_REFUSALS = 1000,          /* accounts whose mailboxes one account does not want to see, or, when it wants none, does */
    LIMIT_SHARED_NAMES = 20000,     /* of mailboxes of others in one LIST, with the levels above them */
    LIMIT_MAIL_COPY = 20000,        /* messages in one COPY or MOVE: what one transaction can hold */
    LIMIT_MAIL_TOMBSTONES = 100000, /* in one account: expunges that a client may catch up with later */

    /* searches */
    LIMIT_SEARCH_KEYS = 1000,       /* keys in one search program */
    LIMIT_SEARCH_DEPTH = 120,       /* keys in keys */
    LIMIT_SEARCH_FILTERS = 10,      /* in each other; RFC 5466 §3.1 asks for 3 */
    LIMIT_SEARCH_HEADER = 1024 * 1024, /* bytes of a header section that HEADER looks into */
    LIMIT_SORT_KEYS = 20,           /* criteria of one SORT */
    LIMIT_SORT_MEMORY = 256 * 1024 * 1024, /* for the keys of one SORT or THREAD */
    LIMIT_SORT_MEMORY_ALL = 1024 * 1024 * 1024, /* of all that run at once */
    LIMIT_THREAD_IDS = 4000000,     /* messages and Message IDs of one THREAD */
    LIMIT_THREAD_REFERENCES = 1000, /* ids of one References field; the last are taken */

    /* sessions */
    LIMIT_SPOOL_MEMORY = 128 * 1024,       /* more of one payload goes to a temporary file */
    LIMIT_SPOOL_RESERVE = 128 * 1024 * 1024, /* free bytes of the disk that temporary files leave */
    LIMIT_SESSION_ARENA = 4 * 1024 * 1024, /* one unit of work */
    LIMIT_SESSION_OUT = 256 * 1024,        /* answers waiting for a slow reader */

    /* TLS (bytes of records) */
    LIMIT_TLS_HANDSHAKE = 16 * 1024, /* of a client until its handshake is done */
    LIMIT_TLS_EMPTY = 64 * 1024,     /* from which no data comes: one record needs 16 KiB and a bit */
    LIMIT_TLS_KEY_UPDATES = 100,     /* of one client */

    /* store */
    LIMIT_STORE_KEY = 1024,
    LIMIT_STORE_VALUE = 1024 * 1024,       /* one record */
    LIMIT_STORE_TXN = 16 * 1024 * 1024,    /* keys and values written by one transaction */
    LIMIT_STORE_RESERVE = 64 * 1024 * 1024, /* free bytes of the disk kept for deletes and upkeep */
    LIMIT_STORE_PENDING = 64 * 1024 * 1024, /* small bodies in memory until their first link */
    LIMIT_BLOB = 1024 * 1024 * 1024,
};
/* clang-format on */

#endif
