"""What an explanation is made of: the case that it looks at, and rules that tell about it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from corago.clock import EPOCH, from_us
from corago.core import commands
from corago.core import decisions as d
from corago.core import messages as m
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Difference, Foretold
from corago.ports.backend import Description, OpenActivity
from corago.ports.store import Instance
from corago.runtime.views import Way
from corago.runtime.waits import Wait, stamp

SHOWN = 5
"""Of more waits, incidents or workers than this, a sentence names so many and counts the rest."""

LENGTH = 300
"""An error's text is cut to so many characters."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an explanation needs to know besides the process.

    Is the store paused, who lives (`own` is the asking engine's worker), who has which code.
    `differences` stand between the process and the `newer` definition of its workflow; `lacks` are
    the functions that the process's own names and that are not here. `tasks` are its open ones;
    `codeless` are activities whose queue the own worker serves, but without their code.
    """

    is_paused: bool
    workers: Sequence[str] = field(default=())
    own: str | None = None
    has_code: bool = False
    now: datetime = field(default=EPOCH)
    differences: Sequence[Difference] = field(default=())
    newer: str = ""
    lacks: Sequence[str] = field(default=())
    tasks: Sequence[OpenActivity] = field(default=())
    codeless: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Case:
    """All that a rule may look at; `agenda` is None where deciding needs code that is not here."""

    description: Description
    agenda: Agenda | None
    around: Surroundings
    waits: tuple[Wait, ...]

    @property
    def row(self) -> Instance:
        """The process as the store lists it."""
        return self.description.row

    @property
    def process(self) -> Process:
        """The process as its history tells it."""
        return self.description.snapshot.process

    @property
    def since(self) -> str:
        """The instant of the last thing recorded, as text."""
        return stamp(from_us(self.row.updated_us))

    @property
    def due(self) -> str:
        """The instant from which on a worker may take it, as text."""
        return self.since if self.row.due_us is None else stamp(from_us(self.row.due_us))

    @property
    def state(self) -> str:
        """A machine's current state; empty for other doors, or where it is in none."""
        program, state = self.description.program, self.description.snapshot.state
        return program.view(state) if program.internal(state) is not None else ""

    @property
    def is_decider(self) -> bool:
        """Whether it is one that answers to whatever comes."""
        return self.description.program.batch

    @property
    def is_puzzled(self) -> bool:
        """Whether its decider could not decide, and is asked again."""
        return bool(self.row.failures) and not (self.process.is_closed or self.process.poison)

    @property
    def foretold(self) -> Foretold:
        """What would lead on by itself and does not yet, and what waits for a person."""
        program, state = self.description.program, self.description.snapshot.state
        return program.foretold(state, (), self.agenda or NOTHING)

    @property
    def is_at_rest(self) -> bool:
        """Whether it wants nothing at all, though it has not ended."""
        return not (self.is_held or self.is_due) and self.agenda == NOTHING

    @property
    def is_held(self) -> bool:
        """Whether a worker has it."""
        return self.row.owner is not None

    @property
    def is_due(self) -> bool:
        """Whether a worker may take it now."""
        return self.row.due_us is not None and from_us(self.row.due_us) <= self.around.now

    @property
    def orders(self) -> tuple[m.Command, ...]:
        """The operators' commands that it has not taken yet."""
        mail = (each.message for each in self.description.mail)
        return tuple(each for each in mail if isinstance(each, m.Command))

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, and nothing opens it again by itself."""
        is_opening = (self.is_held or self.row.due_us is not None) and bool(self.orders)
        return self.process.is_closed and not is_opening

    @property
    def incidents(self) -> tuple[d.Incident, ...]:
        """What a person can act on."""
        return tuple(commands.incidents(self.process, self.agenda or NOTHING).values())

    def of(self, *kinds: str) -> tuple[Wait, ...]:
        """Its waits of these kinds."""
        return tuple(wait for wait in self.waits if wait.kind in kinds)

    def command(self, verb: str, *words: str) -> str:
        """A command line about this process."""
        return shlex.join(["corago", verb, self.row.process_id, *words])

    @property
    def code(self) -> str:
        """Which code it needs."""
        return f"{self.row.workflow} version {self.row.version} ({self.row.sha[:12]})"


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule says: the rest of a sentence that begins with the process, and the ways on."""

    text: str
    ways: Iterable[Way] = ()
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Where it holds, the process stands still (or not) for this reason."""

    reason: str
    holds: Callable[[Case], bool]
    tells: Callable[[Case], Told]


def brief(text: str) -> str:
    """A text of any length, cut to what a sentence bears."""
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def some(texts: Iterable[str], between: str = "; ") -> str:
    """Several texts; of many, the first and how many more there are."""
    found = list(texts)
    rest = [f"and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
    return between.join([*found[:SHOWN], *rest])
