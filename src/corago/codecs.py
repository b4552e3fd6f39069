"""Codecs: what may happen to the texts of events, messages, snapshots and large values.

They turn bytes into bytes on the way to the store, and back. No row, event or store is known here;
what a row says about its codecs is `backends/local/packing`.
"""

from __future__ import annotations

import hmac
import zlib
from typing import Protocol, runtime_checkable

from corago.errors import CodecError
from corago.keys import ID_BYTES, ciphers, derived, key_id, read_key

NONCE_BYTES = 12


@runtime_checkable
class PayloadCodec(Protocol):
    """Turns texts into something smaller, or unreadable, and back.

    `name` is written beside what was encoded, and finds the codec that decodes it: letters, digits,
    `-`, `_` and `.` only, and never another one for another format.
    """

    @property
    def name(self) -> str:
        """What rows call it."""

    def encode(self, data: bytes) -> bytes:
        """The encoded form; `data` itself says that encoding it is not worth while."""

    def decode(self, data: bytes) -> bytes:
        """What was encoded. Whatever it raises is told as a CodecError."""


class Zlib(PayloadCodec):
    """Compression. Texts below `minimum` bytes, and those that would not shrink, stay as they are.

    `level` is zlib's own, from 0 (none) to 9 (best).
    """

    name = "zlib"

    def __init__(self, level: int = 6, *, minimum: int = 512) -> None:
        """Take level and minimum."""
        self._level = level
        self._minimum = minimum

    def encode(self, data: bytes) -> bytes:
        """Compress, where that is worth while: rows hold the outcome as base64, a third longer."""
        if len(data) < self._minimum:
            return data
        smaller = zlib.compress(data, self._level)
        return smaller if 4 * len(smaller) < 3 * len(data) else data

    def decode(self, data: bytes) -> bytes:
        """Decompress."""
        return zlib.decompress(data)


class Encrypted(PayloadCodec):
    """Encryption with AES-256 in Galois/Counter Mode, which notices every change too.

    `key` is 32 bytes or their base64, as `corago secret-key` prints it. `older` keys decode what
    they encoded, so that a key can be replaced. Process ids, tags, workflow names and the keys of
    signals stay readable: stores look things up by them. Needs `corago[crypto]`. Raises
    SecretKeyError.

    The nonce is a keyed digest of the text, so equal texts become equal bytes; that is what lets a
    large value be stored once.
    """

    name = "aes"

    def __init__(self, key: str | bytes, *older: str | bytes) -> None:
        """Read the keys."""
        cipher = ciphers("Encrypted").AESGCM
        self._ciphers = {}
        for given in (*older, key):
            read = read_key(given, "the key of Encrypted")
            self._id = key_id(read)
            self._nonce_key = derived(read, "nonces of rows")
            self._ciphers[self._id] = cipher(derived(read, "rows")[:32])

    def encode(self, data: bytes) -> bytes:
        """Encrypt with the newest key."""
        nonce = hmac.digest(self._nonce_key, data, "sha256")[:NONCE_BYTES]
        sealed: bytes = self._ciphers[self._id].encrypt(nonce, data, self._id)
        return self._id + nonce + sealed

    def decode(self, data: bytes) -> bytes:
        """Decrypt. Raises CodecError where the key is not here."""
        name = data[:ID_BYTES]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise CodecError(
                f"it was encrypted with the key {name.hex()}, and the keys here are "
                f"{', '.join(each.hex() for each in self._ciphers)}: hand the older one to "
                "Encrypted(key, older) too"
            )
        opened: bytes = cipher.decrypt(
            data[ID_BYTES : ID_BYTES + NONCE_BYTES], data[ID_BYTES + NONCE_BYTES :], name
        )
        return opened
