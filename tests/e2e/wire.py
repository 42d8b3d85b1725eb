"""A client at the level of octets, with a deadline on every read: for what no mail program sends."""

import base64
import contextlib
import socket
import ssl
import struct

TIMEOUT = 20


def tls_context(rig, certificate=None, alpn=None, version=None):
    context = ssl.create_default_context(cafile=rig.servers.cert)
    if certificate is not None:
        context.load_cert_chain(certificate.cert, certificate.key)
    if alpn is not None:
        context.set_alpn_protocols(alpn)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def proxy_v1(source, port=40000):
    family = "TCP6" if ":" in source else "TCP4"
    mine = "::1" if ":" in source else "127.0.0.1"
    return f"PROXY {family} {source} {mine} {port} 993\r\n".encode()


def proxy_v2(source, port=40000):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    mine = "::1" if ":" in source else "127.0.0.1"
    addresses = (socket.inet_pton(family, source) + socket.inet_pton(family, mine)
                 + struct.pack(">HH", port, 993))
    kind = 0x21 if ":" in source else 0x11
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, kind]) + struct.pack(">H", len(addresses))
            + addresses)


def encode(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode())


def plain(login, password, authorization=""):
    return encode(f"{authorization}\0{login}\0{password}")


class Closed(Exception):
    """The peer closed where more was expected."""


class Wire:
    def __init__(self, port, proxy=b"", source=None, timeout=TIMEOUT):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout,
                                               source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        if proxy:
            self.send(proxy)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def start_tls(self, context, session=None, server_name="localhost"):
        """Puts TLS on the connection; nothing may be waiting in clear."""
        if self.rest:
            raise AssertionError(f"in clear before TLS: {self.rest!r}")
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name, session=session)
        return self

    def send(self, octets):
        self.socket.sendall(octets)

    def receive(self, most=65536):
        """Some octets; b'' when the peer has closed, in whatever way."""
        try:
            return self.socket.recv(most)
        except (ConnectionError, ssl.SSLError):
            return b""

    def line(self):
        """The next line, without its CRLF."""
        while b"\n" not in self.rest:
            more = self.receive()
            if not more:
                raise Closed(self.rest)
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise AssertionError(f"a line that ends without CR: {line!r}")
        return line[:-1]

    def half_close(self):
        """Ends our direction of the TCP connection, without a word of TLS, and still reads."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def until_closed(self):
        """Everything up to the peer's close."""
        octets, self.rest = self.rest, b""
        while True:
            more = self.receive()
            if not more:
                return octets
            octets += more

    def is_open(self):
        """Whether a NOOP is still answered."""
        try:
            return self.command(b"NOOP").startswith(b"OK")
        except (Closed, OSError):
            return False

    def tls_session(self):
        """For another connection to resume. TLS 1.3 sends it after the handshake: ask something first."""
        self.command(b"NOOP")
        return self.socket.session

    # --- IMAP ---------------------------------------------------------------------------------------

    _tag = 0

    def command(self, text):
        """Sends a command and returns its tagged answer without the tag; see untagged."""
        Wire._tag += 1
        tag = b"t%d" % Wire._tag
        self.send(tag + b" " + text + b"\r\n")
        return self.answer(tag)

    def answer(self, tag):
        """Reads up to the answer with that tag. Literals of untagged responses are kept in untagged."""
        self.untagged = []
        while True:
            line = self.line()
            if line.startswith(tag + b" "):
                return line[len(tag) + 1:]
            if line.endswith(b"}") and b"{" in line:
                line += self._exactly(int(line[line.rindex(b"{") + 1:-1]))
            self.untagged.append(line)
            if line.startswith(b"+"):
                return line

    def _exactly(self, octets):
        while len(self.rest) < octets:
            more = self.receive()
            if not more:
                raise Closed(self.rest)
            self.rest += more
        taken, self.rest = self.rest[:octets], self.rest[octets:]
        return taken

    def capabilities(self):
        self.command(b"CAPABILITY")
        for line in self.untagged:
            if line.startswith(b"* CAPABILITY "):
                return line.decode().split()[2:]
        raise AssertionError(f"no capabilities in {self.untagged}")

    def login(self, login, password):
        return self.command(f'LOGIN "{login}" "{password}"'.encode())

    def external(self, initial=b"="):
        return self.command(b"AUTHENTICATE EXTERNAL " + initial)

    def first_message(self):
        """The text of the first message of the inbox: that the session really is live."""
        answer = self.command(b"EXAMINE INBOX")
        if not answer.startswith(b"OK"):
            raise AssertionError(f"EXAMINE: {answer!r}")
        self.command(b"FETCH 1 BODY.PEEK[TEXT]")
        return b"".join(self.untagged)


def connect(rig, port=None, certificate=None, context=None, session=None, server_name="localhost",
            **options):
    """A TLS connection on which the greeting was read; wire.greeting holds it. A session can only be
    resumed with the context that it was made with."""
    wire = Wire(port or rig.imaps_port, **options)
    try:
        wire.start_tls(context or tls_context(rig, certificate), session, server_name)
        wire.greeting = wire.line()
    except BaseException:
        wire.close()
        raise
    return wire


def connect_clear(rig, port=None, **options):
    wire = Wire(port or rig.imap_port, **options)
    wire.greeting = wire.line()
    return wire


@contextlib.contextmanager
def many(count, make):
    """So many connections, closed at the end."""
    made = []
    try:
        for number in range(count):
            made.append(make(number))
        yield made
    finally:
        for wire in made:
            wire.close()
