"""A session in a signed cookie, `content.time.signature`, for those without sessions of their own: the work that itsdangerous does."""

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

__all__ = ["KEY", "MAX_AGE", "SECRET", "sign", "unsign"]

SECRET = "a secret of this benchmark"
KEY = sha256(SECRET.encode()).digest()
MAX_AGE = 14 * 24 * 60 * 60
"""Seconds."""


def sign(session: dict[str, Any]) -> str:
    """The cookie's value."""
    signed = b"%b.%d" % (urlsafe_b64encode(json.dumps(session).encode()), time.time())
    return f"{signed.decode()}.{urlsafe_b64encode(hmac.digest(KEY, signed, 'sha256')).decode()}"


def unsign(cookie: str | None) -> dict[str, Any]:
    """The session; an empty one if the cookie is not there, too old or not from here."""
    if cookie is None:
        return {}
    signed, _, signature = cookie.rpartition(".")
    wanted = urlsafe_b64encode(hmac.digest(KEY, signed.encode(), "sha256"))
    if not hmac.compare_digest(signature.encode(), wanted):
        return {}
    content, _, began = signed.partition(".")
    return json.loads(urlsafe_b64decode(content)) if int(began) + MAX_AGE > time.time() else {}
