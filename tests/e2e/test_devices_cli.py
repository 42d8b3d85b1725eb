"""`postern device add` in its forms: what each writes, and that a mail program gets in with it."""

import hashlib
import json
import os
import plistlib
import stat
import uuid

import gatecase
from backends.authority import openssl
from rig import ALICE, BOB
from wire import connect


class Pair:
    """Certificate and key as connect() takes them."""

    def __init__(self, cert, key):
        self.cert = cert
        self.key = key


class DeviceAdd(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()

    def add(self, login, *more, name=None, **options):
        name = name or f"device of {self._testMethodName}"
        return self.rig.postern.ask("device", "add", login, "--certificate", "--name", name, "--ca",
                                    self.rig.postern_ca, "--passphrase-file", self.rig.passphrase_file,
                                    *more, **options)

    def assert_fails(self, done, text, status=1):
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Apostern: [^\n]*\n\Z")
        self.assertIn(text, done.stderr)

    def assert_not_registered(self, login):
        names = [row["name"] for row in self.rig.postern.rows("device", "list", login)]
        self.assertNotIn(f"device of {self._testMethodName}", names)

    def assert_logs_in(self, login, cert, key):
        with connect(self.rig, certificate=Pair(cert, key)) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire, login)
        self.wait_event("login_accepted", login=login, factor="certificate")

    # --- --csr -----------------------------------------------------------------------------------------

    def request(self, *algorithm, name="/CN=root@example.org", more=()):
        """A key of its own and a request for it: both files."""
        folder = self.rig.path(f"request-{self._testMethodName}-{len(os.listdir(self.rig.folder))}")
        os.mkdir(folder)
        key, csr = os.path.join(folder, "key.pem"), os.path.join(folder, "device.csr")
        openssl("genpkey", "-out", key, *algorithm)
        openssl("req", "-new", "-key", key, "-subj", name, "-out", csr, *more)
        return key, csr

    def test_a_key_that_stays_on_its_device(self):
        greedy = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                  f"subjectAltName=email:{BOB}")
        for algorithm in (("-algorithm", "ED25519"), ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
                          ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")):
            with self.subTest(algorithm[1]):
                key, csr = self.request(*algorithm, more=greedy)
                file = f"{csr}.pem"
                row = json.loads(self.add(ALICE, "--csr", csr, "--out", file, "--json",
                                          name=algorithm[1]).stdout)
                self.assertEqual((row["login"], row["file"]), (ALICE, file))
                self.assertNotIn("password", row)
                public = self.rig.path(f"{algorithm[1]}.der")
                openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", public)
                with open(public, "rb") as der:
                    self.assertEqual(row["key"], hashlib.sha256(der.read()).hexdigest())
                self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
                with open(file) as written:
                    self.assertEqual(written.read().count("-----BEGIN "), 1)
                self.assert_logs_in(ALICE, file, key)
                self.rig.postern.ask("device", "revoke", ALICE, "--serial", row["serial"])
                with connect(self.rig, certificate=Pair(file, key)) as wire:
                    self.assert_refused(wire.external())

    def test_a_request_in_der(self):
        key, csr = self.request("-algorithm", "ED25519", more=("-outform", "DER"))
        done = self.add(BOB, "--csr", csr, "--out", f"{csr}.pem")
        self.assertRegex(done.stdout, r"wrote .*\.pem, valid until \d{4}-\d\d-\d\d\n")
        self.assertRegex(done.stdout, r"SHA-256 of its key: [0-9a-f]{64}\n")
        self.assertNotIn("password: ", done.stdout)
        self.assert_logs_in(BOB, f"{csr}.pem", key)

    def test_requests_that_are_refused(self):
        _, good = self.request("-algorithm", "ED25519")
        _, weak = self.request("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        with open(good, "rb") as whole:
            octets = whole.read()
        forged = self.rig.write("forged.csr", octets.decode())
        openssl("req", "-in", good, "-outform", "DER", "-out", forged)
        with open(forged, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
        huge = self.rig.write("huge.csr", octets.decode() + "\n" * 40000)
        out = self.rig.path("refused.pem")
        for file, text in ((weak, "must be RSA of 2048"), (forged, "signature is not by the key"),
                           (huge, "File too large"), (self.rig.passphrase_file, "not one certificate request"),
                           (self.rig.path("nothing"), "No such file")):
            with self.subTest(file):
                self.assert_fails(self.add(BOB, "--csr", file, "--out", out, check=False), text)
                self.assertFalse(os.path.exists(out))
        self.assert_not_registered(BOB)

    # --- --mobileconfig ----------------------------------------------------------------------------------

    def test_an_apple_profile(self):
        file = self.rig.path("alice.mobileconfig")
        name = 't\u00e9l\u00e9phone <b>&amp; "x" \uffff'
        row = json.loads(self.add(ALICE, "--mobileconfig", file, "--json", "--server", "IMAP.example.net:1993",
                                  name=name).stdout)
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        with open(file, "rb") as written:
            octets = written.read()
        self.assertNotIn(row["password"].encode(), octets)
        profile = plistlib.loads(octets)
        self.assertEqual((profile["PayloadType"], profile["PayloadVersion"]), ("Configuration", 1))
        identity, mail = profile["PayloadContent"]
        self.assertEqual(identity["PayloadType"], "com.apple.security.pkcs12")
        self.assertEqual(identity["PayloadDisplayName"], name.replace("\uffff", "?"))
        wanted = {"PayloadType": "com.apple.mail.managed", "EmailAccountType": "EmailTypeIMAP",
                  "EmailAddress": ALICE, "IncomingMailServerAuthentication": "EmailAuthPassword",
                  "IncomingMailServerHostName": "imap.example.net", "IncomingMailServerPortNumber": 1993,
                  "IncomingMailServerUseSSL": True, "IncomingMailServerUsername": ALICE,
                  "OutgoingMailServerAuthentication": "EmailAuthPassword",
                  "OutgoingMailServerHostName": "imap.example.net"}
        self.assertEqual({key: mail.get(key) for key in wanted}, wanted)
        parts = (profile, identity, mail)
        for key in ("PayloadUUID", "PayloadIdentifier"):
            self.assertEqual(len({part[key] for part in parts}), 3)
        for part in parts:
            self.assertEqual(str(uuid.UUID(part["PayloadUUID"])).upper(), part["PayloadUUID"])
            self.assertEqual(uuid.UUID(part["PayloadUUID"]).version, 4)
        self.assert_identity_logs_in(identity["PayloadContent"], row["password"])

    def assert_identity_logs_in(self, pkcs12, password):
        package, cert, key = (self.rig.path(f"profile.{end}") for end in ("p12", "cert", "key"))
        with open(package, "wb") as out:
            out.write(pkcs12)
        openssl("pkcs12", "-legacy", "-in", package, "-passin", f"pass:{password}", "-nokeys", "-out", cert)
        openssl("pkcs12", "-legacy", "-in", package, "-passin", f"pass:{password}", "-nocerts", "-nodes",
                "-out", key)
        self.assert_logs_in(ALICE, cert, key)

    # --- instructions --------------------------------------------------------------------------------------

    def test_instructions_in_both_languages(self):
        texts = {"en": ("IMAP server mail.example.org, port 993", "Thunderbird", "Outlook", "K-9"),
                 "fr": ("serveur IMAP mail.example.org, port 993", "Thunderbird", "Param\u00e8tres", "K-9")}
        for language, phrases in texts.items():
            done = self.add(BOB, "--out", self.rig.path(f"{language}.p12"), "--language", language,
                            name=f"in {language}")
            for phrase in (*phrases, BOB):
                self.assertIn(phrase, done.stdout)
        for number, (name, value) in enumerate((("LC_ALL", "fr_FR.UTF-8"), ("LANG", "fr_CA.UTF-8"))):
            done = self.add(BOB, "--pem", self.rig.path(f"pem{number}"), name=f"by {name}",
                            env={**{k: v for k, v in os.environ.items() if not k.startswith("L")}, name: value})
            self.assertIn("mbsync :", done.stdout)
            self.assertIn(f"CERT est {self.rig.path(f'pem{number}')}/cert.pem", done.stdout)
        done = self.add(BOB, "--mobileconfig", self.rig.path("x.mobileconfig"), name="profile",
                        env={**os.environ, "LC_ALL": "C"})
        self.assertIn("by password only", done.stdout)
        self.assertRegex(done.stdout, r"password: [a-z0-9-]+\n")

    def test_words_that_do_not_go_together(self):
        for words, text in ((("--csr", "x", "--pem", "y"), "--out FILE.pem"),
                            (("--csr", "x"), "--out FILE.pem"),
                            (("--csr", "x", "--out", "y", "--compatible"), "--compatible is for PKCS#12"),
                            (("--pem", "x", "--compatible"), "--compatible is for PKCS#12"),
                            (("--pem", "x", "--out", "y"), "say where to write"),
                            (("--pem", "x", "--mobileconfig", "y"), "say where to write"),
                            (("--csr", "x", "--mobileconfig", "y"), "--out FILE.pem"),
                            (("--mobileconfig", "y", "--compatible"), "--compatible is for PKCS#12"),
                            (("--out", "y", "--server", "a b"), "--server is a host name"),
                            (("--out", "y", "--server", "a:0"), "--server is a host name"),
                            (("--out", "y", "--server", "a:65536"), "--server is a host name"),
                            (("--out", "y", "--language", "de"), "--language is en or fr")):
            with self.subTest(words):
                self.assert_fails(self.add(BOB, *words, check=False), text, 64)
