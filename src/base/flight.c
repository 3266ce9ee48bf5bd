/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint of a unit is made by the parent, after the crash, from the key in the slot; the
 * process itself makes one only while something is quarantined. So a slot holds the key and not its
 * hash, and the usual unit costs no hashing.
 *
 * Each thread gets a slot with its first unit and keeps it. The handlers run on a stack of their
 * own, one a slot, so that a stack that ran over is noticed like any other fault. */
#include "base/flight.h"

#include "base/err.h"
#include "base/log.h"
#include "base/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum slot_state { SLOT_IDLE, SLOT_RUNNING, SLOT_CRASHED };

struct flight_slot {
    _Atomic uint32_t state; /* enum slot_state; what follows is whole unless it is SLOT_IDLE */
    uint32_t show_n, key_n; /* written */
    uint64_t key_all;       /* also what was cut */
    struct ip peer;
    char sid[FLIGHT_SID];
    char show[FLIGHT_SHOW];
    uint8_t key[FLIGHT_KEY]; /* begins with the kind */
};

struct flight_map {
    _Atomic uint32_t taken; /* slots */
    _Atomic uint32_t outside, elsewhere;
    struct flight_slot slots[FLIGHT_SLOTS];
};

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
enum { STACK = 64 * 1024 };

static struct flight_map *map; /* NULL: no recorder */
static char *stacks;
static struct sigaction previous[NSIG];
static _Thread_local struct flight_slot *mine;

const char *flight_kind_name(enum flight_kind kind)
{
    static const char *const names[FLIGHT_KINDS] = {
        "none", "smtp-line", "smtp-content", "smtp-message", "pop3", "http", "job", "imap"};
    return kind < FLIGHT_KINDS ? names[kind] : "unknown";
}

static void print_make(const struct flight_slot *s, struct flight_print *out)
{
    uint8_t bytes[FLIGHT_KEY + sizeof s->key_all];
    size_t n = s->key_n < FLIGHT_KEY ? s->key_n : FLIGHT_KEY;
    memcpy(bytes, s->key, n);
    memcpy(bytes + n, &s->key_all, sizeof s->key_all);
    must(crypto_generichash(out->b, sizeof out->b, bytes, n + sizeof s->key_all, NULL, 0) == 0);
}

/* ---- the crash ------------------------------------------------------------------------------ */

/* Only what may be done in a signal handler, and as little as possible: the memory may be in ruins.
 * Then the signal has its former effect: the end of the process, or a sanitizer's report. */
static void on_fatal(int number, siginfo_t *info, void *context)
{
    bool fault = info->si_code > 0; /* by the kernel, for what this thread did */
    bool abort_here = number == SIGABRT && info->si_code == SI_TKILL && info->si_pid == getpid();
    (void)context;
    if (!fault && !abort_here)
        atomic_store(&map->outside, 1);
    else if (mine != NULL && atomic_load(&mine->state) == SLOT_RUNNING)
        atomic_store(&mine->state, SLOT_CRASHED);
    else
        atomic_store(&map->elsewhere, 1);
    (void)sigaction(number, &previous[number], NULL);
    if (!fault)
        (void)raise(number); /* a fault comes again by itself */
}

static int catch_fatal(void)
{
    struct sigaction act = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < COUNT_OF(fatal); i++)
        if (sigaction(fatal[i], &act, &previous[fatal[i]]) != 0)
            return err_from_errno(errno);
    return 0;
}

/* Sanitizers have one already. */
static void stack_use(size_t slot)
{
    stack_t stack = {.ss_sp = stacks + slot * STACK, .ss_size = STACK};
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0)
        (void)sigaltstack(&stack, NULL);
}

