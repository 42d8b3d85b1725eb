"""Cyrus IMAP 3.6, an IMAP server of another family. Debian's package can't be installed beside
Dovecot's, so scripts/backends/unpack-cyrus unpacks it into a folder, from which it runs."""

import glob
import imaplib
import os
import pwd
import subprocess

from . import mail, ports
from .process import Process, greets

MASTER_USER = "postern"
MASTER_PASSWORD = "master-secret"
ADMIN, ADMIN_PASSWORD = "cyrus", "admin-secret"

UNPACKED = os.environ.get("POSTERN_CYRUS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "cyrus")


class Cyrus:
    """Users are name → password, names without a domain; the master user logs in on behalf of any
    by a SASL authorization identity (proxyservers)."""

    def __init__(self, folder, users, messages=3, unpacked=UNPACKED):
        self.folder = os.path.abspath(folder)
        self.users = dict(users)
        self.messages = messages
        self.unpacked = os.path.abspath(unpacked)
        self.plain_port = ports.free_port()
        self.log = os.path.join(self.folder, "cyrus.log")
        self.process = None
        # Cyrus refuses to run as root; its own user need not exist, since nothing is installed.
        self.user = "mail" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    @staticmethod
    def is_installed(unpacked=UNPACKED):
        return os.path.exists(os.path.join(unpacked, "usr/lib/cyrus/bin/imapd"))

    def start(self):
        for name in ("config/socket", "config/proc", "config/db", "spool/stage."):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        self._write_configuration()
        for name, password in {**self.users, MASTER_USER: MASTER_PASSWORD,
                               ADMIN: ADMIN_PASSWORD}.items():
            self._run("usr/sbin/saslpasswd2", "-c", "-p", "-f", self.sasldb, "-u", "cyrus.example.org", name,
                      text=password)
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            mail.give(self.folder, account.pw_uid, account.pw_gid)
        os.chmod(self.folder, 0o755)
        self.process = Process([self._path("usr/lib/cyrus/bin/master"), "-C", self.imapd_conf,
                                "-M", self.cyrus_conf, "-p", self._file("master.pid"),
                                "-l", "64", "-D"],
                               self.log, env=self._environment())
        self.process.wait_until(lambda: greets(self.plain_port, b"* OK"), 30, "Cyrus greets")
        self._fill()
        return self

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def _file(self, name):
        return os.path.join(self.folder, name)

    def _path(self, name):
        return os.path.join(self.unpacked, name)

    def _environment(self):
        libraries = glob.glob(self._path("usr/lib/*-linux-gnu")) + [self._path("usr/lib/cyrus/lib")]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "CYRUS_USER": self.user}

    def _run(self, program, *arguments, text):
        subprocess.run([self._path(program), *arguments], input=text, text=True, check=True,
                       env=self._environment(), capture_output=True)

    def _write_configuration(self):
        self.sasldb = self._file("sasldb2")
        self.imapd_conf = self._file("imapd.conf")
        self.cyrus_conf = self._file("cyrus.conf")
        with open(self.imapd_conf, "w") as out:
            out.write(f"""configdirectory: {self.folder}/config
partition-default: {self.folder}/spool
cyrus_user: {self.user}
servername: cyrus.example.org
defaultdomain: example.org
virtdomains: off
unixhierarchysep: yes
altnamespace: yes
admins: {ADMIN}
proxyservers: {MASTER_USER}
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {self.sasldb}
sasl_auto_transition: no
loginrealms: example.org
idlesocket: {self.folder}/config/socket/idle
lmtpsocket: {self.folder}/config/socket/lmtp
syslog_prefix: cyrus
sync_log: no
""")
        programs = self._path("usr/lib/cyrus/bin")
        address = f"127.0.0.1:{self.plain_port}"
        with open(self.cyrus_conf, "w") as out:
            out.write(f"""START {{
  recover cmd="{programs}/ctl_cyrusdb -C {self.imapd_conf} -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {self.imapd_conf}" listen="{address}" prefork=1
}}
EVENTS {{
}}
""")

    def _fill(self):
        with imaplib.IMAP4("127.0.0.1", self.plain_port) as admin:
            admin.login(ADMIN, ADMIN_PASSWORD)
            for name in self.users:
                admin.create(f"user/{name}")
        for name, password in self.users.items():
            with imaplib.IMAP4("127.0.0.1", self.plain_port) as user:
                user.login(name, password)
                for number in range(1, self.messages + 1):
                    user.append("INBOX", None, None, mail.message(number, f"{name}@example.org"))
