/* SPDX-License-Identifier: Apache-2.0 */
#include "attempts.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int done(long rc)
{
    return rc < 0 ? (errno != 0 ? errno : EIO) : 0;
}

static int opened(int fd)
{
    int number = done(fd);
    if (fd >= 0)
        close(fd);
    return number;
}

/* ---- files -------------------------------------------------------------------------------- */

static int read_shadow(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(open("/etc/shadow", O_RDONLY));
}

static int read_passwd(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(open("/etc/passwd", O_RDONLY)); /* anybody else may */
}

static int read_secret(const struct attempt_aim *aim)
{
    return opened(open(aim->secret, O_RDONLY));
}

static int read_master_memory(const struct attempt_aim *aim)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)aim->other);
    return opened(open(path, O_RDWR));
}

static int list_root(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(open("/", O_RDONLY | O_DIRECTORY));
}

static int write_outside(const struct attempt_aim *aim)
{
    char path[512];
    snprintf(path, sizeof path, "%s/planted", aim->outside);
    int number = opened(open(path, O_WRONLY | O_CREAT, 0600));
    unlink(path);
    return number;
}

static int move_outside(const struct attempt_aim *aim)
{
    char from[512], to[512];
    snprintf(from, sizeof from, "%s/moved", aim->inside);
    snprintf(to, sizeof to, "%s/moved", aim->outside);
    int fd = open(from, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return 0; /* inside is to be writable */
    close(fd);
    return done(rename(from, to));
}

static int link_secret(const struct attempt_aim *aim)
{
    char to[512];
    snprintf(to, sizeof to, "%s/linked", aim->inside);
    int number = done(link(aim->secret, to));
    unlink(to);
    return number;
}

static int symlink_secret(const struct attempt_aim *aim)
{
    char to[512];
    snprintf(to, sizeof to, "%s/symlinked", aim->inside);
    int number = done(symlink(aim->secret, to));
    unlink(to);
    return number;
}

static int setuid_file(const struct attempt_aim *aim)
{
    char path[512];
    snprintf(path, sizeof path, "%s/setuid", aim->inside);
    int number = opened(open(path, O_WRONLY | O_CREAT, 04755));
    unlink(path);
    return number;
}

static int setgid_folder(const struct attempt_aim *aim)
{
    char path[512];
    snprintf(path, sizeof path, "%s/setgid", aim->inside);
    int number = done(mkdir(path, 02755));
    rmdir(path);
    return number;
}

static int setuid_later(const struct attempt_aim *aim)
{
    char path[512];
    snprintf(path, sizeof path, "%s/later", aim->inside);
    int fd = open(path, O_WRONLY | O_CREAT, 0700);
    if (fd < 0)
        return 0; /* inside is to be writable */
    int number = done(fchmod(fd, 04755));
    close(fd);
    unlink(path);
    return number;
}

static int make_device(const struct attempt_aim *aim)
{
    char path[512];
    snprintf(path, sizeof path, "%s/device", aim->inside);
    return done(mknod(path, S_IFCHR | 0600, 0x0101));
}

static int type_into_terminal(const struct attempt_aim *aim)
{
    char c = '\n';
    (void)aim;
    return done(ioctl(STDERR_FILENO, TIOCSTI, &c));
}

/* ---- programs and code -------------------------------------------------------------------- */

static int exec_shell(const struct attempt_aim *aim)
{
    char sh[] = "sh", c[] = "-c", what[] = "exit 0";
    char *argv[] = {sh, c, what, NULL};
    (void)aim;
    return done(execv("/bin/sh", argv));
}

static int exec_by_descriptor(const struct attempt_aim *aim)
{
    char sh[] = "sh", c[] = "-c", what[] = "exit 0";
    char *argv[] = {sh, c, what, NULL}, *env[] = {NULL};
    (void)aim;
    return done(syscall(SYS_execveat, AT_FDCWD, "/bin/sh", argv, env, 0));
}

static int fork_process(const struct attempt_aim *aim)
{
    (void)aim;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return done(pid);
}

static int new_namespace(const struct attempt_aim *aim)
{
    (void)aim;
    return done(unshare(CLONE_NEWUSER));
}

static int clone_namespace(const struct attempt_aim *aim)
{
    (void)aim;
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return done(pid);
}

static int map_executable(const struct attempt_aim *aim)
{
    (void)aim;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int make_executable(const struct attempt_aim *aim)
{
    (void)aim;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? 0 : done(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int make_text_writable(const struct attempt_aim *aim)
{
    uintptr_t page = (uintptr_t)&make_text_writable & ~(uintptr_t)4095;
    (void)aim;
    return done(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int load_object(const struct attempt_aim *aim)
{
    errno = 0;
    void *object = dlopen(aim->object, RTLD_NOW);
    int number = errno != 0 ? errno : EACCES;
    return object == NULL ? number : 0;
}

static int map_object(const struct attempt_aim *aim)
{
    /* from the folder that may be read, where it could have been written */
    char path[512];
    snprintf(path, sizeof path, "%s/code", aim->inside);
    int fd = open(path, O_RDWR | O_CREAT, 0700);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return 0;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    int number = p == MAP_FAILED ? errno : 0;
    close(fd);
    unlink(path);
    return number;
}

/* ---- other processes ---------------------------------------------------------------------- */

static int kill_other(const struct attempt_aim *aim)
{
    return done(kill(aim->other, SIGTERM));
}

static int kill_other_thread(const struct attempt_aim *aim)
{
    return done(syscall(SYS_tgkill, aim->other, aim->other, SIGTERM));
}

static int trace_other(const struct attempt_aim *aim)
{
    return done(ptrace(PTRACE_ATTACH, aim->other, NULL, NULL));
}

static int trace_me(const struct attempt_aim *aim)
{
    (void)aim;
    return done(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int read_process(pid_t pid)
{
    char here[8], there[8] = {0};
    struct iovec to = {here, sizeof here}, from = {there, sizeof there};
    return done(process_vm_readv(pid, &to, 1, &from, 1, 0));
}

static int read_other(const struct attempt_aim *aim)
{
    return read_process(aim->other);
}

static int read_self(const struct attempt_aim *aim)
{
    (void)aim;
    return read_process(getpid());
}

static int limit_other(const struct attempt_aim *aim)
{
    struct rlimit limit;
    return done(prlimit(aim->other, RLIMIT_NOFILE, NULL, &limit));
}

static int own_signals(const struct attempt_aim *aim)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
        return 0;
    int number = done(fcntl(fd[0], F_SETOWN, aim->other));
    close(fd[0]);
    close(fd[1]);
    return number;
}

/* ---- network ------------------------------------------------------------------------------ */

static int connect_out(const struct attempt_aim *aim)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)aim->tcp_port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return errno;
    int number = done(connect(fd, (struct sockaddr *)&a, sizeof a));
    close(fd);
    return number;
}

static int bind_port(const struct attempt_aim *aim)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)aim;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return errno;
    int number = done(bind(fd, (struct sockaddr *)&a, sizeof a));
    close(fd);
    return number;
}

static int send_datagram(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(socket(AF_INET, SOCK_DGRAM, 0));
}

static int unix_socket(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int raw_netlink(const struct attempt_aim *aim)
{
    (void)aim;
    return opened(socket(AF_NETLINK, SOCK_RAW, 0));
}

/* ---- the kernel, privileges --------------------------------------------------------------- */

static int become_root(const struct attempt_aim *aim)
{
    (void)aim;
    return done(setuid(0));
}

static int mount_something(const struct attempt_aim *aim)
{
    return done(mount("none", aim->inside, "tmpfs", 0, NULL));
}

static int load_bpf(const struct attempt_aim *aim)
{
    (void)aim;
    return done(syscall(SYS_bpf, 0, NULL, 0));
}

static int user_fault(const struct attempt_aim *aim)
{
    (void)aim;
    return opened((int)syscall(SYS_userfaultfd, 0));
}

static int perf_event(const struct attempt_aim *aim)
{
    (void)aim;
    return opened((int)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int key_ring(const struct attempt_aim *aim)
{
    (void)aim;
    return done(syscall(SYS_keyctl, 0, -3, 0));
}

static int uring(const struct attempt_aim *aim)
{
    struct io_uring_params params = {0};
    (void)aim;
    return opened((int)syscall(SYS_io_uring_setup, 1, &params));
}

static int be_dumpable(const struct attempt_aim *aim)
{
    (void)aim;
    return done(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int clone_3(const struct attempt_aim *aim)
{
    (void)aim;
    return done(syscall(SYS_clone3, NULL, 0));
}

/* clang-format off */
const struct attempt attempts[] = {
    {"read /etc/shadow", ATTEMPT_REFUSED, false, read_shadow},
    {"read /etc/passwd", ATTEMPT_REFUSED, true, read_passwd},
    {"read the key file", ATTEMPT_REFUSED, true, read_secret},
    {"open the master's memory", ATTEMPT_REFUSED, true, read_master_memory},
    {"list the root folder", ATTEMPT_REFUSED, true, list_root},
    {"write outside the data folder", ATTEMPT_REFUSED, true, write_outside},
    {"move a file outside", ATTEMPT_REFUSED, true, move_outside},
    {"link the key file inside", ATTEMPT_REFUSED, true, link_secret},
    {"symlink the key file inside", ATTEMPT_REFUSED, true, symlink_secret},
    {"make a setuid file", ATTEMPT_REFUSED, true, setuid_file},
    {"make a setgid folder", ATTEMPT_REFUSED, true, setgid_folder},
    {"make a file setuid later", ATTEMPT_REFUSED, true, setuid_later},
    {"make a device", ATTEMPT_KILLED, false, make_device},
    {"type into the terminal", ATTEMPT_REFUSED, false, type_into_terminal},
    {"exec a shell", ATTEMPT_KILLED, true, exec_shell},
    {"exec a shell by execveat", ATTEMPT_KILLED, true, exec_by_descriptor},
    {"fork", ATTEMPT_REFUSED, true, fork_process},
    {"make a namespace", ATTEMPT_KILLED, false, new_namespace},
    {"clone into a namespace", ATTEMPT_REFUSED, false, clone_namespace},
    {"map memory to write and execute", ATTEMPT_REFUSED, true, map_executable},
    {"make memory executable", ATTEMPT_REFUSED, true, make_executable},
    {"make code writable", ATTEMPT_REFUSED, true, make_text_writable},
    {"load a shared object", ATTEMPT_REFUSED, true, load_object},
    {"map a file to execute", ATTEMPT_REFUSED, true, map_object},
    {"kill the master", ATTEMPT_REFUSED, true, kill_other},
    {"kill a thread of the master", ATTEMPT_REFUSED, true, kill_other_thread},
    {"trace the master", ATTEMPT_KILLED, true, trace_other},
    {"be traced", ATTEMPT_KILLED, true, trace_me},
    {"read the master's memory", ATTEMPT_KILLED, true, read_other},
    {"read memory by pid", ATTEMPT_KILLED, true, read_self},
    {"read the master's limits", ATTEMPT_REFUSED, true, limit_other},
    {"send signals by descriptor", ATTEMPT_REFUSED, true, own_signals},
    {"connect out", ATTEMPT_REFUSED, true, connect_out},
    {"bind a port", ATTEMPT_REFUSED, true, bind_port},
    {"open a datagram socket", ATTEMPT_REFUSED, true, send_datagram},
    {"open a unix socket", ATTEMPT_REFUSED, true, unix_socket},
    {"open a netlink socket", ATTEMPT_REFUSED, true, raw_netlink},
    {"become root", ATTEMPT_KILLED, false, become_root},
    {"mount", ATTEMPT_KILLED, false, mount_something},
    {"bpf", ATTEMPT_KILLED, false, load_bpf},
    {"userfaultfd", ATTEMPT_KILLED, false, user_fault},
    {"perf_event_open", ATTEMPT_KILLED, false, perf_event},
    {"keyctl", ATTEMPT_KILLED, false, key_ring},
    {"io_uring", ATTEMPT_REFUSED, false, uring},
    {"become dumpable", ATTEMPT_REFUSED, true, be_dumpable},
    {"clone3", ATTEMPT_REFUSED, false, clone_3},
    {0},
};
/* clang-format on */
