"""What bench/run and bench/upgrade stand on: certificate, descriptors, cores, the tools' build."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "bench-password"
MESSAGE_BYTES = 10_000_000
DESCRIPTORS_WANTED = 65536
DESCRIPTORS_NEEDED = 12000  # two for each of 5,000 sessions, and some


@dataclass
class Site:
    """Where a peer runs."""
    directory: Path
    port: int
    backend_port: int
    helper_port: int
    certificate: Path
    key: Path
    tools: Path
    descriptors: int
    is_refusing: bool  # clients from REFUSED_ADDRESS are to be refused at accept
    client_certificate: Path = None  # with its key, its own authority; None: nobody logs in by it alone

    @property
    def sessions(self):
        """The limit of sessions that each peer is given: two descriptors for each, and some."""
        return (self.descriptors - 1000) // 2


def cores():
    """One for the load tool and the backend, one for what is measured; None, None: there is but one."""
    every = sorted(os.sched_getaffinity(0))
    return (every[0], every[1]) if len(every) > 1 else (None, None)


def raise_descriptors():
    """To what is wanted where that is allowed, else to the hard limit. Children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, DESCRIPTORS_WANTED), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            break
        except ValueError:
            continue
    if limit < DESCRIPTORS_NEEDED:
        sys.exit(f"5,000 sessions need {DESCRIPTORS_NEEDED} descriptors and {limit} are allowed; "
                 "raise the hard limit (ulimit -Hn)")
    return min(limit, DESCRIPTORS_WANTED)


def make_certificate(directory):
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=mail.example.org", "-addext", "subjectAltName=DNS:mail.example.org",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key


def make_client_certificate(directory):
    """One file with certificate and key."""
    both, key = directory / "client.pem", directory / "client-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=user",
                    "-addext", "subjectAltName=email:user00000@example.org",
                    "-addext", "extendedKeyUsage=clientAuth",
                    "-keyout", key, "-out", both], check=True, capture_output=True)
    both.write_text(both.read_text() + key.read_text())
    return both


def check_build(build):
    """The numbers of a sanitizer build say nothing."""
    found = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                           capture_output=True, text=True).stdout
    options = {option["name"]: option["value"] for option in json.loads(found)}
    if options["b_sanitize"] not in ("none", []) or options["optimization"] == "0":
        sys.exit(f"{build}: built with sanitizers or without optimisation; set up a plain build")
    done = subprocess.run(["meson", "compile", "-C", build, "bench"], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
