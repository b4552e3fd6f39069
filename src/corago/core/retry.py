"""When to try again: a pure function of policy, attempt and name. No randomness, no clock."""

from __future__ import annotations

import hashlib
import sys
from datetime import timedelta
from types import UnionType

import msgspec

from corago.errors import InvalidOptionError

CENTURY = 100 * 365.25 * 86400
"""The longest wait, in seconds, whatever `cap` says: a date can't hold much more."""

_LAST = sys.float_info.max
_RULES: tuple[tuple[str, type | UnionType, float, float, str], ...] = (
    ("attempts", int, 1, _LAST, "1 or more"),
    ("delay", int | float, 0, _LAST, "0 or more seconds"),
    ("factor", int | float, 1, _LAST, "1 or more"),
    ("cap", int | float, 0, _LAST, "0 or more seconds"),
    ("jitter", int | float, 0, 1, "between 0 and 1"),
)


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A retry policy: exponential back-off with jitter.

    `attempts` counts the first one too. The n-th wait is `delay * factor**(n-1)` seconds, at most
    `cap`, spread by plus or minus the fraction `jitter`. `give_up` lists errors not to retry, as
    exception classes or their names. Raises `InvalidOptionError` for values that make no sense.
    """

    attempts: int = 3
    delay: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.1
    give_up: tuple[str | type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be {rule}, not {getattr(self, name)!r}"
            for name, kind, least, most, rule in _RULES
            if not _is_within(getattr(self, name), kind, least, most)
        ]
        if faults:
            raise InvalidOptionError("Retry: " + "; ".join(faults))
        several = isinstance(self.give_up, (tuple, list, set, frozenset))
        names = self.give_up if several else (self.give_up,)
        msgspec.structs.force_setattr(self, "give_up", tuple(_error_name(each) for each in names))

    def allows(self, attempt: int, error_type: str) -> bool:
        """Whether another attempt follows the `attempt`-th (from 1) after an error of this type."""
        return attempt < self.attempts and error_type not in self.give_up

    def wait(self, attempt: int, name: str) -> timedelta:
        """How long to wait after the `attempt`-th attempt; `name` seeds the jitter.

        Equal calls give equal waits.
        """
        if not self.delay:
            return timedelta()
        exponent = min(attempt - 1, 1000)
        try:
            seconds = min(self.delay * self.factor**exponent, self.cap)
        except OverflowError:
            seconds = self.cap
        digest = hashlib.blake2b(f"{name}#{attempt}".encode(), digest_size=8).digest()
        spread = int.from_bytes(digest, "big") / 2**63 - 1
        return timedelta(seconds=min(max(0.0, seconds * (1 + self.jitter * spread)), CENTURY))


def _is_within(value: object, kind: type | UnionType, least: float, most: float) -> bool:
    return isinstance(value, kind) and least <= value <= most  # type: ignore[operator]


def _error_name(error: object) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, type) and issubclass(error, BaseException):
        return error.__name__
    raise InvalidOptionError(
        f"Retry: give_up takes exception classes or their names, not {error!r}"
    )
