"""Several authorities of client certificates at once: what each may be used for, whom it may name, and how
its certificates do. Smart cards name their users by a UPN, a number, or in a file."""

import hashlib
import os

import gatecase
from backends.authority import Authority, openssl
from backends.process import wait_until
from rig import ALICE, BOB, USERS
from wire import connect

UPN = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:"


class ClientCa(gatecase.GateCase):
    def assert_logs_in(self, certificate, login):
        with connect(self.rig, certificate=certificate) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire, login)

    def assert_says(self, certificate, words):
        """Refused for that, and by the right password too."""
        with connect(self.rig, certificate=certificate) as wire:
            answer = wire.external()
            self.assert_refused(answer)
            self.assertIn(words, answer)
        with connect(self.rig, certificate=certificate) as wire:
            self.assert_refused(wire.login(ALICE, USERS[ALICE]))


class Several(ClientCa):
    @classmethod
    def configure(cls, rig):
        partner = Authority(rig.path("partner"), "Partner CA")
        cards = Authority(rig.path("cards"), "Card CA")
        cls.own = rig.clients.client("own", ALICE)
        cls.partner = partner.client("partner", BOB)
        cls.partner_names_ours = partner.client("greedy", ALICE)
        cls.card = cards.client("card", names=UPN + "bob@cards.example", policies="1.2.3.4,1.2.3.5")
        cls.refused = {
            b"policy": [cards.client("other-policy", names=UPN + "bob@cards.example", policies="1.2.3.5"),
                        cards.client("any-policy", names=UPN + "bob@cards.example", policies="2.5.29.32.0"),
                        cards.client("no-policy", names=UPN + "bob@cards.example")],
            b"no user": [cards.client("no-upn", ALICE, policies="1.2.3.4")],
            b"several": [cards.client("two-upns", policies="1.2.3.4",
                                      names=f"{UPN}bob@cards.example,{UPN}alice@cards.example")],
            b"malformed": [cards.client("suffix", policies="1.2.3.4", names=UPN + ALICE),
                           cards.client("nested", policies="1.2.3.4", names=UPN + "a@b@cards.example"),
                           cards.client("star", policies="1.2.3.4", names=UPN + "b*b@cards.example"),
                           cards.client("bmp", policies="1.2.3.4",
                                        names=UPN.replace("UTF8", "BMP") + "bob@cards.example")],
            b"another authority": [cls.partner_names_ours,
                                   cards.client("foreign", policies="1.2.3.4", names=UPN + "alice@cards.example")],
        }
        config = rig.postern.config
        config.section("client_ca", "clients", users=[ALICE])
        config.section("client_ca", "partner", certificate=partner.cert, users=[BOB])
        config.section("client_ca", "cards", certificate=cards.cert, users=[BOB], policies=["1.2.3.4"],
                       shares_names=["partner"], map="userPrincipalName", pattern="*@cards.example",
                       login="*@example.org")
        config.section("limits", failure_delay="1ms")

    def test_each_names_its_own(self):
        self.assert_logs_in(self.own, ALICE)
        self.assert_logs_in(self.partner, BOB)
        self.assert_logs_in(self.card, BOB)

    def test_what_they_may_not(self):
        for words, certificates in self.refused.items():
            for certificate in certificates:
                with self.subTest(words, certificate=os.path.basename(certificate.cert)):
                    self.assert_says(certificate, words)

    def test_two_that_could_name_the_same_user_are_a_mistake(self):
        shared = self.rig.postern.config.sections["client_ca", "cards"].pop("shares_names")
        self.rig.postern.write_config()
        done = self.rig.postern.command("check-config", "--config", self.rig.postern.conf, check=False)
        self.rig.postern.config.sections["client_ca", "cards"]["shares_names"] = shared
        self.rig.postern.write_config()
        self.assertEqual(done.returncode, 1)
        self.assertIn("client_ca cards and client_ca partner (line ", done.stderr + done.stdout)
        self.assertIn(f"may both name {BOB}", done.stderr + done.stdout)


