"""Starts one backend in the foreground, prints a JSON line that says where it listens, and stops it on
SIGTERM or Ctrl-C:

    python3 scripts/backends dovecot --dir DIR [--port PORT] [--messages N] LOGIN:PASSWORD …
"""

import argparse
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from backends.authority import Authority
from backends.cyrus import Cyrus
from backends.dovecot import MASTER_PASSWORD, MASTER_USER, Dovecot


def main():
    parser = argparse.ArgumentParser(prog="python3 scripts/backends")
    parser.add_argument("server", choices=("dovecot", "cyrus"))
    parser.add_argument("--dir", required=True, help="where it keeps everything; made when absent")
    parser.add_argument("--port", type=int, help="of Dovecot's plain listener; a free one otherwise")
    parser.add_argument("--messages", type=int, default=3, help="in each inbox")
    parser.add_argument("users", nargs="+", metavar="LOGIN:PASSWORD")
    chosen = parser.parse_args()
    users = dict(user.split(":", 1) for user in chosen.users)
    stopping = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # they are waited for below
    os.makedirs(chosen.dir, exist_ok=True)
    if chosen.server == "dovecot":
        certificate = Authority(os.path.join(chosen.dir, "ca")).server("backend", "localhost")
        server = Dovecot(os.path.join(chosen.dir, "dovecot"), users, certificate, chosen.messages,
                         plain_port=chosen.port)
    else:
        server = Cyrus(os.path.join(chosen.dir, "cyrus"), users, chosen.messages)
    try:
        server.start()
        places = {name: value for name, value in vars(server).items() if name.endswith("_port")}
        print(json.dumps({"pid": server.process.pid, "log": server.log, "master_user": MASTER_USER,
                          "master_password": MASTER_PASSWORD, **places}), flush=True)
        signal.sigwait(stopping)
    finally:
        server.stop()


main()
