"""A supervisor with played roles (fake_role.c) in a folder of its own, as root or as an ordinary user."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ORDINARY = 65534   # nobody, on every system
IP_FREEBIND = 15   # from linux/in.h; Python has no name for it
PATIENCE = 60      # seconds; no test waits so long for what does happen


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)


def free_port():
    """One that nobody has bound; the range is below those that the kernel hands out by itself."""
    for port in range(21000 + os.getpid() % 500, 22000):
        if port in free_port.given:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            free_port.given.add(port)
            return port
    raise RuntimeError("no free port")


free_port.given = set()


class Rig:
    """The folder: bin with the programs, the configuration, its files. Values of conf may be changed."""

    def __init__(self, programs, is_ordinary):
        self.is_ordinary = is_ordinary
        self.folder = tempfile.mkdtemp(prefix="supervisor-")
        os.chmod(self.folder, 0o755)
        os.mkdir(self.path("bin"))
        supervisor, fake = programs
        shutil.copy(supervisor, self.path("bin", "supervisor"))
        for role in ("gate", "keeper", "broker", "revocations"):
            shutil.copy(fake, self.path("bin", role))
        self.write("cert.pem", "FIRST\n")
        self.write("key.pem", "KEY\n", 0o600)
        self.write("ca.pem", "CA\n")
        self.port = free_port()
        self.conf = {
            "hostname": "mail.example.org", "domains": "{example.org}", "gates": 2,
            "state": f'"sqlite:{self.path("state", "state.db")}"', "control": self.path("control"),
            "empty_root": self.path("empty"), "gate_user": "nobody", "keeper_user": "daemon", "broker_user": "sys",
        }
        self.tls = {"certificate": [self.path("cert.pem")], "key": [self.path("key.pem")]}
        self.client_ca = self.path("ca.pem")
        self.listeners = {"imaps": [f"127.0.0.1:{self.port}"]}
        self.proxied = set()
        self.limits = {}
        self.tail = ""
        self.running = None
        self.own()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def own(self):
        """All of it belongs to whoever runs the supervisor."""
        if self.is_ordinary and os.geteuid() == 0:
            for place, _, files in os.walk(self.folder):
                for name in [place, *(os.path.join(place, name) for name in files)]:
                    os.chown(name, ORDINARY, ORDINARY, follow_symlinks=False)

    def write(self, name, text, mode=0o644):
        """Replaces a file in one step."""
        with open(self.path(name + ".new"), "w") as out:
            out.write(text)
        os.chmod(self.path(name + ".new"), mode)
        if self.is_ordinary and os.geteuid() == 0:
            os.chown(self.path(name + ".new"), ORDINARY, ORDINARY)
        os.rename(self.path(name + ".new"), self.path(name))
        return self.path(name)

    @staticmethod
    def quoted(values):
        return "{" + ", ".join(f'"{value}"' for value in values) + "}"

    def write_conf(self):
        lines = [f"{key} = {value}" for key, value in self.conf.items()]
        lines.append("tls { " + " ".join(f"{key} = {self.quoted(value)}" for key, value in self.tls.items()) + " }")
        if self.client_ca:
            lines.append(f"client_ca own {{ certificate = {self.client_ca} }}")
        lines.append("limits { " + " ".join(f"{k} = {v}" for k, v in self.limits.items()) + " }")
        lines.append('backend imap { address = {"127.0.0.1:9"} }')
        for name, binds in self.listeners.items():
            proxy = 'proxy_protocol = {"127.0.0.0/8"}' if name in self.proxied else ""
            lines.append(f"listener {name} {{ bind = {self.quoted(binds)} protocol = imap tls = implicit "
                         f"backend = imap login = {{password}} {proxy} }}")
        self.write("postern.conf", "\n".join(lines) + "\n" + self.tail)

    def command(self, *options):
        drop = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--"]
        return [*(drop if self.is_ordinary and os.geteuid() == 0 else []),
                self.path("bin", "supervisor"), "--config", self.path("postern.conf"), *options]

    def start(self, environment=None, sockets=()):
        """Until it says that it is ready. sockets: passed as a service manager does."""
        self.write_conf()
        self.running = Running([*passing(sockets), *self.command("--log", "json")], environment, sockets)
        try:
            line = self.running.child.stdout.readline()
            if line != "ready\n":
                raise AssertionError(f"not ready but {line!r}: {self.running.records}")
        except BaseException:
            self.running.close()
            raise
        return self.running

    def start_fails(self, sockets=()):
        """What it says on standard error; its exit status must be 1."""
        self.write_conf()
        done = subprocess.run([*passing(sockets), *self.command()], text=True, capture_output=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
                              pass_fds=[one.fileno() for one in sockets])
        if done.returncode != 1 or done.stdout:
            raise AssertionError(f"status {done.returncode}, {done.stdout!r}, {done.stderr!r}")
        return done.stderr

    def close(self):
        if self.running:
            self.running.close()
        shutil.rmtree(self.folder)


def passing(sockets):
    """A command before a command: the sockets become descriptors 3, 4, … and the variables say so."""
    if not sockets:
        return []
    moved = [f"exec {100 + i}<&{one.fileno()}" for i, one in enumerate(sockets)]
    moved += [f"exec {3 + i}<&{100 + i} {100 + i}<&-" for i in range(len(sockets))]
    return ["bash", "-c", "; ".join(moved) + f'; export LISTEN_PID=$$ LISTEN_FDS={len(sockets)}; exec "$@"',
            "bash"]


def managed_socket(address, port, is_v6_only=False):
    """A listening socket as a service manager makes it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, is_v6_only)
    one.bind((address, port))
    one.listen(128)
    return one


