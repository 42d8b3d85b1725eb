"""Dovecot 2.3 with a configuration of its own: as root or as an ordinary user."""

import grp
import os
import pwd
import re
import shutil
import signal

from . import mail, ports, tokens
from .process import Process, accepts, greets, wait_until

MASTER_USER = "postern"
MASTER_PASSWORD = "master-secret"


class Dovecot:
    """Listeners: plain (offers STARTTLS where tls_certificate is given), tls, and proxy, which demands
    the PROXY protocol. users: login → password. options: lines added to the configuration."""

    def __init__(self, folder, users, tls_certificate=None, messages=3, options="", master=True,
                 plain_port=None, master_result="continue"):
        self.folder = os.path.abspath(folder)
        self.users = dict(users)
        self.tls_certificate = tls_certificate
        self.messages = messages
        self.options = options
        self.master = master
        self.master_result = master_result
        self.plain_port = plain_port or ports.free_port()
        self.proxy_port = ports.free_port()
        self.tls_port = ports.free_port()
        self.log = os.path.join(self.folder, "dovecot.log")
        self.process = None
        self.is_root = os.geteuid() == 0
        # Dovecot refuses to keep mail as root.
        self.mail_user = "mail" if self.is_root else pwd.getpwuid(os.geteuid()).pw_name
        self.mail_group = "mail" if self.is_root else grp.getgrgid(os.getegid()).gr_name

    @staticmethod
    def is_installed():
        return _program() is not None and os.path.exists("/usr/lib/dovecot/imap")

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self._write_users()
        tokens.write_dovecot_key(os.path.join(self.folder, "oauth"))
        self._write("oauth2.conf", f"""introspection_mode = local
local_validation_key_dict = fs:posix:prefix={self.folder}/oauth/
username_attribute = sub
""")
        config = self._write("dovecot.conf", self._configuration())
        self.process = Process([_program(), "-F", "-c", config], self.log)
        self.process.wait_until(self._is_ready, 20, "Dovecot greets")
        return self

    def _is_ready(self):
        return greets(self.plain_port, b"* OK") and accepts(self.proxy_port)

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self._wait_for_children()
            self.process = None

    def kill(self):
        """Ends it as a crash would, its children too: they run in the master's process group."""
        os.killpg(os.getpgid(self.process.pid), signal.SIGKILL)
        self.process.stop()
        self._wait_for_children()
        self.process = None

    def _wait_for_children(self):
        wait_until(lambda: not accepts(self.plain_port), 10, "Dovecot's sockets are closed")

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def maildir(self, login):
        return os.path.join(self.folder, "mail", login, "Maildir")

    def set_password(self, login, password):
        self.users[login] = password
        self._write_passwd("users", self.users)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def _write_passwd(self, name, users):
        return self._write(name, "".join(f"{login}:{{PLAIN}}{password}\n"
                                         for login, password in users.items()))

    def _write_users(self):
        self._write_passwd("users", self.users)
        self._write_passwd("masters", {MASTER_USER: MASTER_PASSWORD} if self.master else {})
        for login in self.users:
            if not os.path.exists(self.maildir(login)):
                mail.fill_maildir(self.maildir(login), login, self.messages)
        if self.is_root:
            place = os.path.join(self.folder, "mail")
            mail.give(place, pwd.getpwnam(self.mail_user).pw_uid, grp.getgrnam(self.mail_group).gr_gid)

    def _configuration(self):
        return (self._common() + (self._tls() if self.tls_certificate else "ssl = no\n")
                + ("" if self.is_root else _rootless(self.mail_user, self.mail_group))
                + self.options + "\n")

    def _tls(self):
        return f"""ssl = yes
ssl_cert = <{self.tls_certificate.cert}
ssl_key = <{self.tls_certificate.key}
ssl_min_protocol = TLSv1.2
"""

    def _common(self):
        tls_port = self.tls_port if self.tls_certificate else 0
        return f"""protocols = imap
listen = 127.0.0.1
base_dir = {self.folder}/base
state_dir = {self.folder}/state
instance_name = {os.path.basename(self.folder)}
log_path = {self.log}
login_log_format_elements = user=<%u> method=%m rip=%r lip=%l mpid=%e %c session=<%{{session}}>
imap_id_log = *
auth_verbose = yes

login_trusted_networks = 127.0.0.0/8
haproxy_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 0
disable_plaintext_auth = yes
auth_mechanisms = plain login xoauth2 oauthbearer
auth_master_user_separator = *
auth_username_format = %Lu
auth_failure_delay = 0
mail_location = maildir:~/Maildir
first_valid_uid = 1

passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/masters
  master = yes
  result_success = {self.master_result}
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users
  mechanisms = plain login
}}
passdb {{
  driver = oauth2
  args = {self.folder}/oauth2.conf
  mechanisms = xoauth2 oauthbearer
}}
userdb {{
  driver = static
  args = uid={self.mail_user} gid={self.mail_group} home={self.folder}/mail/%u
}}

namespace inbox {{
  inbox = yes
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  client_limit = 4000
  process_limit = 2
  inet_listener imap {{
    port = {self.plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  inet_listener imap-proxy {{
    port = {self.proxy_port}
    haproxy = yes
  }}
}}
service imap {{
  process_limit = 6000
}}
service anvil {{
  client_limit = 7000
  # No growing delay for failed logins: behind a gate the delay is the gate's.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  client_limit = 7000
}}
"""


def _program():
    return shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")


def _rootless(user, group):
    """What Dovecot needs to run as one ordinary user: no chroot, no change of user."""
    no_chroot = "".join(re.sub("NAME", name, "service NAME {\n  chroot =\n}\n")
                        for name in ("anvil", "imap-login", "stats"))
    return f"""default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
{no_chroot}"""
