# SPDX-License-Identifier: Apache-2.0
"""What the clients of one server were promised, kept by many threads. The promises themselves are promise.py."""
import threading

from promise import Promises


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.promises = Promises()
        self.sizes = {}     # token -> size given to letter.make
        self.begun = {}     # token -> addresses
        self.counts = {}
        self.listener = None  # called with each acknowledgement's word
        self.kept_as = {}   # the server's message id -> (token, addresses)
        self.sessions = []  # (port, address, seen, deleted) of POP3 sessions that said QUIT

    def mark(self, text):
        word = text.split(" ", 1)[0]
        with self.lock:
            self.promises.mark(text)
            self.counts[word] = self.counts.get(word, 0) + 1
        if self.listener:
            self.listener(word)

    def begin(self, token, size, addresses):
        with self.lock:
            self.sizes[token] = size
            self.begun[token] = addresses
        self.mark(f"try {token} {' '.join(addresses)}")

    def got(self, token, addresses, message_id):
        with self.lock:
            self.kept_as[message_id] = (token, addresses)
        self.mark(f"got {token} {' '.join(addresses)}")

    def told(self, address, token, uid):
        """The UID that the server has told of one that is there."""
        with self.lock:
            self.promises.told(address, token, uid, None)

    def count(self, word):
        with self.lock:
            self.counts[word] = self.counts.get(word, 0) + 1
