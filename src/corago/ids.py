"""The only reader of randomness. Everything else is handed a function that makes ids."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

NewId = Callable[[], str]


def random_id() -> str:
    """A new id: 32 lower-case hexadecimal digits, unique for all practical purposes."""
    return uuid.uuid4().hex


def random_bytes(count: int) -> bytes:
    """So many bytes that nobody can guess: for keys."""
    return os.urandom(count)
