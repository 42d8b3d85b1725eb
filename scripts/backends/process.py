"""A child process that is waited for, stopped by its pid, and never outlives this program."""

import ctypes
import os
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class DidNotStart(Exception):
    pass


def _end_with_parent():
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_until(condition, seconds, what):
    """Calls condition until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def greets(port, begins, host="127.0.0.1"):
    """Whether a server on that port sends a first line that begins so."""
    try:
        with socket.create_connection((host, port), timeout=5) as probe:
            return probe.makefile("rb").readline(1024).startswith(begins)
    except OSError:
        return False


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=5).close()
        return True
    except OSError:
        return False


class Process:
    """Starts argv in a session of its own, so that Ctrl-C in a terminal reaches only this program."""

    def __init__(self, argv, log, **popen):
        self.log = log
        self.argv = argv
        with open(log, "ab") as out:
            popen.setdefault("stdout", out)
            popen.setdefault("stderr", out)
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True,
                                          preexec_fn=_end_with_parent, **popen)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def wait_until(self, condition, seconds, what):
        """As wait_until() above, but fails at once, with the log, when the process has ended."""
        def running():
            if not self.is_running():
                raise DidNotStart(f"{self.argv[0]} ended with status {self.child.returncode}:\n"
                                  + self.log_tail())
            return condition()
        try:
            return wait_until(running, seconds, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log_tail()}") from None

    def log_tail(self, lines=40):
        with open(self.log, "rb") as log:
            return b"\n".join(log.read().splitlines()[-lines:]).decode("utf-8", "replace")

    def stop(self, seconds=10, how=signal.SIGTERM):
        """Ends it, by force after so many seconds; returns its exit status."""
        if self.is_running():
            os.kill(self.pid, how)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()
