"""A certificate authority made with the openssl command: for servers, and for odd client certificates
that `postern device add` rightly refuses to make."""

import os
import subprocess

EC_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def openssl(*arguments, text=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=text, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


class Certificate:
    def __init__(self, folder, name):
        self.cert = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        self.bundle = os.path.join(folder, name + ".both.pem")  # for clients that want one file

    def write_bundle(self):
        with open(self.bundle, "w", opener=_private) as out:
            for part in (self.cert, self.key):
                with open(part) as source:
                    out.write(source.read())
        return self


def _private(path, flags):
    return os.open(path, flags, 0o600)


class Authority:
    def __init__(self, folder, name="Test CA"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.cert = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "ca.key")
        self.crl = os.path.join(folder, "crl.pem")
        if not os.path.exists(self.cert):
            openssl("req", "-x509", "-newkey", *EC_KEY, "-nodes",
                    "-keyout", self.key, "-out", self.cert, "-days", 3650, "-subj", f"/CN={name}",
                    "-addext", "basicConstraints=critical,CA:TRUE",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._write_ca_files()

    def _write_ca_files(self):
        self.config = os.path.join(self.folder, "openssl.cnf")
        index = os.path.join(self.folder, "index.txt")
        for name, text in ((index, ""), (os.path.join(self.folder, "serial"), "1000\n"),
                           (os.path.join(self.folder, "crlnumber"), "01\n")):
            if not os.path.exists(name):
                with open(name, "w") as out:
                    out.write(text)
        with open(self.config, "w") as out:
            out.write(f"""[ca]
default_ca = this
[this]
database = {index}
serial = {self.folder}/serial
crlnumber = {self.folder}/crlnumber
new_certs_dir = {self.folder}
certificate = {self.cert}
private_key = {self.key}
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = optional
""")

    def issue(self, name, extensions, begins=None, ends=None, subject=None, key=EC_KEY, dn=None):
        """Signs a new key. extensions: lines of an extension section; begins, ends: YYYYMMDDHHMMSSZ;
        key: which kind, as arguments of openssl req; subject: its CN; dn: all of it instead, as openssl
        writes it (/O=Clinic/CN=Alice+serialNumber=17)."""
        made = Certificate(self.folder, name)
        request = os.path.join(self.folder, name + ".csr")
        section = os.path.join(self.folder, name + ".ext")
        with open(section, "w") as out:
            out.write("basicConstraints = CA:FALSE\n" + "\n".join(extensions) + "\n")
        openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", made.key, "-out", request,
                "-subj", dn or f"/CN={subject or name}", "-multivalue-rdn")
        times = ["-days", "365"]
        if begins or ends:
            times = ["-startdate", begins or "20200101000000Z", "-enddate", ends or "20991231235959Z"]
        openssl("ca", "-batch", "-notext", "-preserveDN", "-config", self.config, "-in", request, "-out", made.cert,
                "-extfile", section, *times)
        os.chmod(made.key, 0o600)
        return made.write_bundle()

    def server(self, name, *host_names, **options):
        names = ",".join([f"DNS:{host}" for host in host_names or (name,)]
                         + ["IP:127.0.0.1", "IP:::1"])
        return self.issue(name, [f"subjectAltName = {names}", "extendedKeyUsage = serverAuth",
                                 "keyUsage = digitalSignature"], **options)

    def client(self, name, *mail_addresses, usage="clientAuth", names=None, policies=None, **times):
        lines = ["keyUsage = digitalSignature"]
        if policies:
            lines.append(f"certificatePolicies = {policies}")
        if usage:
            lines.append(f"extendedKeyUsage = {usage}")
        names = names or ",".join(f"email:{address}" for address in mail_addresses)
        if names:
            lines.append(f"subjectAltName = {names}")
        return self.issue(name, lines, **times)

    def revoke(self, certificate):
        openssl("ca", "-batch", "-config", self.config, "-revoke", certificate.cert)
        self.write_crl()

    def write_crl(self, seconds=30 * 86400):
        """Replaces the list in one step, as a careful operator does."""
        new = self.crl + ".new"
        openssl("ca", "-batch", "-config", self.config, "-gencrl", "-out", new, "-crlsec", seconds)
        os.rename(new, self.crl)
