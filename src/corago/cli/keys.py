"""The command that makes keys. Nothing is kept: what it prints is yours to keep."""

from __future__ import annotations

from corago.cli.options import COMMON, Common
from corago.cli.output import Output
from corago.keys import fresh_key
from corago.secrecy import VARIABLE


def secret_key(*, common: Common = COMMON) -> None:
    """Print a fresh key, which seals secrets or encrypts rows.

    Keep it where you keep passwords: without it, what it sealed can't be opened. Every engine,
    worker and command line that is to seal or open needs the same one, in CORAGO_SECRET_KEY or
    Engine(secret_key=...). To replace it, put the new one in front: `new,old`.
    """
    out, key = Output(common), fresh_key()
    if out.is_json:
        return out.document({"key": key})
    out.text(key)
    return out.say(f"keep it like a password; who starts or runs processes needs it, in {VARIABLE}")
