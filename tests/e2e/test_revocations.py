"""Revocation lists: every level has one, and what is wrong with a new one leaves the former in force."""

import os

import gatecase
from backends.authority import Authority, openssl
from rig import ALICE, BOB
from wire import connect


def read(path):
    with open(path) as source:
        return source.read()


def issue_authority(rig, root, name):
    """An authority below root; its own certificate file holds the one that root signed."""
    issuing = Authority(rig.path(name), "Issuing CA")
    extensions = rig.write(name + ".ext", "basicConstraints = critical,CA:TRUE\n"
                                          "keyUsage = critical,keyCertSign,cRLSign\n")
    request = rig.path(name + ".csr")
    openssl("req", "-new", "-key", issuing.key, "-out", request, "-subj", "/CN=Issuing CA")
    openssl("ca", "-batch", "-notext", "-config", root.config, "-in", request, "-out", issuing.cert,
            "-extfile", extensions, "-days", "365")
    return issuing


class ListsCase(gatecase.GateCase):
    def replace(self, path, text):
        with open(path + ".new", "w") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def assert_accepted(self, certificate):
        with connect(self.rig, certificate=certificate) as wire:
            self.assert_ok(wire.external())

    def assert_certificate_refused(self, certificate, word=b"certificate"):
        with connect(self.rig, certificate=certificate) as wire:
            answer = wire.external()
            self.assert_refused(answer)
            self.assertIn(word, answer.lower())


class Levels(ListsCase):
    has_root_list = True

    @classmethod
    def configure(cls, rig):
        cls.root = Authority(rig.path("root"), "Root CA")
        cls.issuing = issue_authority(rig, cls.root, "issuing")
        cls.alice = cls.issuing.client("alice", ALICE)
        cls.root.write_crl()
        cls.issuing.write_crl()
        both = rig.write("chain.pem", read(cls.issuing.cert) + read(cls.root.cert))
        lists = [cls.issuing.crl] + ([cls.root.crl] if cls.has_root_list else [])
        rig.postern.config.section("client_ca", "clients", certificate=both, crl=lists)
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_a_revoked_intermediate_takes_all_below_it_along(self):
        wire = connect(self.rig, certificate=self.alice)
        self.addCleanup(wire.close)
        self.assert_ok(wire.external())
        self.root.revoke(self.issuing)
        wire.until_closed()
        self.assert_certificate_refused(self.alice, b"revoked")


class MissingLevel(Levels):
    has_root_list = False

    def test_a_revoked_intermediate_takes_all_below_it_along(self):
        """Nobody could tell: so it is refused at once, and passwords work."""
        self.assert_certificate_refused(self.alice)
        self.assertTrue(self.rig.postern.events("crl_missing", former="none"))
        self.assert_good_client_works()


class Files(ListsCase):
    @classmethod
    def configure(cls, rig):
        cls.good = rig.clients.client("good", ALICE)
        cls.bad = rig.clients.client("bad", BOB)
        cls.later = rig.clients.client("later", BOB)
        rig.clients.revoke(cls.bad)
        cls.namesake = Authority(rig.path("namesake"), "Client CA")
        cls.namesake.write_crl()
        rig.postern.config.section("client_ca", "clients", crl=[rig.clients.crl])
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_what_is_wrong_leaves_the_former_in_force(self):
        postern, path = self.rig.postern, self.rig.clients.crl
        former = read(path)
        self.rig.clients.write_crl()
        newer = read(path)
        postern.wait_event("crl_in_force", 0, 20)
        for what, text in (("forged", read(self.namesake.crl)), ("older", former), ("empty", ""),
                           ("cut off", newer[:len(newer) // 2]), ("nonsense", "nonsense\n")):
            with self.subTest(what):
                mark = postern.mark()
                self.replace(path, text)
                postern.wait_event("crl_refused", mark, 20)
                postern.wait_event("crl_in_force", mark, 20)
                self.assert_accepted(self.good)
                self.assert_certificate_refused(self.bad, b"revoked")
        mark = postern.mark()
        os.unlink(path)
        postern.wait_event("crl_refused", mark, 20, file=path)
        self.assert_accepted(self.good)
        self.rig.clients.revoke(self.later)
        postern.wait_event("crl_loaded", mark, 20, serials=2)
        postern.wait_event("crl_in_force", mark, 20)
        self.assert_certificate_refused(self.later, b"revoked")
        self.assert_accepted(self.good)


class Grace(ListsCase):
    @classmethod
    def configure(cls, rig):
        cls.good = rig.clients.client("good", ALICE)
        rig.clients.write_crl(seconds=1)
        rig.postern.config.section("client_ca", "clients", crl=[rig.clients.crl], crl_overdue="1h")

    def test_an_overdue_list_goes_on(self):
        self.wait_event("crl_overdue", seconds=45)
        self.assert_accepted(self.good)