int flight_open(int fd)
{
    must(map == NULL);
    void *slots = mmap(NULL, sizeof *map, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (slots == MAP_FAILED)
        return err_from_errno(errno);
    stacks = calloc(FLIGHT_SLOTS, STACK); /* costs no memory before it is used */
    if (stacks == NULL) {
        (void)munmap(slots, sizeof *map);
        return ERR_NOMEM;
    }
    map = slots;
    return catch_fatal();
}

/* ---- units ---------------------------------------------------------------------------------- */

static struct flight_slot *slot_take(void)
{
    uint32_t i = map == NULL ? FLIGHT_SLOTS : atomic_fetch_add(&map->taken, 1);
    if (i >= FLIGHT_SLOTS) {
        if (map != NULL)
            atomic_store(&map->taken, FLIGHT_SLOTS);
        return NULL;
    }
    stack_use(i);
    return &map->slots[i];
}

void flight_begin(enum flight_kind kind, struct ip peer)
{
    if (mine == NULL)
        mine = slot_take();
    if (mine == NULL)
        return;
    atomic_store_explicit(&mine->state, SLOT_IDLE, memory_order_release);
    mine->show_n = 0;
    mine->key_n = 1;
    mine->key_all = 1;
    mine->key[0] = (uint8_t)kind;
    mine->peer = peer;
    struct span sid = span_slice(log_scope_sid(), 0, sizeof mine->sid - 1);
    if (sid.n > 0)
        memcpy(mine->sid, sid.p, sid.n);
    mine->sid[sid.n] = '\0';
}

static uint32_t append(void *to, uint32_t n, uint32_t max, struct span bytes)
{
    size_t room = max - n;
    size_t take = bytes.n < room ? bytes.n : room;
    if (take > 0)
        memcpy((char *)to + n, bytes.p, take);
    return n + (uint32_t)take;
}

void flight_show(struct span text)
{
    if (mine != NULL)
        mine->show_n = append(mine->show, mine->show_n, FLIGHT_SHOW - 1, text);
}

void flight_key(struct span bytes)
{
    const uint64_t length = bytes.n; /* before it, so that "a","b" is not "ab" */
    if (mine == NULL)
        return;
    mine->key_n = append(mine->key, mine->key_n, FLIGHT_KEY, span_of(&length, sizeof length));
    mine->key_n = append(mine->key, mine->key_n, FLIGHT_KEY, bytes);
    mine->key_all += bytes.n;
}

void flight_key_u64(uint64_t number)
{
    flight_key(span_of(&number, sizeof number));
}

int flight_go(void)
{
    if (mine == NULL)
        return 0;
    mine->show[mine->show_n] = '\0';
    if (quarantine_count() > 0) {
        struct flight_print print;
        print_make(mine, &print);
        if (quarantine_has(&print)) {
            quarantine_refused(&print, flight_kind_name(mine->key[0]),
                               span_of(mine->show, mine->show_n), mine->peer);
            return ERR_QUARANTINED;
        }
    }
    atomic_store_explicit(&mine->state, SLOT_RUNNING, memory_order_release);
    return 0;
}

void flight_end(void)
{
    if (mine != NULL)
        atomic_store_explicit(&mine->state, SLOT_IDLE, memory_order_release);
}

struct flight_slot *flight_mine(void)
{
    return mine;
}

void flight_share(struct flight_slot *slot)
{
    mine = slot;
}

/* ---- in the parent -------------------------------------------------------------------------- */

int flight_file(void)
{
    int fd = memfd_create("mailstead-flight", MFD_CLOEXEC);
    if (fd < 0)
        return err_from_errno(errno);
    if (ftruncate(fd, sizeof(struct flight_map)) == 0)
        return fd;
    int err = err_from_errno(errno);
    close(fd);
    return err;
}

static void unit_of(struct flight_slot *s, struct flight_unit *out)
{
    s->sid[sizeof s->sid - 1] = s->show[sizeof s->show - 1] = '\0';
    out->kind = s->key[0] < FLIGHT_KINDS ? s->key[0] : FLIGHT_NONE;
    out->peer = s->peer;
    memcpy(out->sid, s->sid, sizeof out->sid);
    memcpy(out->show, s->show, sizeof out->show);
    print_make(s, &out->print);
}

/* All slots in this state, as far as there is room; how many there are. Read and not mapped: a file
 * that somebody cut short would be a fault of ours. */
static int collect(int fd, enum slot_state state, struct flight_report *r, size_t *count_out)
{
    for (size_t i = 0; i < FLIGHT_SLOTS; i++) {
        struct flight_slot s;
        off_t at = (off_t)(offsetof(struct flight_map, slots) + i * sizeof s);
        uint32_t now;
        if (pread(fd, &now, sizeof now, at) != (ssize_t)sizeof now)
            return ERR_CORRUPT;
        if (now != state)
            continue;
        ++*count_out;
        if (r->units_n == FLIGHT_UNITS)
            continue;
        if (pread(fd, &s, sizeof s, at) != (ssize_t)sizeof s)
            return ERR_CORRUPT;
        unit_of(&s, &r->units[r->units_n++]);
    }
    return 0;
}

int flight_read(int fd, struct flight_report *out)
{
    uint32_t head[3];
    *out = (struct flight_report){0};
    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
        return ERR_CORRUPT;
    out->outside = head[1] != 0;
    out->elsewhere = head[2] != 0;
    int err = collect(fd, SLOT_CRASHED, out, &out->crashed);
    if (err == 0)
        err = collect(fd, SLOT_RUNNING, out, &out->running);
    return err;
}
