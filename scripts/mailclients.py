"""How to read mail with curl, mutt, mbsync and fetchmail: their commands and configuration files, for
`make run` to show and for the tests to run."""

import os
import shlex
import urllib.parse


class Account:
    """One user's way in: by password, or by certificate when certificate and key are given."""

    def __init__(self, login, port, ca, password=None, cert=None, key=None, host="localhost",
                 starttls=False):
        self.login = login
        self.host = host
        self.port = port
        self.ca = ca
        self.password = password
        self.cert = cert
        self.key = key
        self.starttls = starttls

    def curl(self, path="INBOX;MAILINDEX=1", *options):
        scheme = "imap" if self.starttls else "imaps"
        command = ["curl", "--silent", "--show-error", "--cacert", self.ca, *options]
        if self.starttls:
            command.append("--ssl-reqd")
        if self.cert:
            command += ["--cert", self.cert, "--key", self.key]
        if self.password is None:
            user = urllib.parse.quote(self.login, safe="") + ";AUTH=EXTERNAL@"
        else:
            user = ""
            command += ["--user", f"{self.login}:{self.password}"]
        return command + [f"{scheme}://{user}{self.host}:{self.port}/{path}"]

    def mbsync_rc(self, maildir):
        return "\n".join([
            "IMAPAccount postern",
            f"Host {self.host}", f"Port {self.port}", f"User {self.login}",
            f"SSLType {'STARTTLS' if self.starttls else 'IMAPS'}", f"CertificateFile {self.ca}",
            *([f"ClientCertificate {self.cert}", f"ClientKey {self.key}"] if self.cert else []),
            *(["AuthMechs EXTERNAL"] if self.password is None
              else [f"Pass {self.password}", "AuthMechs PLAIN"]),
            "",
            "IMAPStore remote", "Account postern", "",
            "MaildirStore local", f"Path {maildir}/", f"Inbox {maildir}/INBOX", "SubFolders Verbatim", "",
            "Channel all", "Far :remote:", "Near :local:", "Patterns *", "Create Near",
            "SyncState *", ""])

    def mutt_rc(self, bundle=None):
        """bundle: certificate and key in one file, as mutt wants them."""
        scheme = "imap" if self.starttls else "imaps"
        return "\n".join([
            f"set spoolfile = {scheme}://{self.host}:{self.port}/INBOX",
            f"set imap_user = {self.login}",
            f"set ssl_ca_certificates_file = {self.ca}",
            *([f"set ssl_client_cert = {bundle}"] if bundle else []),
            *(["set imap_authenticators = external", "set imap_pass = ''"] if self.password is None
              else [f"set imap_pass = '{self.password}'", "set imap_authenticators = plain:login"]),
            f"set ssl_starttls = {'yes' if self.starttls else 'no'}",
            "set ssl_force_tls = yes",
            "set ssl_verify_dates = yes", "set ssl_verify_host = yes",
            "set mbox_type = Maildir", "set folder =", "set record =", "set move = no",
            "set wait_key = no", "set sort = mailbox-order", ""])

    def fetchmail_rc(self, mailbox):
        lines = [f"poll {self.host} service {self.port} protocol IMAP"
                 + (" auth external" if self.password is None else ""),
                 f'user "{self.login}" password "{self.password or ""}"',
                 "sslproto tls1.2+" if self.starttls else "ssl",
                 f'sslcertck sslcertfile "{self.ca}"']
        if self.cert:
            lines.append(f'sslcert "{self.cert}" sslkey "{self.key}"')
        return "\n  ".join([*lines, "keep fetchall no rewrite no mimedecode",
                            f'mda "cat >> {mailbox}"', ""])


def write_private(path, text):
    """Configuration files of mail programs hold passwords; fetchmail insists on the mode."""
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.write(text)
    return path


def shown(command):
    return " ".join(shlex.quote(word) for word in command)
