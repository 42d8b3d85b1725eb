"""Some mail for the users of a test server."""

import os
import time


def message(number, login, octets=0):
    """A message with CRLF line ends; padded with lines of text to at least so many octets."""
    head = (f"From: Bob <bob@example.org>\r\nTo: <{login}>\r\nSubject: Message {number}\r\n"
            f"Date: Mon, 2 Nov 2026 10:00:0{number % 10} +0000\r\n"
            f"Message-ID: <{number}.{login}>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n"
            f"This is message {number} for {login}.\r\n")
    line = "The quick brown fox jumps over the lazy dog, and the mail goes through the gate.\r\n"
    return (head + line * max(0, (octets - len(head)) // len(line))).encode()


def fill_maildir(maildir, login, count, octets=0):
    for folder in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, folder), exist_ok=True)
    for number in range(1, count + 1):
        name = os.path.join(maildir, "new", f"{int(time.time())}.{number}.example")
        with open(name, "wb") as out:
            out.write(message(number, login, octets))


def give(folder, user, group):
    """Hands a tree to a user."""
    for place, folders, files in os.walk(folder):
        for name in [place] + [os.path.join(place, name) for name in folders + files]:
            os.chown(name, user, group)