class Running:
    """A supervisor that runs: its records as they come, and its roles."""

    def __init__(self, argv, environment=None, sockets=()):
        self.child = subprocess.Popen(argv, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env={**os.environ, **(environment or {})},
                                      pass_fds=[one.fileno() for one in sockets])
        self.records = []
        self.others = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stderr:
            try:
                self.records.append(json.loads(line))
            except ValueError:
                self.others.append(line)

    def find(self, event, mark=0, **fields):
        return [record for record in self.records[mark:] if record["event"] == event
                and all(record.get(key) == value for key, value in fields.items())]

    def wait(self, event, mark=0, count=1, **fields):
        """The record, as soon as there are so many of them."""
        def found():
            return self.find(event, mark, **fields)[count - 1:]
        try:
            return wait_until(found, event)[0]
        except TimeoutError as error:
            raise AssertionError(f"no {event} {fields} in {self.records[mark:]} {self.others}") from error

    def mark(self):
        return len(self.records)

    def reload(self, event):
        """Sends SIGHUP and waits for what comes of it."""
        mark = self.mark()
        self.child.send_signal(signal.SIGHUP)
        return self.wait(event, mark)

    def role(self, name):
        """The process of gate/1 or keeper that lives now."""
        self.wait("role_started", writer=name)
        return self.find("role_started", writer=name)[-1]["pid"]

    def kill(self, name, number=signal.SIGKILL):
        """Kills it and waits until the supervisor has it again."""
        pid = self.role(name)
        mark = self.mark()
        os.kill(pid, number)
        ended = self.wait("role_ended", mark, role=name)
        self.wait("role_started", mark, writer=name)
        return ended

    def wait_end(self):
        status = self.child.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def stop(self):
        self.child.terminate()
        return self.wait_end()

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.reader.join(PATIENCE)
        self.child.stdout.close()
        self.child.stderr.close()


def ask(port, source="", host="127.0.0.1"):
    """What the gate says that takes the connection: {"gate": "0", "host": …}."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as wire:
        wire.settimeout(PATIENCE)
        if source:
            wire.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
            wire.bind((source, 0))
        wire.connect((host, port))
        words = wire.makefile().readline().split()
        return dict(zip(words[::2], words[1::2]))


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")
