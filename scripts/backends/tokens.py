"""JSON web tokens signed with a shared key, as Dovecot's oauth2 passdb checks them without network."""

import base64
import hashlib
import hmac
import json
import os
import time

KEY = b"a shared key of the test authority"


def _text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token(login, lifetime=3600, key=KEY, padding=0):
    """padding: octets of a claim that says nothing; real tokens have kilobytes of claims."""
    now = int(time.time())
    head = _text(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = _text(json.dumps({"sub": login, "iat": now - 60, "exp": now + lifetime,
                              "padding": "x" * padding}).encode())
    mark = _text(hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest())
    return f"{head}.{body}.{mark}"


def write_dovecot_key(folder):
    """Lays the key where Dovecot's fs:posix dictionary looks for a token without azp and kid."""
    place = os.path.join(folder, "default", "HS256")
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "default"), "w") as out:
        out.write(base64.b64encode(KEY).decode())
