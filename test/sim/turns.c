/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks are contexts of one thread (ucontext), not threads of the system: handing over costs half a
 * microsecond and needs no scheduler, which on a busy machine would make each handing over wait for
 * its turn there. What rooms keep in thread-local variables (the log's scope, the store's guard
 * against nested transactions) is swapped with the task: the program's own thread-local block is
 * copied out and in as a whole. The block of a sanitizer's runtime must not be in it, which holds
 * for gcc, whose runtimes are shared libraries. */
#include "turns.h"

#include "base/random.h"

#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
{
    (void)save;
    (void)bottom;
    (void)size;
}
static void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size)
{
    (void)save;
    (void)bottom;
    (void)size;
}
#endif

enum { TASKS = 64, SPURIOUS_ODDS = 50, STACK = 1 << 20, GUARD = 1 << 16, LOCALS_MAX = 4096 };

enum task_state { TASK_FREE, TASK_READY, TASK_WAITING, TASK_ENDED };

struct task {
    enum task_state state;
    const char *name;
    void (*run)(void *arg);
    void *arg;
    void *own;
    const void *on;   /* WAITING: for what */
    int64_t until_ms; /* and until when */
    bool timed_out;
    ucontext_t context;
    char *stack; /* kept for the next task in this place */
    size_t stack_n;
    void *sanitizer;
    char locals[LOCALS_MAX];
};

static const int64_t never = INT64_MAX;

static struct {
    bool on;
    struct rng_seeded rng;
    unsigned odds;
    unsigned held;
    int64_t mono_ms, wall_ahead_ms;
    struct task *running;
    struct task tasks[TASKS];
    struct { /* the program's thread-local block */
        char *p;
        size_t n;
        char clean[LOCALS_MAX];
    } locals;
} turns;

static void stuck(void)
{
    fprintf(stderr, "deadlock: all tasks wait for each other\n");
    for (size_t i = 0; i < TASKS; i++)
        if (turns.tasks[i].state == TASK_WAITING)
            fprintf(stderr, "  %s waits on %p\n", turns.tasks[i].name, turns.tasks[i].on);
    must(!"a task that can run");
}

/* Moves the clock to the first moment that somebody waits for. */
static void clock_forward(void)
{
    int64_t first = never;
    for (size_t i = 0; i < TASKS; i++)
        if (turns.tasks[i].state == TASK_WAITING && turns.tasks[i].until_ms < first)
            first = turns.tasks[i].until_ms;
    if (first == never)
        stuck();
    if (first > turns.mono_ms)
        turns.mono_ms = first;
    for (size_t i = 0; i < TASKS; i++) {
        struct task *t = &turns.tasks[i];
        if (t->state == TASK_WAITING && t->until_ms <= turns.mono_ms) {
            t->state = TASK_READY;
            t->timed_out = true;
        }
    }
}

static struct task *choose(void)
{
    for (;; clock_forward()) {
        struct task *ready[TASKS];
        size_t n = 0;
        for (size_t i = 0; i < TASKS; i++)
            if (turns.tasks[i].state == TASK_READY)
                ready[n++] = &turns.tasks[i];
        if (n > 0)
            return n == 1 ? ready[0] : ready[rng_below(&turns.rng.rng, n)];
    }
}

/* ---- switching ---------------------------------------------------------------------------- */

static int find_locals(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            turns.locals.p = info->dlpi_tls_data;
            turns.locals.n = info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first is the program itself */
}

static void locals_begin(void)
{
    (void)dl_iterate_phdr(find_locals, NULL);
    must(turns.locals.n > 0 && turns.locals.n <= LOCALS_MAX);
    memcpy(turns.locals.clean, turns.locals.p, turns.locals.n);
}

static void switch_to(struct task *next)
{
    struct task *me = turns.running;
    bool over = me->state == TASK_ENDED;
    memcpy(me->locals, turns.locals.p, turns.locals.n);
    memcpy(turns.locals.p, next->locals, turns.locals.n);
    turns.running = next;
    __sanitizer_start_switch_fiber(over ? NULL : &me->sanitizer, next->stack, next->stack_n);
    must(swapcontext(&me->context, &next->context) == 0);
    __sanitizer_finish_switch_fiber(me->sanitizer, NULL, NULL);
}

/* Somebody who is ready goes on; it may be the caller. */
static void pass(void)
{
    struct task *next = choose();
    if (next != turns.running)
        switch_to(next);
}

static void task_main(void)
{
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    struct task *me = turns.running;
    me->run(me->arg);
    me->state = TASK_ENDED;
    turns_wake(me);
    switch_to(choose());
}

