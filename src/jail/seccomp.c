/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of the server, as an allow-list. Three answers to what is not on it:
 *
 *   killed   what no honest line of ours or of a library ever calls, and what is first tried by
 *            somebody who has taken the process over: run a program, look into another process,
 *            change the machine. There is nothing to carry on with; the master logs SIGSYS and
 *            starts a clean child.
 *   EPERM    calls that are allowed with other arguments (memory that can be executed, setuid files,
 *            sockets): libraries try such things and go on without them.
 *   ENOSYS   everything else, also calls that do not exist yet. glibc and libuv probe for new calls
 *            and fall back when told so (clone3, io_uring, faccessat2): after an update of a
 *            library a mail server must not die for an attempt at being faster.
 *
 * The filter binds all threads (TSYNC): some sanitizers have one before main. */
#include "base/err.h"
#include "jail/jail_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const char *const allowed[] = {
    /* memory; mmap and mprotect below */
    "brk", "madvise", "mremap", "munmap", "msync", "mincore", "mlock", "mlock2", "munlock",
    /* threads */
    "arch_prctl", "exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "getcpu", "gettid",
    "membarrier", "restart_syscall", "rseq", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
    "sched_yield", "set_robust_list", "set_tid_address",
    /* signals; tgkill below */
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack", "signalfd4", "pause",
    /* time and chance */
    "clock_getres", "clock_gettime", "clock_nanosleep", "getrandom", "gettimeofday", "nanosleep", "time",
    "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
    /* who and what */
    "getegid", "geteuid", "getgid", "getgroups", "getpgrp", "getpid", "getppid", "getresgid",
    "getresuid", "getrlimit", "getrusage", "getsid", "getuid", "sysinfo", "uname",
    /* files; where they may be is Landlock's. open, creat, mkdir, fcntl and ioctl below */
    "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fallocate", "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate", "getcwd",
    "getdents", "getdents64", "link", "linkat", "lseek", "lstat", "newfstatat", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile", "stat", "statfs", "statx",
    "sync_file_range", "truncate", "umask", "unlink", "unlinkat", "utimensat", "write", "writev",
    /* sockets that are there already */
    "accept", "accept4", "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmmsg", "recvmsg",
    "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2",
    "pipe2", "poll", "ppoll", "pselect6", "select",
};

static const char *const killed[] = {
    /* another program; another process's memory, descriptors, life */
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "kcmp", "pidfd_getfd", "process_mrelease",
    /* other name spaces and mounts */
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "open_tree", "mount_setattr",
    /* the kernel itself */
    "bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "reboot", "swapon", "swapoff", "iopl", "ioperm", "acct", "syslog", "quotactl",
    "open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "modify_ldt", "vm86", "personality",
    /* keys, users, capabilities */
    "add_key", "request_key", "keyctl", "setuid", "setgid", "setreuid", "setregid", "setresuid",
    "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
    /* devices and odd files */
    "mknod", "mknodat", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
    "setdomainname",
};

/* Allowed to other roles, tried by libraries, or named so that the answer is EPERM. */
static const char *const refused[] = {
    "bind", "listen", "socketpair", "fork", "vfork", "kill", "tkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open", "chmod", "fchmod", "fchmodat", "chown",
    "fchown", "lchown", "fchownat", "symlink", "symlinkat", "setrlimit", "pkey_mprotect", "memfd_create",
    "shmget", "shmat", "chdir", "fchdir", "setsid", "setpgid", "remap_file_pages",
};

/* In builds with sanitizers, whatever the other tables say. The leak check clones a helper that
 * stops the threads with ptrace and waits for it. */
static const char *const sanitizers[] = {
    "ptrace", "clone", "wait4", "kill", "tkill", "tgkill", "prctl", "personality",
};
/* clang-format on */

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET,
    A_THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
    NAME_A_THREAD = 15,       /* PR_SET_NAME */
    NAME_MEMORY = 0x53564d41, /* PR_SET_VMA, which glibc does */
    REFUSE = SCMP_ACT_ERRNO(EPERM),
    UNKNOWN = SCMP_ACT_ERRNO(ENOSYS),
};

struct filter {
    scmp_filter_ctx ctx;
    int rc; /* sticky, a negative errno; with the tables right only memory can run out */
};

static bool for_sanitizers(const char *name)
{
    for (size_t i = 0; JAIL_SANITIZER && i < COUNT_OF(sanitizers); i++)
        if (strcmp(sanitizers[i], name) == 0)
            return true;
    return false;
}

/* Names that this processor does not have are no calls to answer. */
static void
add(struct filter *f, uint32_t answer, const char *name, unsigned n, const struct scmp_arg_cmp *c)
{
    int number = seccomp_syscall_resolve_name(name);
    if (f->rc == 0 && number >= 0)
        f->rc = seccomp_rule_add_array(f->ctx, answer, number, n, c);
}

static void add_list(struct filter *f, uint32_t answer, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!for_sanitizers(names[i]))
            add(f, answer, names[i], 0, NULL);
}

/* `name` while these bits of its argument `arg` are as given. */
static void add_bits(
    struct filter *f, uint32_t answer, const char *name, unsigned arg, uint64_t mask, uint64_t bits)
{
    const struct scmp_arg_cmp c = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, bits);
    if (!for_sanitizers(name))
        add(f, answer, name, 1, &c);
}

static void add_value(struct filter *f,
                      uint32_t answer,
                      const char *name,
                      unsigned arg,
                      enum scmp_compare how,
                      uint64_t value)
{
    const struct scmp_arg_cmp c = SCMP_CMP64(arg, how, value, 0);
    if (!for_sanitizers(name))
        add(f, answer, name, 1, &c);
}

