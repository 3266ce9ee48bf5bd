# SPDX-License-Identifier: Apache-2.0
"""The runner of the benchmarks (bench/run) with Mailstead alone and little work: figures come out, and a message that
is missing in the end makes it fail. Peers are not installed for this."""
import os
import subprocess
import tempfile

import pytest

from conftest import ROOT
from test_jail import RELEASE
from test_load import LOAD

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it puts servers into process namespaces: for root only")


@pytest.fixture
def bench():
    """Runs it with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mailstead-bench-") as folder:
        os.chmod(folder, 0o755)  # the server becomes nobody

        def run(*options, load=LOAD):
            env = os.environ | {"MAILSTEAD_BIN": str(RELEASE), "LOAD_BIN": str(load), "BENCH_PEERS": f"{folder}/peers",
                                "BENCH_FOLDER": f"{folder}/bench"}
            return subprocess.run([str(ROOT / "bench/run"), "--quick", *options], env=env, capture_output=True,
                                  text=True, timeout=300)
        yield run


def test_figures_of_each_kind_of_work(bench):
    works = ("smtp-8k", "drain-8k", "login", "imap-fetch", "imap-mixed", "imap-idle")
    done = bench("--scale", "0.01", "memory", *works)
    assert done.returncode == 0, done.stdout + done.stderr
    for work in works:
        row = next(line for line in done.stdout.splitlines() if line.startswith(f"| {work} |"))
        cpu, rate = (float(cell.replace(",", "")) for cell in row.split("|")[2:4])
        assert rate > 0 and (cpu > 0 or work in ("drain-8k", "imap-fetch")), row  # those are differences
    assert "imap-idle: " in done.stdout and "of memory for each of 100 sessions" in done.stdout
    assert "### Memory" in done.stdout
    assert "FAILED" not in done.stdout


def test_a_missing_message_is_noticed(bench, tmp_path):
    """A generator that says it sent what it did not."""
    liar = tmp_path / "load"
    liar.write_text(f"#!/bin/sh\n{LOAD} \"$@\" --count 5\n")
    liar.chmod(0o755)
    done = bench("--scale", "0.01", "smtp-8k", load=liar)
    assert done.returncode == 1
    assert "it accepted" in done.stdout
