#!/usr/bin/env python3
"""What our objects ask of the libraries says what a role can do: this reads their undefined symbols, and
the libraries that each executable names. Argument: the build directory."""

import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1])

TLS = r"SSL_\w+|TLS_\w+"
CERTIFICATES = r"X509_\w+|PEM_\w+|d2i_\w+|EVP_\w+|PKCS12_\w+"
STORE = r"sqlite3_\w+"
CONFIGURATION = r"cfg_\w+"
ARCHIVES = r"archive_\w+"
OPENING = r"open|open64|openat|openat64|fopen|fopen64|freopen|creat|opendir"
STARTING = r"exec\w*|posix_spawn\w*|fork|vfork|system|popen"
NAMES = r"getaddrinfo|gethostby\w+|getpw\w+|getgr\w+"
CONNECTING = r"connect|socket|bind|listen"
MOVING = r"read|write|recv\w*|send\w*|poll|select|epoll_\w+"
CLOCKS = r"time|clock_gettime|gettimeofday"

# Folder of src/ → what its own objects must not name, and why that matters.
FORBIDDEN = {
    "protocol": [TLS, CERTIFICATES, STORE, CONFIGURATION, OPENING, STARTING, NAMES, CONNECTING, MOVING,
                 CLOCKS],                                    # parsers and writers are pure
    "channel": [TLS, CERTIFICATES, STORE, CONFIGURATION, OPENING, STARTING, NAMES, "connect|bind|listen"],
    "gate": [STORE, CONFIGURATION, ARCHIVES, OPENING, STARTING, NAMES],
    "backend": [STORE, CONFIGURATION, ARCHIVES, OPENING, STARTING, NAMES],
    "keeper": [TLS, CERTIFICATES, CONFIGURATION, ARCHIVES, STARTING, NAMES, CONNECTING],
    "broker": [STORE, CONFIGURATION, ARCHIVES, OPENING, STARTING, NAMES],
    "revocations": [TLS, STORE, CONFIGURATION, ARCHIVES, OPENING, STARTING, NAMES, CONNECTING],
    "supervisor": [TLS, CERTIFICATES, STORE, ARCHIVES],  # opens and hands over, parses nothing
    "config": [TLS, CERTIFICATES, STORE, STARTING, "connect|bind|listen"],
}

# Executable → libraries that it must not be linked with.
NOT_LINKED = {
    "gate": ["libsqlite3", "libconfuse"],
    "keeper": ["libssl", "libconfuse"],
    "broker": ["libsqlite3", "libconfuse"],
    "revocations": ["libssl", "libsqlite3", "libconfuse"],
    "supervisor": ["libssl", "libsqlite3"],
}


def output(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True).stdout


def undefined(path):
    return {line.split()[-1].split("@")[0] for line in output("nm", "-u", path).splitlines()}


def problems():
    for folder, patterns in FORBIDDEN.items():
        forbidden = re.compile("|".join(patterns))
        objects = sorted((BUILD / "src" / folder).rglob("*.o"))
        if not objects:
            yield f"src/{folder}: no object of it in {BUILD}; is it built?"
        for path in objects:
            for symbol in sorted(undefined(path)):
                if forbidden.fullmatch(symbol):
                    yield f"{path.relative_to(BUILD)} uses {symbol}"
    for name, libraries in NOT_LINKED.items():
        program = BUILD / "src" / name / name
        needed = re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-d", program))
        for library in libraries:
            for found in needed:
                if found.startswith(library):
                    yield f"{name} is linked with {found}"


found = list(problems())
print("\n".join(found), end="\n" if found else "")
sys.exit(1 if found else 0)
