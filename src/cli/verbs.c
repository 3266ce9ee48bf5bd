/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: the one place where a command, its arguments and its options are named. */
#include "cli/verbs.h"

#define BOTH (CLI_CONFIG | CLI_JSON)
#define PASSWORD_OPTIONS                                                                                \
    {"--password-stdin", NULL, "Read the password from the first line of standard input"},              \
    {                                                                                                   \
        "--password-hash", "HASH", "Take over a hash: {SSHA}…, {CRYPT}$6$…, $2b$…, $argon2id$…" \
    }
#define LIMIT_OPTIONS                                                                              \
    {"--quota", "SIZE", "Mail an account may keep, like 2G; none for no limit"},                   \
        {"--quota-messages", "N", "Messages an account may keep"},                                 \
        {"--message-size", "SIZE", "The largest message it gets or sends"},                        \
        {"--send-per-hour", "N", "Messages it may send in an hour"},                               \
        {"--recipients-per-hour", "N", "Recipients it may send to in an hour"},                    \
        {"--keep-days", "LIST", "Days after which mail leaves a mailbox, like trash=30,junk=14"},  \
    {                                                                                              \
        "--inactivity-days", "N", "Days without a login after which it counts as inactive"         \
    }

/* clang-format off */
static const struct cli_verb verbs[] = {
    {"init", "DIR --domain DOMAIN", 1, 1, CLI_JSON, verb_init,
     "Make an installation: configuration, certificate, empty store",
     "DIR must be empty or not exist. The certificate is self-signed; replace DIR/tls/cert.pem and key.pem by real ones.",
     {{"--domain", "DOMAIN", "The first domain to serve"},
      {"--hostname", "HOST", "The server's name; mail.DOMAIN without it"}}},
    {"serve", "", 0, 0, CLI_CONFIG, verb_serve, "Run the server until SIGTERM or Ctrl-C", "SIGHUP makes it read its configuration and certificates again.", {{0}}},
    {"check-config", "[FILE]", 0, 1, BOTH, verb_check_config, "Say what is wrong with a configuration file, with line numbers", "The certificates and keys it names are read too: one that cannot be used is an error, one that has expired, will within 14 days or is for another host name is a warning.", {{0}}},
    {"status", "", 0, 0, BOTH, verb_status, "How the server is: uptime, connections, certificates, free space", "", {{0}}},
    {"reload", "", 0, 0, BOTH, verb_reload, "Read the configuration and the certificates again, without dropping a session", "", {{0}}},
    {"metrics", "", 0, 0, CLI_CONFIG, verb_metrics, "Print all metrics in the Prometheus text format", "", {{0}}},

    {"domain add", "DOMAIN", 1, 1, BOTH, verb_domain_add, "Serve a domain", "",
     {{"--class", "CLASS", "Class of service of its new accounts"}, {"--catch-all", "ADDRESS", "Gets the mail for unknown users"}}},
    {"domain list", "", 0, 0, BOTH, verb_domain_list, "List the domains", "", {{0}}},
    {"domain show", "DOMAIN", 1, 1, BOTH, verb_domain_show, "Show one domain", "", {{0}}},
    {"domain set", "DOMAIN", 1, 1, BOTH, verb_domain_set, "Change a domain", "",
     {{"--class", "CLASS", "Class of service of its new accounts"}, {"--catch-all", "ADDRESS", "Gets the mail for unknown users; \"\" for nobody"},
      {"--suspend", NULL, "No mail in, no logins"}, {"--resume", NULL, "End that"}}},
    {"domain remove", "DOMAIN", 1, 1, BOTH, verb_domain_remove, "Stop serving a domain that has no accounts and aliases", "", {{0}}},
    {"alias-domain add", "DOMAIN OF-DOMAIN", 2, 2, BOTH, verb_alias_domain_add, "Make a domain another name of one that is served", "", {{0}}},
    {"alias-domain list", "", 0, 0, BOTH, verb_alias_domain_list, "List the alias domains", "", {{0}}},
    {"alias-domain remove", "DOMAIN", 1, 1, BOTH, verb_alias_domain_remove, "Remove an alias domain", "", {{0}}},

    {"account add", "ADDRESS", 1, 1, BOTH, verb_account_add, "Add an account",
     "Without --password-stdin or --password-hash a password is made and printed.",
     {PASSWORD_OPTIONS, {"--class", "CLASS", "Class of service; the domain's without it"}, {"--name", "NAME", "The person's name"}}},
    {"account list", "", 0, 0, BOTH, verb_account_list, "List the accounts", "", {{"--domain", "DOMAIN", "Only this domain's"}, {"--inactive", NULL, "Only those without a login for longer than their class allows"}}},
    {"account show", "ADDRESS", 1, 1, BOTH, verb_account_show, "Show an account: use of quota, logins, locks", "", {{0}}},
    {"account set", "ADDRESS", 1, 1, BOTH, verb_account_set, "Change an account", "",
     {{"--class", "CLASS", "Class of service"}, {"--name", "NAME", "The person's name"}}},
    {"account password", "ADDRESS", 1, 1, BOTH, verb_account_password, "Set the password; open sessions of the account end",
     "Without --password-stdin or --password-hash a password is made and printed.", {PASSWORD_OPTIONS}},
    {"account suspend", "ADDRESS", 1, 1, BOTH, verb_account_suspend, "No logins and no mail in, until resumed; open sessions end", "", {{0}}},
    {"account resume", "ADDRESS", 1, 1, BOTH, verb_account_resume, "End a suspension", "", {{0}}},
    {"account unlock", "ADDRESS", 1, 1, BOTH, verb_account_unlock, "End a lock after wrong passwords", "", {{0}}},
    {"account remove", "ADDRESS", 1, 1, BOTH, verb_account_remove, "Remove an account; restorable for directory.removed_keep_days", "",
     {{"--purge", NULL, "At once and for good, with all its mail"}}},
    {"account restore", "ADDRESS", 1, 1, BOTH, verb_account_restore, "Take back a removal", "", {{0}}},
    {"account import", "FILE", 1, 1, BOTH, verb_account_import, "Add the accounts of a CSV file (- for standard input)",
     "The first line names the columns: address, and any of password, password_hash, name, class. Accounts that exist are left as they "
     "are: an import that was interrupted is run again. Lines that are wrong are reported and the rest goes on; the exit code then is 1.", {{0}}},

    {"alias add", "ADDRESS TARGET…", 2, -1, BOTH, verb_alias_add, "Send the mail of an address to others", "",
     {{"--replace", NULL, "Replace the targets of an alias that exists"}}},
    {"alias list", "", 0, 0, BOTH, verb_alias_list, "List the aliases", "", {{"--domain", "DOMAIN", "Only this domain's"}}},
    {"alias show", "ADDRESS", 1, 1, BOTH, verb_alias_show, "Show an alias", "", {{0}}},
    {"alias remove", "ADDRESS", 1, 1, BOTH, verb_alias_remove, "Remove an alias", "", {{0}}},

    {"class add", "CLASS", 1, 1, BOTH, verb_class_add, "Add a class of service", "What is not given has no limit.", {LIMIT_OPTIONS}},
    {"class set", "CLASS", 1, 1, BOTH, verb_class_set, "Change a class of service", "What is not given stays as it is.", {LIMIT_OPTIONS}},
    {"class list", "", 0, 0, BOTH, verb_class_list, "List the classes of service", "", {{0}}},
    {"class show", "CLASS", 1, 1, BOTH, verb_class_show, "Show a class of service", "", {{0}}},
    {"class remove", "CLASS", 1, 1, BOTH, verb_class_remove, "Remove a class that nobody has", "", {{0}}},

    {"mail list", "ADDRESS", 1, 1, BOTH, verb_mail_list, "List the messages of an account", "",
     {{"--mailbox", "NAME", "Of this mailbox; INBOX without it"}, {"--deleted", NULL, "Those that were deleted and can be restored"}}},
    {"mail show", "ADDRESS MESSAGE", 2, 2, BOTH, verb_mail_show, "Print a message as it was received", "With --json in base64: {\"message\":1,\"base64\":\"…\"}.", {{0}}},
    {"mail deliver", "ADDRESS [FILE]", 1, 2, BOTH, verb_mail_deliver, "Deliver a message from a file or standard input",
     "Without FILE, or with -, the message is read from standard input. Works as the delivery agent of another mail program: exit code 67 when there is no such user, 75 when it is worth trying again, 69 "
     "when it is refused for good. Line ends become CRLF.",
     {{"--from", "ADDRESS", "Envelope sender; empty without it"}}},
    {"mail restore", "ADDRESS [MESSAGE…]", 1, -1, BOTH, verb_mail_restore, "Bring back deleted messages: all, or those named", "", {{0}}},

    {"mail share", "ADDRESS MAILBOX USER [RIGHTS]", 3, 4, BOTH, verb_mail_share, "Share a mailbox with another account, or with anyone of its domain",
     "RIGHTS is read (the default), write, all, or letters as mail shares shows them, and takes the place of what there was. The user finds it in IMAP at Other Users/ADDRESS/MAILBOX. What is made below the mailbox later is shared, too; what is there is not.", {{0}}},
    {"mail shares", "ADDRESS", 1, 1, BOTH, verb_mail_shares, "Show with whom an account shares its mailboxes, and who shares with it",
     "Rights are the letters of RFC 4314: l sees, r reads, s marks as read, w sets flags, i puts mail in, k makes mailboxes below, x deletes the mailbox, t and e delete mail, a gives rights to others.", {{0}}},
    {"mail unshare", "ADDRESS MAILBOX USER", 3, 3, BOTH, verb_mail_unshare, "End the sharing of a mailbox with a user, or with anyone", "", {{0}}},

    {"mail refuse", "ADDRESS [OWNER]", 1, 2, BOTH, verb_mail_refuse, "Hide the mailboxes that another account shares with this one",
     "They are in no list and found by no name, and OWNER can share no more with ADDRESS. The rights stay, so mail accept brings them back.", {{"--all", NULL, "Those of everybody, but for whom mail accept names later"}}},
    {"mail accept", "ADDRESS [OWNER]", 1, 2, BOTH, verb_mail_accept, "Show the mailboxes of another account again", "",
     {{"--all", NULL, "Of everybody; all refusals are forgotten"}}},

    {"store check", "", 0, 0, BOTH, verb_store_check, "Verify everything that is stored",
     "Through the server if it runs, else on the store itself. Nothing is changed. The exit code is 1 when there are problems.",
     {{"--quick", NULL, "Do not read the body of every message"}}},

    {"quarantine list", "", 0, 0, BOTH, verb_quarantine_list, "List what the server has died of: once, or twice and is held back",
     "A message, command, request or job that crashed the serving process twice is refused from then on. Works on the data folder, whether the server runs or not.", {{0}}},
    {"quarantine show", "ID", 1, 1, BOTH, verb_quarantine_show, "Show one of them: who sent it, when, and in which session", "", {{0}}},
    {"quarantine release", "ID", 1, 1, BOTH, verb_quarantine_release, "Forget its crashes, so that it is run again when it comes again", "At once: the server need not be told.", {{0}}},

    {"help", "[COMMAND]", 0, 2, 0, verb_help, "Explain a command", "",
     {{"--man", NULL, "Print the manual page mailstead(1)"}, {"--man-config", NULL, "Print the manual page mailstead.conf(5)"}}},
    {"completion", "SHELL", 1, 1, 0, verb_completion, "Print the completion script of a shell (bash)", "", {{0}}},
};
/* clang-format on */

const struct cli_verb *cli_verb_at(size_t index)
{
    return index < COUNT_OF(verbs) ? &verbs[index] : NULL;
}

const struct cli_verb *cli_verb_find(const char *first, const char *second)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        const char *name = verbs[i].name;
        size_t n = strcspn(name, " ");
        if (strlen(first) != n || strncmp(first, name, n) != 0)
            continue;
        if (name[n] == '\0' || (second != NULL && strcmp(second, name + n + 1) == 0))
            return &verbs[i];
    }
    return NULL;
}
