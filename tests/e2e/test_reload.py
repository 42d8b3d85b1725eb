"""SIGHUP: a new configuration in place of the old one, without a session noticing; or a sentence."""

import os
import signal
import ssl

import gatecase
from backends import ports
from rig import ALICE, USERS
from wire import Wire, connect, tls_context

PASSWORD = USERS[ALICE]


class Reload(gatecase.GateCase):
    def setUp(self):
        """Each test begins with the configuration of the start."""
        postern = self.rig.postern
        before = postern.config.text()

        def restore():
            with open(postern.conf, "w") as out:
                out.write(before)
            self.reload_with("reload_done")
        self.addCleanup(restore)

    def reload_with(self, event, write=False):
        postern = self.rig.postern
        if write:
            postern.write_config()
        mark = postern.mark()
        postern.reload()
        return postern.wait_event(event, mark)

    def change(self, event, tail="", **sections):
        """Writes a configuration with these changes, tells Postern, and forgets them again."""
        postern = self.rig.postern
        saved = postern.config.top.copy(), {key: dict(values) for key, values
                                            in postern.config.sections.items()}
        for key, values in sections.items():
            if key == "top":
                postern.config.top.update(values)
            else:
                kind, _, name = key.partition("__")
                postern.config.section(kind, name, **values)
        postern.config.tail = tail
        try:
            return self.reload_with(event, write=True)
        finally:
            postern.config.top, postern.config.sections = saved
            postern.config.tail = ""

    def live(self):
        wire = connect(self.rig)
        self.addCleanup(wire.close)
        self.assert_ok(wire.login(ALICE, PASSWORD))
        return wire

    def listener(self, port, **values):
        return {**self.rig.postern.config.sections["listener", "imaps"],
                "bind": [f"127.0.0.1:{port}"], **values}

    def test_nothing_changed(self):
        wire = self.live()
        for _ in range(10):
            self.change("reload_done")
        self.assertTrue(wire.is_open())
        self.assert_good_client_works()

    def test_many_at_once(self):
        wire = self.live()
        for _ in range(50):
            self.rig.postern.reload()
        self.change("reload_done")
        self.assertTrue(wire.is_open())
        self.assert_good_client_works()

    def test_a_listener_comes_and_goes(self):
        wire = self.live()
        port = ports.free_port()
        self.change("reload_done", listener__more=self.listener(port))
        self.assert_good_client_works(port)
        with connect(self.rig, port) as other:
            self.assert_ok(other.login(ALICE, PASSWORD))
            self.change("reload_done")
            self.assertTrue(other.is_open())
            with self.assertRaises(ConnectionError):
                Wire(port)
        self.assertTrue(wire.is_open())

    def test_a_new_certificate(self):
        def serial():
            with connect(self.rig) as wire:
                return wire.socket.getpeercert()["serialNumber"]
        wire, before = self.live(), serial()
        new = self.rig.servers.server("renewed", "localhost")
        self.change("reload_done", tls={"certificate": [new.cert], "key": [new.key]})
        self.assertNotEqual(serial(), before)
        self.assertTrue(wire.is_open())

    def test_the_same_file_with_a_new_certificate(self):
        """As a renewal does it: in place."""
        wire = self.live()
        new = self.rig.servers.server("in-place", "localhost")
        self.addCleanup(os.replace, self.rig.server.cert + ".kept", self.rig.server.cert)
        self.addCleanup(os.replace, self.rig.server.key + ".kept", self.rig.server.key)
        for mine, theirs in ((self.rig.server.cert, new.cert), (self.rig.server.key, new.key)):
            os.rename(mine, mine + ".kept")
            os.rename(theirs, mine)
        self.change("reload_done")
        with connect(self.rig) as other:
            names = {name for _, name in other.socket.getpeercert()["subjectAltName"]}
        self.assertNotIn("mail.example.org", names)
        self.assertTrue(wire.is_open())

    def test_certificates_by_name(self):
        second = self.rig.servers.server("second", "second.example.org")
        self.change("reload_done", tls={"certificate": [self.rig.server.cert, second.cert],
                                     "key": [self.rig.server.key, second.key]})
        for name, expected in (("second.example.org", "second.example.org"),
                               ("mail.example.org", "mail.example.org"),
                               ("SECOND.example.org", "second.example.org")):
            with Wire(self.rig.imaps_port) as wire:
                wire.socket = tls_context(self.rig).wrap_socket(wire.socket, server_hostname=name)
                names = {found for _, found in wire.socket.getpeercert()["subjectAltName"]}
                self.assertIn(expected, names)
        context = ssl.create_default_context(cafile=self.rig.servers.cert)
        context.check_hostname = False
        with Wire(self.rig.imaps_port) as wire:
            wire.socket = context.wrap_socket(wire.socket, server_hostname="unknown.example.org")
            names = {found for _, found in wire.socket.getpeercert()["subjectAltName"]}
            self.assertIn("mail.example.org", names)

    def test_a_rule_takes_hold(self):
        wire = self.live()
        self.change("reload_done", listener__imaps={"login": ["certificate"]})
        with connect(self.rig) as other:
            self.assert_refused(other.login(ALICE, PASSWORD))
        self.assertTrue(wire.is_open())

    def assert_still_as_before(self, wire, record):
        self.assertTrue(wire.is_open())
        self.assert_good_client_works()
        return record

    def test_a_broken_file_changes_nothing(self):
        for tail in ("nonsense = 1\n", "listener x {\n", "}", "\0", 'hostname = "again.example.org"\n',
                     "limits { idle = 5 parsecs }\n"):
            with self.subTest(tail):
                self.assert_still_as_before(self.live(), self.change("reload_refused", tail=tail))

    def test_an_absent_file_changes_nothing(self):
        wire = self.live()
        os.rename(self.rig.postern.conf, self.rig.postern.conf + ".away")
        self.assert_still_as_before(wire, self.reload_with("reload_refused"))

    def test_a_key_that_does_not_fit_changes_nothing(self):
        other = self.rig.servers.server("unfit", "localhost")
        self.assert_still_as_before(self.live(), self.change(
            "reload_refused", tls={"key": [other.key]}))

    def test_rubbish_in_a_certificate_changes_nothing(self):
        rubbish = self.rig.write("rubbish.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                 "-----END CERTIFICATE-----\n")
        for where, values in (("tls", {"certificate": [rubbish]}),
                              ("client_ca__clients", {"certificate": rubbish}),
                              ("client_ca__clients", {"crl": [rubbish]})):
            with self.subTest(where):
                self.assert_still_as_before(self.live(), self.change("reload_refused", **{where: values}))

    def replace(self, path, text):
        """In one step; put back in the end."""
        with open(path, "rb") as source:
            before = source.read()

        def write(octets):
            descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as out:
                out.write(octets)
            os.rename(path + ".new", path)
        self.addCleanup(write, before)
        write(text)

    def test_files_that_break_by_themselves_are_kept_out(self):
        """Nobody asked for a reload: the copies in force stay, also for a gate that starts anew."""
        postern, wire = self.rig.postern, self.live()
        authority = postern.config.sections["client_ca", "clients"]["certificate"]
        for path, text in ((self.rig.server.cert, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                           (self.rig.server.key, b""),
                           (authority, b"# nothing\n")):
            with self.subTest(path):
                mark = postern.mark()
                self.replace(path, text)
                record = postern.wait_event("file_refused", mark, 20, file=path)
                self.assertEqual(record["size"], len(text))
                self.assert_still_as_before(wire, record)
        mark = postern.mark()
        wire.close()
        for pid in postern.roles("gate") + postern.roles("broker"):
            os.kill(pid, signal.SIGKILL)
        postern.wait_event("role_started", mark, writer="gate/0")
        self.assert_good_client_works()

    def test_a_port_in_use_changes_nothing(self):
        self.assert_still_as_before(self.live(), self.change(
            "reload_refused", listener__more=self.listener(self.rig.dovecot.plain_port)))

    def test_what_needs_a_restart_is_refused(self):
        for top in ({"gates": 3}, {"control": self.rig.path("control2")},
                    {"state": f"sqlite:{self.rig.path('state', 'other.db')}"}):
            with self.subTest(top):
                self.assert_still_as_before(self.live(), self.change("reload_refused", top=top))
