"""What goes wrong in a simulated world, as data: a list of faults, drawn from a seed up front.

Nothing here happens; nodes, disk and world read it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args

Kind = Literal[
    "crash at await",
    "crash at call",
    "refused",
    "lost",
    "slow",
    "full",
    "pause",
    "jump",
    "repeated",
    "deaf",
]

CLIENT, EVERYBODY = 0, -1

_FOREVER = 10**9
"""No world lives for so many seconds, or makes so many calls."""

_MOST = 1000
"""More faults of a kind don't fit into a world."""

COUNTED = frozenset({"crash at await", "crash at call", "refused", "lost", "slow", "repeated"})
"""The kinds that come at the n-th of something; the others come at an instant."""


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Fault:
    """One thing that goes wrong, once.

    Attributes:
        kind: "crash at await" and "crash at call": the node dies there, and nothing of it runs any
            more; whether before, within or after the call is up to chance. "refused": the store
            call fails and nothing is done. "lost": it is done, and its answer is lost; of a call
            that only looks, it is that of the next other one. "slow": the call takes `seconds`,
            half of them before it is done. "full": for `seconds` no writing call that needs room
            finds any. "pause": the node is stopped for `seconds`, as by SIGSTOP.
            "jump": its calendar is moved by `seconds`. "repeated": a call of the client is made
            once more, with its id and key, `seconds` later. "deaf": for `seconds` the node hears
            of nobody else's commits.
        node: which worker, in the order of their births, from 1; 0 is the client, -1 everybody.
        at: its n-th await, store call or, for "repeated", client's call, from 1; for "full",
            "pause", "jump" and "deaf", virtual seconds since the beginning.
        seconds: how long, or how far; a jump's may be negative.
    """

    kind: Kind
    node: int
    at: float
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what can never happen. Raises ValueError."""
        if self.kind not in get_args(Kind):
            kinds = ", ".join(map(repr, get_args(Kind)))
            raise ValueError(f"no fault is of the kind {self.kind!r}; there are {kinds}")
        for name in ("at", "seconds"):
            value: object = getattr(self, name)
            if not isinstance(value, (int, float)) or not abs(value) < _FOREVER:
                raise ValueError(f"{name} is a number below {_FOREVER:,}, and not {value!r}")
        if self.kind in COUNTED and self.at != int(self.at):
            raise ValueError(f"{self.kind!r} comes at the n-th of something, and not at {self.at}")
        if self.node == CLIENT and self.kind.startswith("crash"):
            raise ValueError("the client can't crash: its story would not end; name a worker")
        if self.seconds < 0 and self.kind != "jump":
            raise ValueError(f"only a jump goes back; {self.seconds:g} seconds of {self.kind!r}")

    def __repr__(self) -> str:
        """Show it as the Python that makes it, no longer than needed."""
        given = [self.kind, self.node, self.at, *([self.seconds] if self.seconds else [])]
        return f"Fault({', '.join(map(repr, given))})"

    def is_of(self, number: int) -> bool:
        """Whether it is meant for the node of this number."""
        return self.node in {number, EVERYBODY}


_Span = tuple[float, float]

_CALLS: _Span = (3, 120)
_INSTANTS: _Span = (0.01, 20)

_HABITS: dict[str, tuple[tuple[Kind, ...], _Span, _Span]] = {
    "crashes": (("crash at await", "crash at call"), _CALLS, (0, 0)),
    "refused": (("refused",), _CALLS, (0, 0)),
    "lost": (("lost",), _CALLS, (0, 0)),
    "slow": (("slow",), _CALLS, (0.05, 40)),
    "full": (("full",), _INSTANTS, (0.5, 30)),
    "pauses": (("pause",), _INSTANTS, (0.5, 60)),
    "jumps": (("jump",), _INSTANTS, (0.5, 60)),
    "repeated": (("repeated",), (1, 8), (0.01, 30)),
    "deaf": (("deaf",), _INSTANTS, (0.5, 60)),
}
"""By the field of Weather: the kinds, when they come, how long they last."""

_AWAITS_PER_CALL = 4
"""A node comes to an await about so many times as often as to a store call."""

_FIRST_WORKERS = (1, 1, 2, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Weather:
    """How many faults of each kind a world gets.

    `ROUGH` has these, `CALM` none. The n-th of the crashes is the n-th worker's, so that
    nearly all of them come. Each fault is drawn by itself: more of one kind leave the others. A
    calendar goes back for everybody only, as one machine's does.
    """

    crashes: int = 4
    refused: int = 4
    lost: int = 4
    slow: int = 3
    full: int = 1
    pauses: int = 1
    jumps: int = 1
    repeated: int = 3
    deaf: int = 2

    def __post_init__(self) -> None:
        """Refuse what is no weather. Raises ValueError."""
        for field in fields(self):
            count: object = getattr(self, field.name)
            if not isinstance(count, int) or not 0 <= count <= _MOST:
                raise ValueError(f"{field.name} is a number from 0 to {_MOST:,}, not {count!r}")

    def faults(self, seed: int) -> tuple[Fault, ...]:
        """The faults of a world of this seed: always the same, in order."""
        return tuple(sorted(self._drawn(seed)))

    def _drawn(self, seed: int) -> Iterator[Fault]:
        for field in fields(self):
            for number in range(1, getattr(self, field.name) + 1):
                yield _draw(random.Random(f"{seed} {field.name} {number}"), field.name, number)


ROUGH = Weather()
CALM = Weather(0, 0, 0, 0, 0, 0, 0, 0, 0)


def _draw(chance: random.Random, habit: str, number: int) -> Fault:
    kinds, places, spans = _HABITS[habit]
    kind = chance.choice(kinds)
    at, seconds = _spread(chance, *places), _spread(chance, *spans)
    node = _node(chance, kind, number)
    if kind == "crash at await":
        at *= _AWAITS_PER_CALL
    if kind == "jump" and node == EVERYBODY and chance.random() < 0.5:
        seconds = -seconds
    return Fault(kind, node, int(at) if kind in COUNTED else round(at, 3), round(seconds, 3))


def _node(chance: random.Random, kind: Kind, number: int) -> int:
    if kind.startswith("crash"):
        return number
    if kind == "repeated":
        return CLIENT
    if kind in {"full", "jump"} and chance.random() < 0.5:
        return EVERYBODY
    return CLIENT if chance.random() < 0.25 else chance.choice(_FIRST_WORKERS)


def _spread(chance: random.Random, low: float, high: float) -> float:
    """Something between the two: as likely below ten as above it, of a hundred."""
    return low and low * (high / low) ** chance.random()