static void stack_make(struct task *t)
{
    char *p =
        mmap(NULL, STACK + GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(p != MAP_FAILED && mprotect(p + GUARD, STACK, PROT_READ | PROT_WRITE) == 0);
    t->stack = p + GUARD;
    t->stack_n = STACK;
}

/* The caller's own stack, which is the system's. */
static void stack_of_caller(struct task *t)
{
    pthread_attr_t attr;
    void *p;
    must(pthread_getattr_np(pthread_self(), &attr) == 0);
    must(pthread_attr_getstack(&attr, &p, &t->stack_n) == 0);
    t->stack = p;
    pthread_attr_destroy(&attr);
}

static void task_begin(struct task *t, const char *name, void *own)
{
    t->state = TASK_READY;
    t->name = name;
    t->own = own;
    memcpy(t->locals, turns.locals.clean, turns.locals.n);
}

/* ---- life --------------------------------------------------------------------------------- */

void turns_begin(uint64_t seed, unsigned odds, int64_t wall_ms)
{
    must(!turns.on);
    locals_begin();
    rng_seeded_init(&turns.rng, seed);
    turns.odds = odds;
    turns.held = 0;
    turns.mono_ms = INT64_C(1000000);
    turns.wall_ahead_ms = wall_ms - turns.mono_ms;
    turns.running = &turns.tasks[0];
    task_begin(turns.running, "main", NULL);
    stack_of_caller(turns.running);
    turns.on = true;
}

void turns_end(void)
{
    for (size_t i = 1; i < TASKS; i++)
        must(turns.tasks[i].state == TASK_FREE);
    turns.tasks[0].state = TASK_FREE;
    turns.on = false;
}

bool turns_on(void)
{
    return turns.on;
}

struct task *turns_spawn(const char *name, void (*run)(void *arg), void *arg)
{
    size_t i = 1;
    while (i < TASKS && turns.tasks[i].state != TASK_FREE)
        i++;
    must(i < TASKS);
    struct task *t = &turns.tasks[i];
    task_begin(t, name, turns.running->own);
    t->run = run;
    t->arg = arg;
    if (t->stack == NULL)
        stack_make(t);
    must(getcontext(&t->context) == 0);
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = t->stack_n;
    t->context.uc_link = NULL;
    makecontext(&t->context, task_main, 0);
    return t;
}

void turns_join(struct task *t)
{
    while (t->state != TASK_ENDED)
        turns_wait(t);
    t->state = TASK_FREE;
}

const char *turns_name(void)
{
    return turns.running->name;
}

void *turns_own(void)
{
    return turns.running->own;
}

void turns_own_set(void *own)
{
    turns.running->own = own;
}

void turns_maybe(void)
{
    if (turns.odds > 0 && turns.held == 0 && rng_below(&turns.rng.rng, turns.odds) == 0)
        pass();
}

void turns_sleep(int64_t ms)
{
    if (ms > 0)
        (void)turns_wait_until(turns.running, turns.mono_ms + ms);
    else
        pass();
}

void turns_wait(const void *on)
{
    (void)turns_wait_until(on, never);
}

bool turns_wait_until(const void *on, int64_t mono_ms)
{
    must(turns.held == 0);
    struct task *me = turns.running;
    me->on = on;
    me->until_ms = mono_ms;
    me->timed_out = false;
    me->state = TASK_WAITING;
    pass();
    return !me->timed_out;
}

void turns_wake(const void *on)
{
    for (size_t i = 0; i < TASKS; i++)
        if (turns.tasks[i].state == TASK_WAITING && turns.tasks[i].on == on)
            turns.tasks[i].state = TASK_READY;
}

void turns_wake_one(const void *on)
{
    struct task *waiting[TASKS];
    size_t n = 0;
    for (size_t i = 0; i < TASKS; i++)
        if (turns.tasks[i].state == TASK_WAITING && turns.tasks[i].on == on)
            waiting[n++] = &turns.tasks[i];
    if (n > 0)
        waiting[n == 1 ? 0 : rng_below(&turns.rng.rng, n)]->state = TASK_READY;
}

bool turns_spurious(void)
{
    return turns.odds > 0 && rng_below(&turns.rng.rng, SPURIOUS_ODDS) == 0;
}

void turns_hold(void)
{
    turns.held++;
}

void turns_release(void)
{
    must(turns.held > 0);
    turns.held--;
}

int64_t turns_mono_ms(void)
{
    return turns.mono_ms;
}

int64_t turns_wall_ms(void)
{
    return turns.mono_ms + turns.wall_ahead_ms;
}

void turns_wall_jump(int64_t ms)
{
    turns.wall_ahead_ms += ms;
}

size_t turns_number(const struct task *t)
{
    return (size_t)(t - turns.tasks);
}

struct task *turns_of_number(size_t n)
{
    must(n > 0 && n < TASKS);
    return &turns.tasks[n];
}
