/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by its system calls: glibc has no wrappers, and Debian 12's <linux/landlock.h> ends at
 * ABI 2 while its kernels and backports go on, so the numbers of later ABIs are here
 * (Documentation/userspace-api/landlock.rst).
 *
 * Everything that the kernel can hold is handled, i.e. refused, and then little is allowed again.
 * Not the data folder as a whole: the configuration and the keys lie there too, and a child that
 * could write the one or read the other would have its master's rights at the next reload. */
#include "base/err.h"
#include "jail/jail_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RULE_PATH = 1,
    RULE_PORT = 2,
    CREATE_VERSION = 1,

    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_TCP = 4,
    ABI_IOCTL = 5,
    ABI_SCOPE = 6,

    SCOPE_ABSTRACT_UNIX = 1,
    SCOPE_SIGNAL = 2,

    TCP_BIND = 1,
    TCP_CONNECT = 2,

    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_ABI_1 = (1 << 13) - 1,
    FS_IOCTL_DEV = 1 << 15,
};

struct ruleset_attr {
    uint64_t handled_fs, handled_net, scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

struct port_attr {
    uint64_t allowed, port;
};

static int kernel_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

static uint64_t handled_fs(int abi)
{
    return FS_ABI_1 | (abi >= ABI_REFER ? FS_REFER : 0) | (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) |
           (abi >= ABI_IOCTL ? FS_IOCTL_DEV : 0);
}

static int failed(struct buf *why, const char *what)
{
    int number = errno;
    buf_printf(why, "the server cannot be confined: Landlock, %s: %s", what, strerror(number));
    return err_from_errno(number);
}

/* What is below a folder, or one file. */
static int allow(int ruleset, int abi, const char *path, uint64_t rights, struct buf *why)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return failed(why, path);
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
    struct path_attr rule = {.allowed = rights & handled_fs(abi), .parent_fd = fd};
    int err = 0;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) != 0)
        err = failed(why, path);
    close(fd);
    return err;
}

/* Files that a library may do without: where one is missing there is nothing to allow. */
static int allow_reading(int ruleset, int abi, const char *path, struct buf *why)
{
    if (access(path, F_OK) != 0)
        return 0;
    return allow(ruleset, abi, path, FS_READ_FILE | FS_READ_DIR, why);
}

static int allow_files(int ruleset, int abi, const struct jail_options *o, struct buf *why)
{
    const struct jail_role_rules *rules = jail_role_rules(o->role);
    const uint64_t write = FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_DIR |
                           FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE;
    int err = 0;
    for (size_t i = 0; err == 0 && o->write[i] != NULL; i++)
        err = allow(ruleset, abi, o->write[i], write, why);
    for (size_t i = 0; err == 0 && i < JAIL_FILES_MAX && rules->files[i] != NULL; i++)
        err = allow_reading(ruleset, abi, rules->files[i], why);
    for (size_t i = 0; err == 0 && o->read != NULL && o->read[i] != NULL; i++)
        err = allow_reading(ruleset, abi, o->read[i], why);
    if (JAIL_SANITIZER) {
        static const char *const more[] = {"/proc", "/usr", "/proc/self/exe"};
        for (size_t i = 0; err == 0 && i < COUNT_OF(more); i++)
            err = allow_reading(ruleset, abi, more[i], why);
    }
    return err;
}

static int allow_ports(int ruleset, enum jail_role role, struct buf *why)
{
    const struct jail_role_rules *rules = jail_role_rules(role);
    for (size_t i = 0; i < JAIL_PORTS_MAX && rules->tcp_connect[i] != 0; i++) {
        struct port_attr rule = {.allowed = TCP_CONNECT, .port = rules->tcp_connect[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0)
            return failed(why, "a TCP port");
    }
    return 0;
}

int jail_landlock(const struct jail_options *options, struct buf *why, struct jail_report *out)
{
    int abi = kernel_abi();
    struct ruleset_attr attr = {.handled_fs = handled_fs(abi)};
    size_t size = sizeof attr.handled_fs;
    if (abi == 0)
        return 0;
    if (abi >= ABI_TCP) {
        attr.handled_net = TCP_BIND | TCP_CONNECT;
        size = 2 * sizeof(uint64_t);
    }
    if (abi >= ABI_SCOPE) {
        attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
        size = sizeof attr;
    }
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return failed(why, "a set of rules");
    int err = allow_files(ruleset, abi, options, why);
    if (err == 0 && abi >= ABI_TCP)
        err = allow_ports(ruleset, options->role, why);
    if (err == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        err = failed(why, "putting it in force");
    close(ruleset);
    if (err == 0) {
        out->landlock_abi = abi;
        out->landlock_tcp = abi >= ABI_TCP;
        out->landlock_scope = abi >= ABI_SCOPE;
    }
    return err;
}
