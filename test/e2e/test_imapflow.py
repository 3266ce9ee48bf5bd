# SPDX-License-Identifier: Apache-2.0
"""imapflow, the IMAP client of Node.js: what imapflow/client.js has it do against a started server.

tools/deps check installs it, in the version that imapflow/package-lock.json names. A test that cannot have it fails."""
import os
import pathlib
import re
import subprocess

import pytest

from conftest import PASSWORD, ROOT

HERE = pathlib.Path(__file__).parent / "imapflow"
CLIENT = HERE / "client.js"
SCENARIOS = re.findall(r"^    async (\w+)\(", CLIENT.read_text(), re.M)


@pytest.fixture(scope="module")
def server(make_server):
    server = make_server()
    server.run("class", "add", "small", "--quota", "10M")
    return server


def run(server, scenario, port):
    address = f"{scenario}.{port}@example.test"
    server.account(address, PASSWORD, "--class", "small")
    done = subprocess.run(
        ["node", CLIENT, scenario], capture_output=True, text=True, timeout=120,
        env={**os.environ, "MODULES": str(ROOT / "build" / "imapflow"), "PORT": str(server.ports[port]),
             "SECURE": "yes" if port == "imaps" else "no", "CA": str(server.ca), "PASSWORD": PASSWORD,
             "USER_ADDRESS": address})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_imapflow(server, scenario):
    run(server, scenario, "imaps")


def test_imapflow_with_starttls(server):
    run(server, "connects", "imap")
