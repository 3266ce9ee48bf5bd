# SPDX-License-Identifier: Apache-2.0
"""The programs of a build, and the environment in which they are recorded."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tools:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.server = str(self.build / "mailstead")
        self.workload = str(self.build / "test/power/power_workload")
        self.verify = str(self.build / "test/power/power_verify")
        self.shim = str(self.build / "test/power/power_shim.so")
        targets = [os.path.relpath(path, self.build) for path in (self.server, self.workload, self.verify, self.shim)]
        subprocess.run(["ninja", "-C", str(self.build), *targets], check=True, stdout=subprocess.DEVNULL)

    def env(self, sync="real", log=None, root=None, wal=None, shrink=64):
        """As recorded, and with RocksDB's sizes as recorded."""
        env = {**os.environ, "LD_PRELOAD": self.shim, "POWER_SYNC": sync, "POWER_SHRINK": str(shrink),
               # the recorder stands before the sanitizer's library, which wants to be told
               "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        if log:
            env.update(POWER_LOG=str(log), POWER_ROOT=str(root))
        if wal:
            env["POWER_WAL"] = wal
        return env
