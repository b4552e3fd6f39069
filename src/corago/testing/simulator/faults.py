"""What goes wrong in a simulated world, as data: a list of faults, drawn from a seed up front.

Nothing here happens; nodes, disk and world read it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

Kind = Literal[
    "crash at await",
    "crash at call",
    "crash at effect",
    "crash at signal",
    "crash at timer",
    "crash at child",
    "crash at move",
    "pause at effect",
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

EFFECT: Kind = "crash at effect"
STALL: Kind = "pause at effect"
FACTS: tuple[Kind, ...] = ("crash at signal", "crash at timer", "crash at child", "crash at move")
AIMED = frozenset({EFFECT, STALL, *FACTS})
"""The kinds that are aimed at what a worker does, or is to record."""

COUNTED = AIMED | {"crash at await", "crash at call", "refused", "lost", "slow", "repeated"}
"""The kinds that come at the n-th of something; the others come at an instant."""


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Fault:
    """One thing that goes wrong, once.

    Attributes:
        kind: "crash at await" and "crash at call": the node dies there, and nothing of it runs any
            more; whether before, within or after the call is up to chance. "crash at effect": so
            does a worker as it is to record that a step's or activity's code has ended; "crash at
            signal", "… timer", "… child", "… move": as it is to record such facts, where a move
            is whatever a program was asked about. "pause at effect": the worker is stopped for
            `seconds` as the code of a step or activity begins. "refused": the store
            call fails and nothing is done. "lost": it is done, and its answer is lost; of a call
            that only looks, it is that of the next other one. "slow": the call takes `seconds`,
            half of them before it is done. "full": for `seconds` no writing call that needs room
            finds any. "pause": the node is stopped for `seconds`, as by SIGSTOP.
            "jump": its calendar is moved by `seconds`. "repeated": a call of the client is made
            once more, with its id and key, `seconds` later. "deaf": for `seconds` the node hears
            of nobody else's commits.
        node: which worker, in the order of their births, from 1; 0 is the client, -1 everybody.
            Effects and facts of everybody are counted together, and whose it is, dies.
        at: its n-th await, store call, effect, fact or, for "repeated", client's call, from 1; for
            "full", "pause", "jump" and "deaf", virtual seconds since the beginning.
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

    def __str__(self) -> str:
        """Say it in plain words."""
        told = _WORDS[self.kind]
        return told.format(who=_who(self), n=_ordinal(self.at), at=self.at, seconds=self.seconds)

    def is_of(self, number: int) -> bool:
        """Whether it is meant for the node of this number."""
        return self.node in {number, EVERYBODY}


_WORDS: Mapping[Kind, str] = {
    "crash at await": "{who} dies at its {n} await",
    "crash at call": "{who} dies at its {n} call of the store",
    "crash at effect": "{who} dies as the {n} end of a step's code is to be recorded",
    "crash at signal": "{who} dies as what came from outside is to be recorded the {n} time",
    "crash at timer": "{who} dies as something about a timer is to be recorded the {n} time",
    "crash at child": "{who} dies as something about a child is to be recorded the {n} time",
    "crash at move": "{who} dies as what the program decided is to be recorded the {n} time",
    "pause at effect": "{who} stands still for {seconds:g} s in the {n} code of a step that begins",
    "refused": "the store refuses the {n} call of {who}, and does nothing",
    "lost": "the store does what the {n} call of {who} says, and the answer is lost",
    "slow": "the {n} call of {who} takes {seconds:g} s",
    "full": "from {at:g} s on, {who} finds no room for {seconds:g} s",
    "pause": "from {at:g} s on, {who} stands still for {seconds:g} s",
    "jump": "at {at:g} s, the calendar of {who} jumps by {seconds:g} s",
    "repeated": "the {n} call of {who} is made once more, {seconds:g} s later",
    "deaf": "from {at:g} s on, {who} hears of nobody else for {seconds:g} s",
}


def _who(fault: Fault) -> str:
    if fault.node == EVERYBODY:
        return "a worker" if fault.kind in AIMED else "everybody"
    return "the client" if fault.node == CLIENT else f"worker {fault.node}"


def _ordinal(number: float) -> str:
    whole = int(number)
    last = 0 if whole % 100 in {11, 12, 13} else whole % 10
    return f"{whole}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


_Span = tuple[float, float]

_CALLS: _Span = (3, 120)
_INSTANTS: _Span = (0.01, 20)
_RECORDS: _Span = (1, 20)
_STALLS: _Span = (20, 60)

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
    "effects": ((EFFECT,), _RECORDS, (0, 0)),
    "facts": (FACTS, _RECORDS, (0, 0)),
    "stalls": ((STALL,), _RECORDS, _STALLS),
}
"""By the field of Weather: the kinds, when they come, how long they last."""

_AWAITS_PER_CALL = 4
"""A node comes to an await about so many times as often as to a store call."""

_FIRST_WORKERS = (1, 1, 2, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Weather:
    """How many faults of each kind a world gets.

    `ROUGH` has these, `CALM` none. The n-th of the crashes is the n-th worker's, so that
    nearly all of them come. `effects` and `facts` are more deaths, aimed at the moments at which a
    step's effect, or anything else, is had and not recorded; `stalls` are pauses in a step's code,
    longer than a lease. Each fault is drawn by itself: more of one kind leave the others.
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
    effects: int = 2
    facts: int = 2
    stalls: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no weather. Raises ValueError."""
        for field in fields(self):
            count: object = getattr(self, field.name)
            if not isinstance(count, int) or not 0 <= count <= _MOST:
                raise ValueError(f"{field.name} is a number from 0 to {_MOST:,}, not {count!r}")

    def faults(self, seed: int, moments: Mapping[Kind, int] | None = None) -> tuple[Fault, ...]:
        """The faults of a world of this seed: always the same, in order.

        `moments` says how often each kind that is aimed could come in calm: it comes at one of
        these moments then, and all are as likely.
        """
        return tuple(sorted(self._drawn(seed, moments or {})))

    def _drawn(self, seed: int, moments: Mapping[Kind, int]) -> Iterator[Fault]:
        for field in fields(self):
            count = getattr(self, field.name)
            kinds = [kind for kind in _HABITS[field.name][0] if kind in AIMED]
            places = [(kind, n) for kind in kinds for n in range(1, moments.get(kind, 0) + 1)]
            for number in range(count):
                chance = random.Random(f"{seed} {field.name} {number + 1}")
                drawn = _draw(chance, field.name, number + 1)
                if places:
                    kind, at = chance.choice(places)
                    drawn = replace(drawn, kind=kind, at=at)
                yield drawn


ROUGH = Weather()
CALM = Weather(**{field.name: 0 for field in fields(Weather)})


def _draw(chance: random.Random, habit: str, number: int) -> Fault:
    kinds, places, spans = _HABITS[habit]
    kind = chance.choice(kinds)
    at, seconds = _spread(chance, *places), _spread(chance, *spans)
    node = _node(chance, kind, number)
    if kind == "crash at await":
        at *= _AWAITS_PER_CALL
    if kind == "jump" and chance.random() < 0.5:
        seconds = -seconds
    return Fault(kind, node, int(at) if kind in COUNTED else round(at, 3), round(seconds, 3))


def _node(chance: random.Random, kind: Kind, number: int) -> int:
    if kind in AIMED:
        return EVERYBODY
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
