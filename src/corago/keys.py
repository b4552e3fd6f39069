"""Keys: read, made and derived. The only room that knows the ciphers' package.

A key is 32 bytes, written as base64. Whoever needs one derives its own from it, so that one key
may serve several ends. Nothing is enciphered here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from types import ModuleType

from corago.errors import SecretKeyError
from corago.ids import random_bytes

KEY_BYTES = 32
ID_BYTES = 4
"""How much of a key's digest names it; what was enciphered says so by which key."""


def fresh_key() -> str:
    """A new key, as text."""
    return base64.urlsafe_b64encode(random_bytes(KEY_BYTES)).decode()


def read_key(given: str | bytes, what: str) -> bytes:
    """The 32 bytes of a key: themselves, or their base64. Raises SecretKeyError, naming `what`."""
    if isinstance(given, bytes) and len(given) == KEY_BYTES:
        return given
    try:
        text = given.decode("ascii") if isinstance(given, bytes) else given
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (AttributeError, ValueError):  # of those, what is no base64 and what is no ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretKeyError(
            f"{what} is no key: a key is {KEY_BYTES} bytes, or their base64; "
            "`corago secret-key` prints a fresh one"
        )
    return key


def derived(key: bytes, purpose: str) -> bytes:
    """Another key of 64 bytes, for one purpose."""
    return hmac.digest(key, purpose.encode(), "sha512")


def key_id(key: bytes) -> bytes:
    """What names a key and tells nothing of it."""
    return hashlib.sha256(b"the name of " + derived(key, "name")).digest()[:ID_BYTES]


def ciphers(what: str) -> ModuleType:
    """The authenticated ciphers. Raises SecretKeyError where their package is not installed."""
    try:
        from cryptography.hazmat.primitives.ciphers import aead  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SecretKeyError(
            f"{what} needs the package `cryptography`: pip install 'corago[crypto]'"
        ) from error
    return aead
