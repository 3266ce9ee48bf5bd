/* SPDX-License-Identifier: Apache-2.0 */
/* The master of `serve`: small, one thread, no byte from the network, no store. It has the rights
 * that the server needs for a moment only, and gives its child what they open: ports, keys, log.
 *
 *   read settings, lock, log, ports -> child -> signals and the child's questions -> child's end
 *                                       ^                                               |
 *                                       +------ after a pause, unless we are to stop ---+
 *
 * The child is this same program, executed anew: a plain fork would give every child the same
 * addresses and the same stack canary, which somebody could then find out crash by crash.
 *
 * The master keeps the settings that a child has taken last: one that is started after a crash gets
 * these, whatever was written into the configuration meanwhile. Listening sockets stay as they
 * were opened; connections that come while there is no child wait in them. */
#include "cli/serve.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/flight.h"
#include "base/log.h"
#include "cli/handover.h"
#include "cli/master_blame.h"
#include "cli/master_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXIT_TROUBLE = 1,
    STEADY_MS = 60 * 1000, /* a child that has lived so long does not count as failing again */
    PAUSE_FIRST_MS = 100,
    PAUSE_MAX_MS = 30 * 1000,
};

struct master {
    const char *config_path;
    struct clock *clock;
    struct jail_identity who;
    struct settings now;     /* in force, or for the first child */
    struct settings pending; /* sent, not yet taken */
    struct master_sockets sockets;
    struct config *first; /* as at the start: whose data folder is locked, whose log was opened */
    int lock_fd, signal_fd, program_fd;

    pid_t child; /* 0: none */
    int control, flight_fd;
    int64_t started_ms, restart_at_ms;
    bool ready, was_ever_ready, stopping, done;
    unsigned failures; /* children that did not live long, in a row */
    uint64_t children;
    int code;
};

static int64_t now_ms(const struct master *m)
{
    return m->clock->mono_ms(m->clock);
}

static int fail(const struct buf *why, int err)
{
    struct span text = span_trim(buf_span(why));
    if (text.n > 0)
        fprintf(stderr, "mailstead: %.*s\n", SPAN_ARG(text));
    else
        fprintf(stderr, "mailstead: the server could not start: %s\n", err_text(err));
    return EXIT_TROUBLE;
}

/* ---- settings ------------------------------------------------------------------------------- */

static void use_log(const struct settings *s)
{
    log_setup(s->log_fd >= 0 ? s->log_fd : STDERR_FILENO, (enum log_level)s->config->log_level,
              (enum log_format)s->config->log_format);
}

static int read_settings(struct master *m, struct settings *out, struct buf *why)
{
    int err = settings_read(m->config_path, out, why);
    if (err != 0)
        return err;
    bool trusted = strcmp(m->first->log_file, out->config->log_file) == 0;
    err = master_log(out->config, &m->who, trusted, &out->log_fd, why);
    if (err != 0)
        settings_done(out);
    return err;
}

static void take(struct master *m)
{
    if (m->pending.config == NULL)
        return;
    use_log(&m->pending); /* before the old one is closed */
    settings_done(&m->now);
    m->now = m->pending;
    m->pending = (struct settings){0};
}

/* ---- the child ------------------------------------------------------------------------------ */

_Noreturn static void child_run(const struct master *m, int control)
{
    char name[] = "mailstead", verb[] = SERVE_CHILD, *path = strdup(m->config_path);
    char *argv[] = {name, verb, path, NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int program = fcntl(m->program_fd, F_DUPFD_CLOEXEC, SERVE_FLIGHT_FD + 1);
    int flight = fcntl(m->flight_fd, F_DUPFD_CLOEXEC, SERVE_FLIGHT_FD + 1);
    control = fcntl(control, F_DUPFD_CLOEXEC, SERVE_FLIGHT_FD + 1); /* dup2 makes it inheritable */
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(control, SERVE_CHILD_FD) >= 0 &&
        dup2(flight, SERVE_FLIGHT_FD) >= 0 && path != NULL)
        fexecve(program, argv, environ);
    fprintf(stderr, "mailstead: the child process cannot be started: %s\n", strerror(errno));
    _exit(EXIT_TROUBLE);
}

