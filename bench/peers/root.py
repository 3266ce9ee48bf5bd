# SPDX-License-Identifier: Apache-2.0
"""A root folder of its own for each peer: Debian's mail servers exclude one another as packages.

One minimal Debian is made once with debootstrap and copied for each; packages are installed inside with chroot.
All of it is under build/peers (or $BENCH_PEERS), which is never committed. The network is the machine's: peers
listen on 127.0.0.1. Mounts live in a mount namespace of the command that needs them, so nothing stays behind.
"""
import os
import pathlib
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
BENCH = pathlib.Path(os.environ.get("BENCH_FOLDER", TREE / "build" / "bench"))  # what is measured with, and results
FOLDER = pathlib.Path(os.environ.get("BENCH_PEERS", TREE / "build" / "peers"))
NO_SERVICES = "#!/bin/sh\nexit 101\n"
# inside its own mount and process namespace: /proc and /dev of the chroot, then the command
ENTER = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **kw):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def mirror():
    """Debian as the machine itself is set up to get it."""
    rows = run("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages")
    found = {row.split()[1] for row in rows.splitlines() if row.split()[0] == "bookworm"}
    if not found:
        raise RuntimeError("apt has no source of Debian 12 (bookworm)")
    return sorted(found)[0]


def make_base():
    base = FOLDER / "base"
    if (base / "made").exists():
        return base
    shutil.rmtree(base, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if shutil.which("debootstrap") is None:
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "debootstrap")
    say("making a minimal Debian")
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(base), mirror())
    # the same sources, and so the same versions and security updates, as this machine
    for part in ("sources.list", "sources.list.d", "apt.conf.d"):
        here, there = pathlib.Path("/etc/apt") / part, base / "etc/apt" / part
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            shutil.copy(here, there)
    (base / "usr/sbin/policy-rc.d").write_text(NO_SERVICES)  # a package must not start what it brings
    (base / "usr/sbin/policy-rc.d").chmod(0o755)
    (base / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")  # no fsync for each file unpacked
    (base / "made").touch()
    return base


class Root:
    def __init__(self, name):
        self.name = name
        self.dir = FOLDER / name

    def path(self, inside):
        return self.dir / inside.lstrip("/")

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def entering(self, *command):
        """The command line that runs `command` inside."""
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, str(self.dir), *command]

    def run(self, *command, **kw):
        return run(*self.entering(*command), env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                                   "DEBIAN_FRONTEND": "noninteractive"}, **kw)

    def install(self, packages, answers=""):
        """Makes the root if there is none and installs what is missing; nothing to do when all is in already."""
        mark, want = self.path("installed"), " ".join(packages)
        if mark.exists() and mark.read_text() == want:
            return self
        say(f"installing into {self.name}: {want}")
        if not mark.exists():
            self._make()
        if answers:
            self.run("debconf-set-selections", input=answers)
        self.write("/etc/resolv.conf", pathlib.Path("/etc/resolv.conf").read_text())
        self.run("apt-get", "update", "-qq")
        self.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
        # from here on nothing of it asks the DNS: a query fails at once
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.run("sh", "-c", "id vmail >/dev/null 2>&1 || useradd --system --create-home --uid 5000 vmail")
        mark.write_text(want)
        return self

    def _make(self):
        base = make_base()
        shutil.rmtree(self.dir, ignore_errors=True)
        run("cp", "-a", "--reflink=auto", str(base), str(self.dir))
        self.write("/etc/hosts", "127.0.0.1 localhost mail.bench.test\n")
        self.write("/etc/mailname", "mail.bench.test\n")

    def versions(self, *packages):
        rows = self.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages)
        return dict(row.split() for row in rows.splitlines())

    def empty(self, inside, owner=None, mode=0o755):
        """A fresh empty folder."""
        path = self.path(inside)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        path.chmod(mode)
        if owner:
            self.run("chown", owner, inside)
        return path
