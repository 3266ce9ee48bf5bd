# SPDX-License-Identifier: Apache-2.0
"""An operator at the command line while the server is killed. A command that ended with 0 has promised something; one
that did not is said again later, as the manual says, and must then work."""
import base64
import hashlib

from clients import Client, Fault


class Operator(Client):
    count = 0
    unfinished = None    # a CSV file whose import was interrupted
    password = None      # of account PW: promised
    tried = None         # the same, begun and not promised

    PW = "pw@example.test"

    def session(self):
        self.world.over.wait(self.random.uniform(0, 0.2))
        self.count += 1
        r = self.random.random()
        if self.unfinished:
            self.import_again()
        elif r < 0.4:
            self.add()
        elif r < 0.6:
            self.import_some()
        elif r < 0.8:
            self.alias()
        else:
            self.change_password()

    def say(self, *args, **kw):
        done = self.world.server.run(*args, check=False, **kw)
        if done.returncode != 0 and "Sanitizer" in done.stderr:
            raise Fault(done.stderr)
        return done

    def add(self):
        address = f"{self.world.name}-added{self.count}@example.test"
        if self.say("account", "add", address, "--password-stdin", stdin=f"secret {address}\n").returncode == 0:
            self.journal.mark(f"account {address}")
            self.world.logins.append((address, f"secret {address}"))

    def alias(self):
        address = f"{self.world.name}-alias{self.count}@example.test"
        if self.say("alias", "add", address, self.world.addresses[0]).returncode == 0:
            self.journal.mark(f"alias {address}")

    def import_some(self):
        rows = ["address,password_hash"]
        for i in range(30):
            address = f"{self.world.name}-row{self.count}-{i}@example.test"
            digest = hashlib.sha1(address.encode() + b"salt").digest()
            rows.append(f"{address},{{SSHA}}{base64.b64encode(digest + b'salt').decode()}")
        path = self.world.server.dir / f"import-{self.count}.csv"
        path.write_text("\n".join(rows) + "\n")
        self.unfinished = path
        self.import_again()

    def import_again(self):
        """Only the exit code 0 promises; then every row is there, whether it was this time or before."""
        if self.say("account", "import", str(self.unfinished)).returncode != 0:
            return
        addresses = [row.split(",")[0] for row in self.unfinished.read_text().splitlines()[1:]]
        for address in addresses:
            self.journal.mark(f"account {address}")
        self.world.logins.append((addresses[-1], addresses[-1]))
        self.unfinished = None

    def change_password(self):
        if self.password is None:
            return
        self.tried = f"password {self.count}"
        if self.say("account", "password", self.PW, "--password-stdin", stdin=self.tried + "\n").returncode == 0:
            self.password, self.tried = self.tried, None

    def broken(self, can_log_in):
        """After a restart: the promised password is the one, or that of the change that was cut short."""
        wrong = []
        if self.tried is not None and can_log_in(self.PW, self.tried):
            self.password = self.tried
        self.tried = None
        if not can_log_in(self.PW, self.password):
            wrong.append(f"{self.PW} cannot log in with the password it was given")
        for address, password in self.world.logins:
            if not can_log_in(address, password):
                wrong.append(f"{address} was added and cannot log in")
        self.world.logins.clear()
        return wrong