class Subjects(ClientCa):
    """Cards that name a person by a number in the subject."""

    @classmethod
    def configure(cls, rig):
        make = rig.clients.client
        rig.postern.config.top["domains"] = ["example.org"]
        cls.good = make("good", dn="/O=Clinic/CN=Alice Example/serialNumber=CARD-alice")
        cls.refused = {
            b"several": make("two", dn="/O=Clinic/serialNumber=CARD-alice/serialNumber=CARD-bob"),
            b"no user": make("none", dn="/O=Clinic/CN=CARD-alice"),
        }
        cls.malformed = [make("joined", dn="/O=Clinic/CN=Alice+serialNumber=CARD-alice"),
                         make("prefix", dn="/O=Clinic/serialNumber=CART-alice"),
                         make("nobody", dn="/O=Clinic/serialNumber=CARD-"),
                         make("blank", dn="/O=Clinic/serialNumber=CARD-al ice")]
        rig.postern.config.section("client_ca", "clients", map="serialNumber", pattern="CARD-*",
                                   login="*@example.org")
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_the_number_says_who(self):
        self.assert_logs_in(self.good, ALICE)

    def test_what_could_be_read_in_two_ways(self):
        for words, certificate in self.refused.items():
            with self.subTest(words):
                self.assert_says(certificate, words)
        for certificate in self.malformed:
            with self.subTest(os.path.basename(certificate.cert)):
                self.assert_says(certificate, b"malformed")


def key_digest(certificate):
    der = certificate.cert + ".spki"
    public = openssl("x509", "-in", certificate.cert, "-noout", "-pubkey")
    openssl("pkey", "-pubin", "-outform", "DER", "-out", der, text=public)
    with open(der, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def shown(certificate, what):
    """The field as openssl prints it, which is how a map file has it."""
    line = openssl("x509", "-in", certificate.cert, "-noout", "-" + what, "-nameopt", "RFC2253")
    return line.split("=", 1)[1].strip()


class MapFile(ClientCa):
    @classmethod
    def configure(cls, rig):
        make = rig.clients.client
        cls.by_key = make("by-key", dn="/CN=one")
        cls.by_serial = make("by-serial", dn="/CN=two")
        cls.by_subject = make("by-subject", dn="/O=Clinic, West/OU=A+serialNumber=7/CN=Bob \"the\" Third")
        cls.unknown = make("unknown", ALICE)
        cls.later = make("later", dn="/CN=later")
        cls.never = make("never", dn="/CN=never")
        cls.rows = ["# cards of the clinic", f"{ALICE} key {key_digest(cls.by_key)}",
                    f"{BOB} serial {shown(cls.by_serial, 'serial')} {shown(cls.by_serial, 'issuer')}", "",
                    f"{BOB} subject {shown(cls.by_subject, 'subject')}"]
        cls.map = rig.write("cards.map", "\n".join(cls.rows) + "\n")
        rig.postern.config.section("client_ca", "clients", map_file=cls.map)
        rig.postern.config.section("limits", failure_delay="1ms")

    def write_map(self, *more):
        with open(self.map + ".new", "w") as out:
            out.write("\n".join([*self.rows, *more]) + "\n")
        os.rename(self.map + ".new", self.map)

    def test_each_kind_of_row(self):
        self.assert_logs_in(self.by_key, ALICE)
        self.assert_logs_in(self.by_serial, BOB)
        self.assert_logs_in(self.by_subject, BOB)

    def test_who_has_no_row_is_nobody(self):
        self.assert_says(self.unknown, b"no user")  # though an rfc822Name says alice

    def logs_in(self, certificate):
        with connect(self.rig, certificate=certificate) as wire:
            return wire.external().startswith(b"OK")

    def test_a_changed_file_takes_effect(self):
        self.addCleanup(self.write_map)
        self.assertFalse(self.logs_in(self.later))
        self.write_map(f"{ALICE} subject {shown(self.later, 'subject')}")
        wait_until(lambda: self.logs_in(self.later), 15, "the new row lets in")

    def test_a_mistake_names_file_and_line_and_changes_nothing(self):
        self.addCleanup(self.write_map)
        self.write_map(f"{ALICE} subject {shown(self.never, 'subject')}", "alice key 00")
        event = self.wait_event("file_refused", 20, file=self.map)
        self.assertIn(f"{self.map}:{len(self.rows) + 2}: ", str(event))
        self.assertFalse(self.logs_in(self.never))
        self.assert_logs_in(self.by_key, ALICE)