static void plan_restart(struct master *m)
{
    int64_t pause = m->failures == 0 ? 0 : (int64_t)PAUSE_FIRST_MS << (m->failures - 1);
    m->restart_at_ms = now_ms(m) + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
}

static void close_if(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void child_start(struct master *m)
{
    int pair[2] = {-1, -1};
    m->restart_at_ms = 0;
    m->ready = false;
    m->started_ms = now_ms(m);
    fflush(NULL);
    m->flight_fd = flight_file();
    pid_t pid = -1;
    if (m->flight_fd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
        pid = fork();
    if (pid == 0)
        child_run(m, pair[1]);
    close_if(&pair[1]);
    if (pid < 0) {
        log_event(LOG_ERROR, "child.no_process", LOG_Z("why", strerror(errno)));
        close_if(&pair[0]);
        close_if(&m->flight_fd);
        m->failures += m->failures < 10;
        plan_restart(m);
        return;
    }
    m->child = pid;
    m->control = pair[0];
    m->children++;
    log_event(LOG_INFO, "child.started", LOG_I("pid", pid), LOG_I("restarts", m->children - 1));
}

static void log_end(const struct master *m, int status, int64_t uptime_ms)
{
    int64_t pause = m->stopping ? 0 : m->restart_at_ms - now_ms(m);
    if (WIFSIGNALED(status))
        log_event(LOG_ERROR, "child.died", LOG_I("pid", m->child),
                  LOG_Z("signal", sigabbrev_np(WTERMSIG(status))), LOG_I("uptime_ms", uptime_ms),
                  LOG_I("restart_in_ms", pause > 0 ? pause : 0));
    else
        log_event(LOG_ERROR, "child.ended", LOG_I("pid", m->child),
                  LOG_I("code", WEXITSTATUS(status)), LOG_I("uptime_ms", uptime_ms),
                  LOG_I("restart_in_ms", pause > 0 ? pause : 0));
}

/* An orderly end that was asked for, or a first start that could not be, ends the master, too. */
static void child_ended(struct master *m, int status)
{
    int64_t uptime_ms = now_ms(m) - m->started_ms;
    bool orderly = WIFEXITED(status);
    close_if(&m->control);
    if (m->stopping || (orderly && !m->was_ever_ready)) {
        m->done = true;
        m->code = orderly ? WEXITSTATUS(status) : EXIT_TROUBLE;
    } else {
        m->failures = uptime_ms >= STEADY_MS ? 0 : m->failures + (m->failures < 10);
        plan_restart(m);
    }
    if (!m->done || !orderly)
        log_end(m, status, uptime_ms);
    master_blame(m->first, &m->who, m->flight_fd, status);
    close_if(&m->flight_fd);
    settings_done(&m->pending);
    m->child = 0;
}

/* ---- questions ------------------------------------------------------------------------------ */

static void answer_start(struct master *m, uint32_t serial)
{
    struct buf why;
    struct handover_start start = {
        .who = m->who,
        .master = getpid(),
        .restarts = m->children - 1,
        .lock_fd = -1,
        .sockets_n = m->sockets.n,
    };
    memcpy(start.ports, m->sockets.ports, sizeof start.ports);
    memcpy(start.sockets, m->sockets.fds, sizeof start.sockets);
    buf_init(&why, 4096);
    int err = master_child_lock(m->first, &m->who, &start.lock_fd, &why);
    if (err == 0)
        err = master_folders(m->now.config, &m->who, &why);
    int rc = handover_answer(m->control, serial, &m->now, &start, err, buf_span(&why));
    if (rc != 0)
        log_event(LOG_ERROR, "child.no_answer", LOG_ERR(rc));
    if (start.lock_fd >= 0)
        close(start.lock_fd); /* the child's copy holds it */
    buf_done(&why);
}

static void answer_reload(struct master *m, uint32_t serial)
{
    struct buf why;
    buf_init(&why, 64 * 1024);
    settings_done(&m->pending);
    int err = read_settings(m, &m->pending, &why);
    int rc = handover_answer(m->control, serial, &m->pending, NULL, err, buf_span(&why));
    if (rc != 0)
        log_event(LOG_ERROR, "child.no_answer", LOG_ERR(rc));
    buf_done(&why);
}

static void on_question(struct master *m)
{
    uint32_t serial = 0;
    switch (handover_asked(m->control, &serial)) {
    case HANDOVER_START: answer_start(m, serial); break;
    case HANDOVER_RELOAD: answer_reload(m, serial); break;
    case HANDOVER_TAKEN:
        m->ready = m->was_ever_ready = true;
        take(m);
        break;
    case 0: break;
    default: /* its end is closed; SIGCHLD follows */ close_if(&m->control); break;
    }
}

/* ---- signals -------------------------------------------------------------------------------- */

static void stop(struct master *m, int signal)
{
    m->stopping = true;
    for (size_t i = 0; i < m->sockets.n;
         i++) /* the kernel refuses once the child has closed, too */
        if (m->sockets.fds[i] >= 0) {
            close(m->sockets.fds[i]);
            m->sockets.fds[i] = -1;
        }
    if (m->child != 0)
        (void)kill(m->child, signal);
    else
        m->done = true;
}

/* Without a child there is nobody to judge it: what can be read is for the next one. */
static void reload_alone(struct master *m)
{
    struct buf why;
    buf_init(&why, 64 * 1024);
    if (read_settings(m, &m->pending, &why) == 0)
        take(m);
    else
        log_event(LOG_ERROR, "reload.failed", LOG_S("why", buf_span(&why)));
    buf_done(&why);
}

static void on_signal(struct master *m)
{
    struct signalfd_siginfo info;
    int status;
    if (read(m->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    switch (info.ssi_signo) {
    case SIGTERM:
    case SIGINT: stop(m, (int)info.ssi_signo); break;
    case SIGHUP:
        if (m->child != 0)
            (void)kill(m->child, SIGHUP);
        else
            reload_alone(m);
        break;
    default:
        if (m->child != 0 && waitpid(m->child, &status, WNOHANG) == m->child)
            child_ended(m, status);
        break;
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static void loop(struct master *m)
{
    while (!m->done) {
        int64_t left = m->restart_at_ms - now_ms(m);
        if (m->child == 0 && left <= 0)
            child_start(m);
        struct pollfd fds[] = {{.fd = m->signal_fd, .events = POLLIN},
                               {.fd = m->child != 0 ? m->control : -1, .events = POLLIN}};
        int timeout = m->child != 0 ? -1 : left > 0 ? (int)left : 0;
        if (poll(fds, COUNT_OF(fds), timeout) <= 0)
            continue;
        if (fds[0].revents != 0)
            on_signal(m);
        else if (fds[1].revents != 0)
            on_question(m);
    }
}

static int catch_signals(struct master *m)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* where it is ignored there is nobody to wait for */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return err_from_errno(errno);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return m->signal_fd < 0 ? err_from_errno(errno) : 0;
}

/* What needs the rights. */
static int prepare(struct master *m, struct buf *why)
{
    int err = settings_read(m->config_path, &m->now, why);
    if (err == 0)
        err = jail_identity(m->now.config->user, &m->who, why);
    if (err == 0)
        err = master_log(m->now.config, &m->who, true, &m->now.log_fd, why);
    if (err != 0)
        return err;
    use_log(&m->now);
    m->first = config_ref(m->now.config);
    /* keys are in our memory, and the child must not be able to look */
    if (m->now.config->sandbox)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    err = master_lock(m->first, &m->who, &m->lock_fd, why);
    if (err == 0)
        err = master_folders(m->now.config, &m->who, why);
    if (err == 0)
        err = master_listen(m->now.config, &m->who, &m->sockets, why);
    return err;
}

int serve_run(const char *config_path)
{
    struct master m = {.config_path = config_path,
                       .clock = clock_system(),
                       .lock_fd = -1,
                       .signal_fd = -1,
                       .program_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC),
                       .control = -1,
                       .flight_fd = -1,
                       .now = {.log_fd = -1}};
    struct buf why;
    buf_init(&why, 64 * 1024);
    umask(077);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* exec of ourselves gains nothing either */
    int err = m.program_fd < 0 ? err_from_errno(errno) : catch_signals(&m);
    if (err == 0)
        err = prepare(&m, &why);
    if (err == 0)
        loop(&m);
    int code = err == 0 ? m.code : fail(&why, err);
    master_unlisten(&m.sockets);
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT); /* the file is closed next */
    settings_done(&m.now);
    settings_done(&m.pending);
    config_unref(m.first);
    buf_done(&why);
    return code;
}
