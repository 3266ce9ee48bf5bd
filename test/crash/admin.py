# SPDX-License-Identifier: Apache-2.0
"""The admin API on its socket: a start of the command line costs more than many requests."""
import http.client
import json
import socket
import urllib.parse


class Broken(Exception):
    """The server did what it must not."""


class Admin(http.client.HTTPConnection):
    """The admin API on its socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=300)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(300)
        self.sock.connect(self.path)

    def get(self, path):
        return json.loads(self.text("GET", path))

    def text(self, method, path):
        self.request(method, path)
        answer = self.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise Broken(f"{method} {path}: {answer.status} {text}")
        return text

    def pages(self, what):
        after = ""
        while True:
            page = self.get(f"/v1/{what}?limit=1000&after={urllib.parse.quote(after)}")
            yield from page[what]
            after = page["next"]
            if not after:
                return