/* Memory is never executable that was not when the filter was put up, so there is nothing to load
 * and nothing to write code into; new threads, but no new processes; signals to ourselves (abort). */
static void process_rules(struct filter *f)
{
    static const char *const memory[] = {"mmap", "mprotect"};
    uint64_t self = (uint64_t)getpid();
    for (size_t i = 0; i < COUNT_OF(memory); i++) {
        add_bits(f, SCMP_ACT_ALLOW, memory[i], 2, PROT_EXEC, 0);
        add_bits(f, REFUSE, memory[i], 2, PROT_EXEC, PROT_EXEC);
    }
    add_bits(f, SCMP_ACT_ALLOW, "clone", 0, NAMESPACES | A_THREAD, A_THREAD);
    add_bits(f, REFUSE, "clone", 0, CLONE_THREAD, 0);
    add_value(f, SCMP_ACT_ALLOW, "tgkill", 0, SCMP_CMP_EQ, self);
    add_value(f, REFUSE, "tgkill", 0, SCMP_CMP_NE, self);
    add_value(f, SCMP_ACT_ALLOW, "prlimit64", 0, SCMP_CMP_EQ, 0); /* its own limits alone */
    add_value(f, SCMP_ACT_ALLOW, "prctl", 0, SCMP_CMP_EQ, NAME_A_THREAD);
    add_value(f, SCMP_ACT_ALLOW, "prctl", 0, SCMP_CMP_EQ, NAME_MEMORY);
    /* clone3 is left unknown: its flags are behind a pointer, where no filter can look; glibc then
     * goes on with clone */
}

/* Files are made without set-user-id and set-group-id bits; chmod, which could add them, is not
 * there at all. */
static void file_rules(struct filter *f)
{
    static const struct {
        const char *name;
        unsigned mode;
    } makers[] = {{"open", 2}, {"openat", 3}, {"creat", 1}, {"mkdir", 1}, {"mkdirat", 2}};
    for (size_t i = 0; i < COUNT_OF(makers); i++) {
        add_bits(f, SCMP_ACT_ALLOW, makers[i].name, makers[i].mode, S_ISUID | S_ISGID, 0);
        add_bits(f, REFUSE, makers[i].name, makers[i].mode, S_ISUID, S_ISUID);
        add_bits(f, REFUSE, makers[i].name, makers[i].mode, S_ISGID, S_ISGID);
    }
}

/* fcntl can arm signals to other processes (F_SETOWN), ioctl type into the terminal of whoever
 * started the server (TIOCSTI): only what is asked of files and sockets. */
static void descriptor_rules(struct filter *f)
{
    static const uint32_t fcntls[] = {
        F_DUPFD,
        F_DUPFD_CLOEXEC,
        F_GETFD,
        F_SETFD,
        F_GETFL,
        F_SETFL,
        F_GETLK,
        F_SETLK,
        F_SETLKW,
        F_OFD_GETLK,
        F_OFD_SETLK,
        F_OFD_SETLKW,
        F_GET_RW_HINT,
        F_SET_RW_HINT,
        F_GET_FILE_RW_HINT,
        F_SET_FILE_RW_HINT,
    };
    static const uint32_t ioctls[] = {FIONBIO, FIONREAD,   FIOCLEX,
                                      TCGETS,  TIOCGWINSZ, FS_IOC_GETVERSION};
    for (size_t i = 0; i < COUNT_OF(fcntls); i++)
        add_value(f, SCMP_ACT_ALLOW, "fcntl", 1, SCMP_CMP_EQ, fcntls[i]);
    for (size_t i = 0; i < COUNT_OF(ioctls); i++)
        add_value(f, SCMP_ACT_ALLOW, "ioctl", 1, SCMP_CMP_EQ, ioctls[i]);
}

static void role_rules(struct filter *f, const struct jail_role_rules *rules)
{
    if (rules->families[0] == 0) {
        add(f, REFUSE, "socket", 0, NULL);
        add(f, REFUSE, "connect", 0, NULL);
        return;
    }
    for (size_t i = 0; i < JAIL_FAMILIES_MAX && rules->families[i] != 0; i++)
        add_value(f, SCMP_ACT_ALLOW, "socket", 0, SCMP_CMP_EQ, (uint64_t)rules->families[i]);
    add(f, SCMP_ACT_ALLOW, "connect", 0, NULL);
}

int jail_seccomp(const struct jail_role_rules *rules, struct buf *why)
{
    struct filter f = {.ctx = seccomp_init(UNKNOWN)};
    if (f.ctx == NULL)
        f.rc = -ENOMEM;
    if (f.rc == 0)
        f.rc = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (f.rc == 0) /* a search tree instead of a list: the filter runs at each call */
        f.rc = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add_list(&f, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    add_list(&f, SCMP_ACT_KILL_PROCESS, killed, COUNT_OF(killed));
    add_list(&f, REFUSE, refused, COUNT_OF(refused));
    process_rules(&f);
    file_rules(&f);
    descriptor_rules(&f);
    role_rules(&f, rules);
    for (size_t i = 0; JAIL_SANITIZER && i < COUNT_OF(sanitizers); i++)
        add(&f, SCMP_ACT_ALLOW, sanitizers[i], 0, NULL);
    if (f.rc == 0)
        f.rc = seccomp_load(f.ctx);
    seccomp_release(f.ctx);
    if (f.rc == 0)
        return 0;
    buf_printf(why, "the server cannot be confined: seccomp: %s", strerror(-f.rc));
    return err_from_errno(-f.rc);
}
