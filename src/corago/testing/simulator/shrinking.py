"""From a world that went wrong to the few faults that it takes, and a text that tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from corago.clock import Clock, SystemClock
from corago.testing.simulator.faults import Fault
from corago.testing.simulator.tracing import last

LINES = 30
"""So many of the last lines of a trace are shown."""

SHOWN = 5
"""So many attempts that began more than once are shown."""


@dataclass(frozen=True, slots=True)
class Played:
    """How a world went: what is wrong, its trace, and the faults that happened.

    `words` say more of some of these faults, `repeated` names each attempt that began again.
    """

    findings: tuple[str, ...]
    trace: tuple[str, ...]
    happened: tuple[Fault, ...]
    words: Mapping[Fault, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()


Play = Callable[[tuple[Fault, ...]], Played]
"""Plays a world with these faults."""

Again = Callable[[int, tuple[Fault, ...]], str]
"""The line of Python that plays the world of a seed with these faults again."""


class SimulationError(AssertionError):
    """A simulated world went wrong.

    Attributes:
        seed: of the world.
        faults: the few that it takes.
        findings: what is wrong.
    """

    def __init__(
        self, text: str, seed: int, faults: tuple[Fault, ...], findings: tuple[str, ...]
    ) -> None:
        """Take its text and what it is about."""
        super().__init__(text)
        self.seed = seed
        self.faults = faults
        self.findings = findings


def again(seed: int, faults: tuple[Fault, ...]) -> str:
    """How to play it again, as far as is known here."""
    return f"play({_listed(faults)})  # of the world of seed {seed}"


def judge(
    seed: int,
    play: Play,
    faults: Iterable[Fault],
    *,
    patience: float = 20.0,
    again: Again = again,
    clock: Clock | None = None,
) -> Played:
    """Play a world, and see that nothing is wrong with it.

    Otherwise faults are deleted from it as long as something stays wrong.

    Args:
        seed: of the world, for the text of the error.
        play: plays it with these faults.
        faults: what it is played with at first.
        patience: how many seconds of real time deleting may take.
        again: the line of Python that plays it again.
        clock: what `patience` goes by (default: the machine's).

    Raises:
        SimulationError: with what is wrong and the few faults that it takes.
    """
    given = tuple(faults)
    played = play(given)
    if not played.findings:
        return played
    hunt = _Hunt(play, patience, clock or SystemClock())
    left, worst = hunt.shrink(given, played)
    text = _told(seed, given, left, worst, hunt, again(seed, left))
    raise SimulationError(text, seed, left, worst.findings)


class _Hunt:
    """Deletes faults while something stays wrong, and time is left."""

    def __init__(self, play: Play, patience: float, clock: Clock) -> None:
        self._play = play
        self._clock = clock
        self._began = clock.monotonic()
        self._patience = patience
        self.plays = 1

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return self._clock.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.seconds >= self._patience

    def shrink(self, faults: tuple[Fault, ...], played: Played) -> tuple[tuple[Fault, ...], Played]:
        """Delete large parts first, then smaller ones, down to a single fault."""
        happened = tuple(each for each in faults if each in played.happened)
        for start in ((), happened):
            if len(start) < len(faults) and (less := self._without(start)) is not None:
                faults, played = start, less
        size = len(faults) // 2
        while size and not self.is_over:
            at = 0
            while at < len(faults) and not self.is_over:
                rest = faults[:at] + faults[at + size :]
                less = self._without(rest)
                if less is None:
                    at += size
                else:
                    faults, played = rest, less
            size //= 2
        return faults, played

    def _without(self, faults: tuple[Fault, ...]) -> Played | None:
        """How it goes with these alone; None if nothing is wrong then."""
        self.plays += 1
        played = self._play(faults)
        return played if played.findings else None


def _told(  # noqa: PLR0917 - one text of many parts
    seed: int,
    given: tuple[Fault, ...],
    left: tuple[Fault, ...],
    played: Played,
    hunt: _Hunt,
    line: str,
) -> str:
    """The text of the error."""
    tried = f"{hunt.plays} worlds in {hunt.seconds:.1f} s"
    if left:
        unsure = ", and patience ran out: there may be fewer" if hunt.is_over else ""
        takes = f"it takes {len(left)} of {len(given)} faults ({tried}{unsure}):"
    else:
        takes = f"it takes none of {len(given)} faults ({tried})"
        if given:
            takes += (
                ": two calm worlds of this seed differ by themselves, as by chance, the real "
                "clock, or what `prepare` does not reset"
            )
    lines = last(played.trace, LINES)
    return "\n".join(
        [
            f"the world of seed {seed} went wrong:",
            *(f"  * {_indented(each)}" for each in played.findings),
            takes,
            *(f"    {each!r}  # {played.words.get(each, str(each))}" for each in left),
            *_again_told(played.repeated),
            f"the last {len(lines)} of {len(played.trace)} lines of its trace:",
            *(f"    {each}" for each in lines),
            "again:",
            f"    {line}",
        ]
    )


def _again_told(repeated: tuple[str, ...]) -> Iterator[str]:
    """What was done again, unless somebody heeded its key."""
    if repeated:
        yield "the code of a step or activity ran more than once for the same attempt:"
    yield from (f"    {each}" for each in repeated[:SHOWN])
    if len(repeated) > SHOWN:
        yield f"    and {len(repeated) - SHOWN} more"


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _listed(faults: tuple[Fault, ...]) -> str:
    return f"[{', '.join(map(repr, faults))}]"
