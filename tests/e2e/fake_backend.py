"""An IMAP server that misbehaves as a test says: a function over one connection, in a thread each."""

import socket
import threading


class FakeBackend:
    """talk(peer) is called for each connection; peer has line(), send() and the socket. What it raises
    for a closed connection is ignored."""

    def __init__(self, talk):
        self.talk = talk
        self.heard = []  # every line that came, in order of arrival
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.settimeout(60)
            try:
                self.talk(Peer(self, connection))
            except (OSError, EOFError, ValueError):
                pass


class Peer:
    def __init__(self, backend, connection):
        self.backend = backend
        self.socket = connection
        self.rest = b""

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        while b"\n" not in self.rest:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        self.backend.heard.append(line.rstrip(b"\r"))
        return line.rstrip(b"\r")

    def command(self):
        """Tag, name in capitals, and the rest of the next command; synchronising literals are asked
        for, and stand in the rest as they came."""
        line = self.line()
        while line.endswith(b"}"):
            if not line.endswith(b"+}"):
                self.send(b"+ OK\r\n")
            line += b"\r\n" + self.line()
        tag, name, *rest = line.split(b" ", 2)
        return tag, name.upper(), rest[0] if rest else b""


CAPABILITIES = b"IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 AUTH=OAUTHBEARER"


def serve(peer, answers=None, greeting=b"* OK [CAPABILITY " + CAPABILITIES + b"] ready\r\n"):
    """A plain backend: answers maps a command's name to octets, or to a function of peer, tag and
    rest that returns them; TAG in octets is replaced. Everything else is OK."""
    answers = answers or {}
    peer.send(greeting)
    while True:
        tag, name, rest = peer.command()
        if name == b"AUTHENTICATE" and b" " not in rest:
            peer.send(b"+ \r\n")
            peer.line()
        answer = answers.get(name, answers.get(rest.split(b" ")[0]))
        if callable(answer):
            answer = answer(peer, tag, rest)
        if answer is None:
            answer = b"TAG OK done\r\n"
            if name == b"CAPABILITY":
                answer = b"* CAPABILITY " + CAPABILITIES + b"\r\n" + answer
        peer.send(answer.replace(b"TAG", tag))
        if name == b"LOGOUT":
            return
