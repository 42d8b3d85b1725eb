"""The broker: the private key is in its memory and in no gate's; every handshake needs it; its death."""

import contextlib
import os
import re
import signal
import ssl
import subprocess
import unittest

import gatecase
from backends.process import wait_until
from rig import ALICE, IS_ROOT, USERS
from test_faults import FaultCase
from wire import connect, tls_context


def private_number(file):
    """The octets of the private key's secret number, as written in the file."""
    text = subprocess.run(["openssl", "pkey", "-in", file, "-noout", "-text"], check=True, text=True,
                          capture_output=True).stdout
    octets = re.search(r"(?:priv|privateExponent):\n((?: +[0-9a-f:]+\n)+)", text).group(1)
    return bytes.fromhex(re.sub(r"[\s:]", "", octets)).lstrip(b"\0")


SHADOW = 1 << 34  # octets: areas beyond are an address sanitizer's shadow, which holds nothing of the program's
PIECE = 1 << 24   # octets that are looked at together


def memory_has(pid, number):
    """Whether the number stands in the process's memory, in either order of octets."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw" not in line or end - begin > SHADOW:
                continue
            for at in range(begin, end, PIECE):
                with contextlib.suppress(OSError, OverflowError):
                    memory.seek(at)
                    part = memory.read(min(PIECE + len(number), end - at))
                    if number in part or number[::-1] in part:
                        return True
    return False


class Keys(gatecase.GateCase):
    @unittest.skipUnless(IS_ROOT, "only root reads the memory of others")
    def test_the_key_is_in_the_broker_and_in_no_gate(self):
        self.assert_good_client_works()
        number = private_number(self.rig.server.key)
        self.assertTrue(memory_has(self.rig.postern.roles("broker")[0], number))
        for gate in self.rig.postern.roles("gate"):
            self.assertFalse(memory_has(gate, number), gate)

    @unittest.skipUnless(IS_ROOT, "only root sees the descriptors of others")
    def test_no_gate_has_a_file(self):
        for gate in self.rig.postern.roles("gate"):
            for number in os.listdir(f"/proc/{gate}/fd"):
                self.assertNotIn("memfd", os.readlink(f"/proc/{gate}/fd/{number}"))


class Kinds(gatecase.GateCase):
    """Every kind of key that a server certificate may have, in both versions of TLS."""

    KEYS = {"p384": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), "rsa": ("rsa:2048",),
            "rsa3072": ("rsa:3072",), "ed25519": ("ed25519",)}

    @classmethod
    def configure(cls, rig):
        made = [rig.servers.server(kind, f"{kind}.example.org", key=key) for kind, key in cls.KEYS.items()]
        rig.postern.config.section("tls", certificate=[rig.server.cert, *(one.cert for one in made)],
                                   key=[rig.server.key, *(one.key for one in made)])

    def test_each_signs(self):
        for kind in self.KEYS:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(kind=kind, version=version):
                    context = tls_context(self.rig, version=version)
                    with connect(self.rig, context=context, server_name=f"{kind}.example.org") as wire:
                        self.assert_ok(wire.login(ALICE, USERS[ALICE]))

    def test_rsa_signs_by_each_padding(self):
        for scheme in ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha512", "RSA+SHA256", "RSA+SHA512"):
            with self.subTest(scheme=scheme):
                done = subprocess.run(
                    ["openssl", "s_client", "-connect", f"127.0.0.1:{self.rig.imaps_port}", "-tls1_2",
                     "-servername", "rsa.example.org", "-sigalgs", scheme, "-CAfile", self.rig.servers.cert,
                     "-verify_return_error"], input="", text=True, capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Death(FaultCase):
    def test_live_sessions_go_on_and_new_ones_come_in(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
            self.kill("broker")
            self.assert_reads_mail(wire)
            self.wait_for_service()

    def test_who_comes_meanwhile_waits(self):
        mark = self.rig.postern.mark()
        os.kill(self.rig.postern.roles("broker")[0], signal.SIGKILL)
        gates = len(self.rig.postern.roles("gate"))
        wait_until(lambda: len(self.rig.postern.events("broker_away", mark)) == gates, 10, "every gate knows")
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))

    def test_stopped_is_not_killed(self):
        broker = self.rig.postern.roles("broker")[0]
        os.kill(broker, signal.SIGSTOP)
        try:
            with self.assertRaises(OSError):
                connect(self.rig).__enter__()
            self.wait_event("signing_failed")
        finally:
            os.kill(broker, signal.SIGCONT)
        self.wait_for_service()
