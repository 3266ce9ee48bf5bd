/* SPDX-License-Identifier: Apache-2.0 */
/* Who is blamed:
 *
 *   a unit whose thread crashed                       it is counted, whatever ran beside it
 *   nobody, when a signal came from outside           an operator, the kernel short of memory
 *   nobody, when a thread crashed that ran no unit    an event loop, the store's own threads
 *   else (the kernel killed the process without       the unit that ran, if there was only one;
 *   a word to it, as seccomp does)                    several are named in the log, and no more:
 *                                                     all but one of them are innocent
 *
 * The second crash holds the unit. What is written comes from a process that may have been taken
 * over before it died, so it is washed, and it is no more than a fingerprint and a few words. */
#include "cli/master_blame.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/flight.h"
#include "base/log.h"
#include "base/quarantine.h"
#include "cli/master_files.h"

#include <signal.h>
#include <sys/wait.h>

struct blame {
    const struct config *config;
    const struct jail_identity *who;
    const char *how; /* "SEGV" */
};

/* Signals that a process brings upon itself. */
static bool is_a_crash(int status)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == own[i])
            return true;
    return false;
}

static void describe(const struct blame *b, const struct flight_unit *u, struct buf *out)
{
    char address[46], time[TIME_RFC3339_SIZE];
    struct clock *clock = clock_system();
    quarantine_line(out, "kind", span_str(flight_kind_name(u->kind)));
    quarantine_line(out, "crashed", time_rfc3339_text(clock->wall_ms(clock), time));
    quarantine_line(out, "signal", span_str(b->how));
    quarantine_line(out, "session", span_str(u->sid));
    quarantine_line(out, "peer", ip_text(u->peer, address));
    quarantine_line(out, "what", span_str(u->show));
}

static void tell(enum log_level level, const char *event, const struct flight_unit *u)
{
    char address[46], id[QUARANTINE_ID];
    quarantine_id(&u->print, id);
    log_event(level, event, LOG_Z("id", id), LOG_Z("kind", flight_kind_name(u->kind)),
              LOG_Z("session", u->sid), LOG_S("peer", ip_text(u->peer, address)),
              LOG_Z("what", u->show));
}

static void count(const struct blame *b, const struct flight_unit *u)
{
    char folder[4096];
    bool held = false;
    struct buf text;
    int n = snprintf(folder, sizeof folder, "%s/" QUARANTINE_FOLDER, b->config->data);
    int err = n < 0 || (size_t)n >= sizeof folder ? ERR_INVALID : 0;
    buf_init(&text, QUARANTINE_TEXT);
    describe(b, u, &text);
    if (err == 0) {
        master_become(b->who);
        err = quarantine_add(folder, &u->print, MAILSTEAD_VERSION, buf_span(&text), &held);
        master_return(b->who);
    }
    buf_done(&text);
    tell(LOG_ERROR, "child.crashed_on", u);
    if (err != 0)
        log_event(LOG_ERROR, "quarantine.not_written", LOG_Z("folder", folder), LOG_ERR(err));
    else if (held)
        tell(LOG_ERROR, "quarantine.held", u);
}

void master_blame(const struct config *config,
                  const struct jail_identity *who,
                  int flight_fd,
                  int status)
{
    struct flight_report r;
    struct blame b = {config, who, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "EXIT"};
    int err = flight_read(flight_fd, &r);
    if (err != 0) {
        log_event(LOG_ERROR, "child.no_recorder", LOG_ERR(err));
        return;
    }
    for (size_t i = 0; i < r.units_n && i < r.crashed; i++)
        count(&b, &r.units[i]);
    if (r.crashed > 0 || r.outside || !is_a_crash(status))
        return;
    if (r.elsewhere) {
        log_event(LOG_ERROR, "child.crashed_elsewhere",
                  LOG_Z("why", "the thread that crashed ran no unit of work"));
        return;
    }
    if (r.running == 1)
        count(&b, &r.units[0]);
    for (size_t i = 0; i < r.units_n && r.running > 1; i++)
        tell(LOG_WARN, "child.crashed_beside", &r.units[i]);
}
