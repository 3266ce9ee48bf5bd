# SPDX-License-Identifier: Apache-2.0
"""Runs a server so that nothing of it can be lost: neither its processes nor what they cost.

    cage.py '{"root": "/", "groups": ["…/cgroup.procs"], "commands": [{"argv": ["server"], "counted": true}, …]}'

The last command is the server, in the foreground; those before it are helpers, like a log daemon. They live in
a process namespace of their own, whose first process waits for every orphan, so that its accounts hold what
those used; when it ends, the kernel ends all of them. Those counted join the control groups. SIGTERM stops the
server and then the rest.
"""
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWPID, PR_SET_PDEATHSIG = 0x20000, 0x20000000, 1
STOP_SECONDS = 60
FILES = (1024, 524288)  # soft and, at most, hard: as systemd gives them to a service
libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(sig):
    libc.prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0)


def start(spec, command):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if command.get("counted"):
            for group in spec["groups"]:
                with open(group, "w", encoding="ascii") as f:
                    f.write("0")
        if spec["root"] != "/":
            os.chroot(spec["root"])
            os.chdir("/")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES[0], min(FILES[1], hard)))
        os.environ.update(command.get("env", {}))
        os.execv(command["argv"][0], command["argv"])
    except OSError as e:
        print(f"cage: {command['argv'][0]}: {e}", file=sys.stderr)
    os._exit(127)


def inside(spec):
    """The first process of the namespace."""
    die_with_parent(signal.SIGKILL)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)  # mounts made here are not seen outside
    root = spec["root"].rstrip("/")
    subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
    if root:
        subprocess.run(["mount", "--rbind", "/dev", root + "/dev"], check=True)
    server = None
    for command in spec["commands"]:
        server = start(spec, command)
        if command is not spec["commands"][-1]:
            time.sleep(0.5)
    asked = []

    def stop(*_):
        if not asked:
            asked.append(True)
            os.kill(server, signal.SIGTERM)
            signal.alarm(STOP_SECONDS)  # then the namespace goes, and all in it with it

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(124))
    while True:
        pid, status = os.wait()
        if pid == server:
            return os.waitstatus_to_exitcode(status)


def main():
    spec = json.loads(sys.argv[1])
    die_with_parent(signal.SIGTERM)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        sys.exit(f"cage: unshare: {os.strerror(ctypes.get_errno())} (root is needed)")
    pid = os.fork()  # the first process of the namespace; no other may come before it
    if pid == 0:
        os._exit(inside(spec) & 0xFF)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    print(pid, flush=True)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)


if __name__ == "__main__":
    main()
