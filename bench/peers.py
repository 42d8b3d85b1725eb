"""The measured programs: the configuration of each, how it is started, and what is counted.

All get the same certificate, the same backend and one worker, and all write to a file who came and
went, as an operator has to have it. Counted are a peer's main process and everything below it.
"""

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import testbed

START_SECONDS = 15
STOP_SECONDS = 5
REFUSED_ADDRESS = "127.2.0.1"  # where clients come from that must be refused at accept


class Unavailable(Exception):
    """This peer cannot be measured here; the text says why."""


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return (done.stdout + done.stderr).strip()


class Pinned:
    """A process on one core, ended by its pid."""

    def __init__(self, core, command, log):
        prefix = [] if core is None else ["taskset", "-c", str(core)]
        with open(log, "ab") as sink:
            self.process = subprocess.Popen(prefix + [str(word) for word in command],
                                            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        self.pid = self.process.pid
        self.log = log

    def require_alive(self):
        if self.process.poll() is not None:
            tail = Path(self.log).read_text(errors="replace").strip().splitlines()[-5:]
            raise Unavailable(f"ended at start: {' / '.join(tail) or 'no output'}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_for_port(process, port):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        process.require_alive()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Unavailable(f"nothing listens on port {port}")


def wait_for_greeting(process, port):
    """A peer is up when a client gets a greeting through TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + START_SECONDS
    why = ""
    while time.monotonic() < deadline:
        process.require_alive()
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as plain:
                with context.wrap_socket(plain) as secured:
                    if secured.recv(4).startswith(b"* OK"):
                        return
        except OSError as error:
            why = str(error)
        time.sleep(0.05)
    raise Unavailable(f"no IMAP greeting on port {port}: {why}")


class Peer:
    """One measured program. site: directory, ports, certificate (see bench/run)."""

    name = ""
    takes_certificates = False  # alone, for a login at the backend
    can_refuse = False  # at accept, by address: see Site.is_refusing

    def version(self):
        raise NotImplementedError

    def command(self, site):
        """Writes the configuration below site.directory and returns what starts the peer."""
        raise NotImplementedError

    def helper(self, site):
        """The command of a process that the peer needs beside it, or None."""
        return None


class Nginx(Peer):
    name = "nginx mail"

    def version(self):
        return output_of("nginx", "-v").rsplit("/", 1)[-1].split()[0]

    def helper(self, site):
        return [site.tools / "bench_auth_http", site.helper_port, site.backend_port]

    def command(self, site):
        module = Path("/usr/lib/nginx/modules/ngx_mail_module.so")
        if shutil.which("nginx") is None or not module.exists():
            raise Unavailable("nginx-light and libnginx-mod-mail are not installed")
        user = "user root;" if os.geteuid() == 0 else ""
        (site.directory / "nginx.conf").write_text(f"""
load_module {module};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {site.descriptors};
pid {site.directory}/nginx.pid;
error_log {site.directory}/nginx.log info;
events {{ worker_connections {2 * site.sessions}; }}
mail {{
    auth_http 127.0.0.1:{site.helper_port}/;
    server {{
        listen 127.0.0.1:{site.port} ssl backlog=4096;
        protocol imap;
        imap_auth plain login;
        ssl_certificate {site.certificate};
        ssl_certificate_key {site.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        timeout 30m;
        proxy_timeout 30m;
    }}
}}
""")
        return ["nginx", "-p", site.directory, "-e", site.directory / "nginx.log",
                "-c", site.directory / "nginx.conf"]


class Haproxy(Peer):
    name = "HAProxy"
    can_refuse = True

    def version(self):
        return output_of("haproxy", "-v").split()[2].split("-")[0]

    def command(self, site):
        if shutil.which("haproxy") is None:
            raise Unavailable("haproxy is not installed")
        both = site.directory / "haproxy.pem"
        both.write_text(site.certificate.read_text() + site.key.read_text())
        (site.directory / "haproxy.cfg").write_text(f"""
global
    log stdout format raw local0 info
    nbthread 1
    maxconn {site.sessions}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 31m
    timeout server 31m
listen imaps
    bind 127.0.0.1:{site.port} ssl crt {both} backlog 4096
    tcp-request connection reject if {{ src {REFUSED_ADDRESS} }}
    server backend 127.0.0.1:{site.backend_port}
""")
        return ["haproxy", "-db", "-f", site.directory / "haproxy.cfg"]


class Dovecot(Peer):
    name = "Dovecot proxy"

    def version(self):
        return output_of("dovecot", "--version").split()[0]

    def command(self, site):
        if shutil.which("dovecot") is None:
            raise Unavailable("dovecot-imapd is not installed")
        me = pwd.getpwuid(os.geteuid()).pw_name
        users = "" if os.geteuid() == 0 else (
            f"default_login_user = {me}\ndefault_internal_user = {me}\n")
        (site.directory / "dovecot.conf").write_text(f"""
base_dir = {site.directory}/run
state_dir = {site.directory}/run
log_path = {site.directory}/dovecot.log
protocols = imap
{users}
listen = 127.0.0.1
ssl = required
ssl_cert = <{site.certificate}
ssl_key = <{site.key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
passdb {{
  driver = static
  args = nopassword=y proxy=y host=127.0.0.1 port={site.backend_port}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = {site.sessions}
  vsz_limit = 4G
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {site.port}
    ssl = yes
  }}
}}
service anvil {{
  client_limit = {2 * site.sessions}
}}
service auth {{
  client_limit = {2 * site.sessions}
}}
""")
        return ["dovecot", "-F", "-c", site.directory / "dovecot.conf"]


class Postern(Peer):
    name = "Postern"
    can_refuse = True
    takes_certificates = True
    keeper = "postern-keeper"

    def __init__(self, stage):
        self.program = stage / "bin" / "postern"

    def version(self):
        return output_of(self.program, "--version").split()[-1]

    def make_state(self, directory):
        """The keeper's own directory, and the empty root of the other roles."""
        (directory / "empty").mkdir()
        state = directory / "state"
        state.mkdir(mode=0o700)
        if os.geteuid() == 0:
            try:
                keeper = pwd.getpwnam(self.keeper)
            except KeyError:
                raise Unavailable(f"no user {self.keeper}: scripts/create-users") from None
            os.chown(state, keeper.pw_uid, keeper.pw_gid)

    @staticmethod
    def client_ca(site):
        """Only where it is measured: asking for a certificate costs every handshake."""
        return f"client_ca clients {{ certificate = {site.client_certificate} }}" if site.client_certificate else ""

    @staticmethod
    def master_user(site):
        if site.client_certificate is None:
            return ""
        password = site.directory / "master"
        password.write_text(testbed.PASSWORD + "\n")
        password.chmod(0o600)
        return f"master_user = postern\n  master_password_file = {password}"

    def command(self, site):
        if not self.program.exists():
            raise Unavailable(f"{self.program} is not there: make build")
        self.make_state(site.directory)
        (site.directory / "postern.conf").write_text(f"""
hostname = mail.example.org
domains = {{example.org}}
state = "sqlite:{site.directory}/state/state.db"
control = {site.directory}/control
empty_root = {site.directory}/empty
gates = 1
tls {{
  certificate = {{{site.certificate}}}
  key = {{{site.key}}}
}}
{self.client_ca(site)}
backend imap {{
  address = {{"127.0.0.1:{site.backend_port}"}}
  protocol = imap
  identify = id
  {self.master_user(site)}
}}
listener imaps {{
  bind = {{"127.0.0.1:{site.port}"}}
  protocol = imap
  tls = implicit
  backend = imap
  login = {{{'certificate' if site.client_certificate else 'password'}}}
}}
limits {{
  connections = {site.sessions}
  connections_per_address = {site.sessions}
  connections_per_prefix = {site.sessions}
  handshakes_per_prefix_per_s = {1 if site.is_refusing else 100000}
  sessions_per_user = {site.sessions}
  sessions_per_user_and_address = {site.sessions}
}}
""")
        return [self.program, "run", "--config", site.directory / "postern.conf"]
