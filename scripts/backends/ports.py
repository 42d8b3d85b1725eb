"""Free ports of 127.0.0.1, claimed so that two programs running at the same time never share one."""

import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 22000, 24999  # below the range from which the kernel takes ports of outgoing connections

_claims = []  # open lock files; a claim lasts as long as the process


def _claim(port):
    folder = os.path.join(tempfile.gettempdir(), f"postern-ports-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = open(os.path.join(folder, str(port)), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _claims.append(lock)
    return True


def _is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                if family == socket.AF_INET:
                    return False
    return True


def free_port():
    """A port that nobody listens on, claimed for this process."""
    ports = list(range(FIRST, LAST + 1))
    random.shuffle(ports)
    for port in ports:
        if _is_free(port) and _claim(port):
            return port
    raise RuntimeError(f"no free port from {FIRST} to {LAST}")


def preferred_port(port):
    """That port when it can be had, else another."""
    return port if _is_free(port) and _claim(port) else free_port()
