"""Signed links that expire: whoever holds one may see one thing, without a login and without a row that remembers the link.

A token names its subject and the second it expires, and ends with an HMAC-SHA256 over both under a key of its purpose, so that
a token of one purpose is worth nothing for another. Whoever holds a token can read its subject. There is one way to write a
token, and the whole of it is compared in constant time: no character can be changed, added or left out. A link is taken back by
no longer reading with its secret; secrets change without a break by signing with the new one and reading with both.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.domain import Refusal

MAC_BYTES: Final = 16
"""Half of the digest, the least that RFC 2104 recommends: nobody guesses 128 bits, and an SMS has room for a link."""

EXPIRY_BYTES: Final = 4
"""Seconds since 1970, good until 2106."""

_ID: Final = b"i"
_TEXT: Final = b"t"


class LinkInvalidError(Refusal):
    """The link was not made by us, or not for this."""

    slug = "link-invalid"
    title = "The link is not valid"
    status = 404


class LinkExpiredError(Refusal):
    """The link was good, and its time is over."""

    slug = "link-expired"
    title = "The link has expired"
    status = 410


def sign(secret: str, purpose: str, subject: str, expires_at: datetime) -> str:
    """Write a token for `subject`, good for `purpose` until `expires_at`: URL-safe, and 50 characters where it is an id."""
    if not secret:
        raise ValueError("a link needs a secret: anybody could sign without one")
    expiry = int(expires_at.timestamp()).to_bytes(EXPIRY_BYTES)
    return _write(secret, purpose, expiry + _packed(subject))


def read(token: str, secrets: Sequence[str], purpose: str, now: datetime) -> str:
    """Answer the subject of a token that one of `secrets` signed; raises LinkInvalidError, LinkExpiredError."""
    if isinstance(secrets, str):
        raise TypeError("secrets are several: each character of a single one would pass as a secret")
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:-MAC_BYTES]
        subject = _unpacked(content[EXPIRY_BYTES:])
    except ValueError:
        raise LinkInvalidError("This link is not valid.") from None
    ours = [_write(secret, purpose, content) for secret in secrets if secret]
    if not any(hmac.compare_digest(one, token) for one in ours):
        raise LinkInvalidError("This link is not valid.")
    if now.timestamp() >= int.from_bytes(content[:EXPIRY_BYTES]):
        raise LinkExpiredError("This link has expired.")
    return subject


def _write(secret: str, purpose: str, content: bytes) -> str:
    key = hmac.digest(secret.encode(), purpose.encode(), "sha256")
    mac = hmac.digest(key, content, "sha256")[:MAC_BYTES]
    return base64.urlsafe_b64encode(content + mac).decode().rstrip("=")


def _packed(subject: str) -> bytes:
    """Write an id as its 16 bytes, which are less than half of its text; anything else as it is."""
    try:
        known = UUID(subject)
    except ValueError:
        known = None
    return _ID + known.bytes if known is not None and str(known) == subject else _TEXT + subject.encode()


def _unpacked(packed: bytes) -> str:
    return str(UUID(bytes=packed[1:])) if packed[:1] == _ID else packed[1:].decode()
