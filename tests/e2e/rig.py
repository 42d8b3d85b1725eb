"""Everything that an end-to-end test needs: a temporary directory with certificates, a real Dovecot,
and Postern from POSTERN_STAGE (build/stage by default) in front of it. All of it is waited for and ended
by pid."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

from backends import ports  # noqa: E402
from backends.authority import Authority  # noqa: E402
from backends.dovecot import MASTER_PASSWORD, MASTER_USER, Dovecot  # noqa: E402
from backends.process import Process, wait_until  # noqa: E402
from postern_process import POSTERN, STAGE  # noqa: E402,F401
from settings import Config  # noqa: E402

IS_ROOT = os.geteuid() == 0
IS_SANITIZED = bool(os.environ.get("POSTERN_SANITIZED"))
PASSPHRASE = "a passphrase for the tests"
USERS = {"alice@example.org": "alice-opens-sesame", "bob@example.org": "bob-opens-sesame",
         "carol@example.org": "carol-opens-sesame"}
ALICE, BOB, CAROL = USERS


class Postern:
    """One `postern run` and the commands that talk to it."""

    def __init__(self, folder, config):
        self.folder = folder
        self.config = config
        self.conf = os.path.join(folder, "postern.conf")
        self.log = os.path.join(folder, "postern.log")
        self.out = os.path.join(folder, "postern.out")
        self.process = None
        self.prefix = []  # put before the command: setpriv, prlimit, …

    def write_config(self):
        with open(self.conf, "w") as out:
            out.write(self.config.text())

    def start(self, wait=True):
        self.write_config()
        with open(self.out, "wb") as out:
            self.process = Process([*self.prefix, POSTERN, "run", "--config", self.conf, "--log", "json"],
                                   self.log, stdout=out)
        if wait:
            self.process.wait_until(self.is_ready, 30, "Postern is ready")
        return self

    def is_ready(self):
        with open(self.out) as out:
            return "ready" in out.read().split("\n")

    def stop(self, seconds=40):
        """Ends it in an orderly way and returns its exit status."""
        if self.process is None:
            return None
        status = self.process.stop(seconds)
        self.process = None
        return status

    def reload(self):
        os.kill(self.process.pid, signal.SIGHUP)

    # --- what it is made of -------------------------------------------------------------------------

    def roles(self, name):
        """The pids of its children that are that executable, oldest first."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            found = children.read().split()
        return [int(child) for child in found if _program_of(child) == name]

    # --- what it says -------------------------------------------------------------------------------

    def mark(self):
        """A place in the log, for events(since)."""
        return os.path.getsize(self.log)

    def events(self, name=None, since=0, **fields):
        with open(self.log, "rb") as log:
            log.seek(since)
            lines = log.read().split(b"\n")[:-1]
        records = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [record for record in records if name in (None, record["event"])
                and all(record.get(key) == value for key, value in fields.items())]

    def wait_event(self, name, since=0, seconds=10, **fields):
        return wait_until(lambda: self.events(name, since, **fields), seconds,
                          f"an event {name} {fields or ''}")[0]

    def log_since(self, mark, most=12000):
        with open(self.log, "rb") as log:
            log.seek(mark)
            return log.read()[-most:].decode("utf-8", "replace")

    # --- commands -----------------------------------------------------------------------------------

    def command(self, *arguments, check=True, **options):
        options.setdefault("input", "")
        done = subprocess.run([POSTERN, *map(str, arguments)], text=True, capture_output=True,
                              timeout=60, check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"postern {' '.join(map(str, arguments))}: status {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def ask(self, *arguments, **options):
        """A command that goes to the running keeper."""
        return self.command(*arguments, "--socket", self.config.top["control"], **options)

    def rows(self, *arguments):
        """The same with --json: one object a line."""
        return [json.loads(line) for line in self.ask(*arguments, "--json").stdout.splitlines()]


def _program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return None


class Rig:
    """Directory, authorities, Dovecot and Postern. configure(rig) may change rig.postern.config before
    the start."""

    def __init__(self, configure=None, dovecot=True, start=True, users=USERS, dovecot_options="",
                 messages=3):
        self.folder = tempfile.mkdtemp(prefix="postern-e2e-")
        os.chmod(self.folder, 0o755)
        self.dovecot = self.postern = None
        try:
            self._make_certificates()
            if dovecot:
                self.dovecot = Dovecot(self.path("dovecot"), users, self.backend_certificate, messages,
                                       dovecot_options)
                self.dovecot.start()
            self._make_directories()
            self.postern = Postern(self.folder, self._default_config())
            if configure:
                configure(self)
            if start:
                self.postern.start()
        except BaseException:
            self.close()
            raise

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def _make_certificates(self):
        self.servers = Authority(self.path("servers"), "Server CA")
        self.server = self.servers.server("gate", "localhost", "mail.example.org")
        self.backend_certificate = self.servers.server("backend", "localhost", "backend.example.org")
        self.clients = Authority(self.path("clients"), "Client CA")

    def _make_directories(self):
        self.master_password = self.write("master", MASTER_PASSWORD + "\n", 0o600)
        for name in ("state", "empty"):
            os.mkdir(self.path(name), 0o755)
        if IS_ROOT:
            keeper = pwd.getpwnam("postern-keeper")
            os.chmod(self.path("state"), 0o700)
            os.chown(self.path("state"), keeper.pw_uid, keeper.pw_gid)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, mode)) as out:
            out.write(text)
        return path

    def _default_config(self):
        self.imaps_port = ports.free_port()
        self.imap_port = ports.free_port()
        config = Config(hostname="mail.example.org", domains=["example.org"],
                        state=f"sqlite:{self.path('state', 'state.db')}",
                        control=self.path("control"), empty_root=self.path("empty"))
        config.section("tls", certificate=[self.server.cert], key=[self.server.key])
        config.section("client_ca", "clients", certificate=self.clients.cert)
        config.section("login", default_domain="example.org")
        # All clients of a test come from one address, so the limits that keep strangers apart are wide.
        config.section("limits", connections_per_address=20000, connections_per_prefix=20000,
                       handshakes_per_prefix_per_s=20000, sessions_per_user=5000,
                       sessions_per_user_and_address=5000, failure_delay="100ms")
        backend = dict(protocol="imap", identify="id", master_user=MASTER_USER,
                       master_password_file=self.master_password)
        if self.dovecot:
            backend["address"] = [f"127.0.0.1:{self.dovecot.plain_port}"]
        config.section("backend", "imap", **backend)
        # One user comes by certificate in one test and by password in the next: test_enrolment has its own.
        config.section("listener", "imaps", bind=[f"127.0.0.1:{self.imaps_port}"], protocol="imap",
                       tls="implicit", backend="imap", login=["certificate", "password", "oauth"],
                       after_enrolment="unchanged")
        config.section("listener", "imap", bind=[f"127.0.0.1:{self.imap_port}"], protocol="imap",
                       tls="starttls", backend="imap", login=["certificate", "password", "oauth"],
                       after_enrolment="unchanged")
        return config

    def add_listener(self, name, **values):
        """A listener like imaps, but for the values given; returns its port."""
        port = ports.free_port()
        self.postern.config.copy_section("listener", "imaps", name, bind=[f"127.0.0.1:{port}"], **values)
        return port

    # --- certificates that Postern makes -----------------------------------------------------------

    def make_postern_ca(self):
        """`postern ca init`; its certificate is an authority beside the test's own."""
        self.passphrase_file = self.write("passphrase", PASSPHRASE + "\n", 0o600)
        self.postern_ca = self.path("postern-ca")
        self.postern.command("ca", "init", "--dir", self.postern_ca,
                             "--passphrase-file", self.passphrase_file)
        self.postern.config.section("client_ca", "own", certificate=os.path.join(self.postern_ca, "ca.pem"),
                                    shares_names=["clients"])

    def add_device(self, login, name):
        """`postern device add`: the directory with cert.pem and key.pem."""
        folder = self.path(f"device-{login}-{name}")
        self.postern.ask("device", "add", login, "--certificate", "--name", name, "--pem", folder,
                         "--ca", self.postern_ca, "--passphrase-file", self.passphrase_file)
        return Device(folder)

    # --- the end --------------------------------------------------------------------------------------

    def close(self):
        """Ends all that was started, and removes the directory."""
        for part in (self.postern, self.dovecot):
            if part is not None:
                part.stop()
        if not os.environ.get("POSTERN_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Device:
    def __init__(self, folder):
        self.cert = os.path.join(folder, "cert.pem")
        self.key = os.path.join(folder, "key.pem")
        self.bundle = os.path.join(folder, "both.pem")
        with open(self.cert) as one, open(self.key) as two:
            with open(self.bundle, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
                out.write(one.read() + two.read())
