"""Two runs of one workflow, one with a crash and one without: where they differ. Pure.

A run is held to itself too: what began is judged by what its own histories say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.core.history import History
from corago.runtime.views import ProcessInfo
from corago.testing.decisions import DONE, ENDS, SCHEDULED, Decisions, Subject
from corago.testing.effects import Effect
from corago.testing.telling import told


@dataclass(frozen=True, slots=True)
class Run:
    """How a process went.

    `status` is where it ended: a closed status, or `waiting` or `suspended` if nobody sends or
    does what it needs, which `explanation` tells. `state` is its last State, `history` what was
    recorded, `calls` names the store calls of the first worker in their order, and `crash` says
    where that one died, or is None.

    `infos` holds the process and all its children by id, with their last States. `effects` are
    the attempts of steps that began, in their order: of which process and path, in which worker,
    under which idempotency key, and how they ended there. `decisions` is what was decided, as a
    value that can be compared: a mapping of tuples of texts, by what each is about.
    """

    status: str
    state: Any
    info: ProcessInfo
    history: History
    explanation: str
    calls: tuple[str, ...]
    crash: str | None = None
    infos: Mapping[str, ProcessInfo] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    decisions: Decisions = field(default_factory=dict)

    def __str__(self) -> str:
        """Tell it in lines."""
        where = "without a crash" if self.crash is None else f"with a crash {self.crash}"
        return f"{where}: {self.explanation}\n{told(self.history)}"


def as_it_is(value: Any) -> Any:
    """All of it."""
    return value


class Judge:
    """Holds runs to the one without a crash."""

    def __init__(
        self,
        calm: Run,
        compare: Callable[[Any], Any],
        decided: Callable[[Decisions], Any],
        *,
        is_batch: bool,
    ) -> None:
        """Take what of States (or results, of a batch program) and decisions must be equal."""
        self.calm = calm
        self._compare = compare
        self._decided = decided
        self._came_to = _result if is_batch else _state
        self._end, self._decisions = compare(self._came_to(calm)), decided(calm.decisions)

    def findings(self, run: Run) -> Iterator[str]:
        """What differs, in words."""
        calm = self.calm
        if run.status != calm.status:
            hint = "; `retries=1` lets an operator try again" if run.status == "suspended" else ""
            yield f"it is {run.status}, and {calm.status} without{hint}"
        elif self._compare(self._came_to(run)) != self._end:
            yield _difference("State", self._came_to(run), self._came_to(calm))
        elif self._compare is as_it_is:
            for store in ("internal", "external"):
                one, without = getattr(run.info, store), getattr(calm.info, store)
                if one != without:
                    yield _difference(store, one, without)
        decisions = self._decided(run.decisions)
        if decisions != self._decisions:
            yield from otherwise(self._decisions, decisions)
        yield from broken(run.effects, run.decisions)
        if run.decisions == calm.decisions:
            yield from missed(calm.effects, run.effects, calm.decisions)


def _state(run: Run) -> Any:
    return run.state


def _result(run: Run) -> Any:
    return run.info.result


def _difference(name: str, one: Any, without: Any) -> str:
    if not (isinstance(one, dict) and isinstance(without, dict)):
        return f"it ends with {one!r}, and {without!r} without"
    other = [
        f"{name}[{key!r}] is {one.get(key)!r}, and {without.get(key)!r} without"
        for key in sorted({*without, *one}, key=str)
        if one.get(key) != without.get(key)
    ]
    return "; ".join(other) or "it ends otherwise"


def otherwise(calm: Any, crashed: Any) -> Iterator[str]:
    """What was decided otherwise, subject by subject where these are whole Decisions."""
    if not (isinstance(calm, Mapping) and isinstance(crashed, Mapping)):
        yield f"it decided {crashed!r}, and {calm!r} without"
        return
    for subject in {**calm, **crashed}:
        one, without = crashed.get(subject, ()), calm.get(subject, ())
        if one != without:
            yield f"{subject}: {_told(one)}; without a crash: {_told(without)}"


def _told(facts: Collection[str]) -> str:
    return ", ".join(facts) or "nothing"


def broken(effects: Iterable[Effect], decisions: Decisions) -> Iterator[str]:
    """What one run's effects and its own decisions say against each other."""
    began = grouped(effects, decisions)
    for subject, attempts in began.items():
        for effect in attempts:
            if effect.offence:
                yield f"{effect}; it should not have begun: {effect.offence}"
        uses = len({each.use for each in attempts})
        if len(keys := keys_of(attempts)) > uses:
            yield f"{subject} began under several keys: {', '.join(keys)}"
        wanted = sum(each.startswith(SCHEDULED) for each in decisions.get(subject, ()))
        if not subject.occurrence and uses > wanted:
            yield f"{subject} was decided {wanted} times, and began under {', '.join(keys)}"
    for subject, facts in decisions.items():
        attempts = began.get(subject, [])
        ended = {each.use for each in attempts if each.end == "completed"}
        if len(ended) < facts.count(DONE):
            never = "came to its end" if attempts else "began"
            yield f"{subject} never {never}, and is recorded: {_told(facts)}"


def missed(
    calm: Iterable[Effect], crashed: Iterable[Effect], decisions: Decisions
) -> Iterator[str]:
    """What began in one only of two runs that decided the same, or under other keys.

    What somebody stopped may have begun or not. A decider counts all its activities as they come,
    and so do its keys: of each path, their number is compared.
    """
    with_, without = grouped(crashed, decisions), grouped(calm, decisions)
    for subject, attempts in with_.items():
        known, keys = subject in without, ", ".join(keys_of(attempts))
        if not known and subject not in decisions:
            yield f"{subject} began under {keys}; without a crash it never did"
        elif known and subject.occurrence and keys_of(attempts) != keys_of(without[subject]):
            others = ", ".join(keys_of(without[subject]))
            yield f"{subject} began under {keys}; without a crash under {others}"
    for subject, attempts in without.items():
        ended = sum(fact.startswith(ENDS) for fact in decisions.get(subject, ()))
        began = len(keys_of(with_.get(subject, ())))
        if began < min(ended, len(keys_of(attempts))):
            others = ", ".join(keys_of(attempts))
            yield f"{subject} began under {began} keys; without a crash under {others}"


def grouped(effects: Iterable[Effect], decisions: Decisions) -> dict[Subject, list[Effect]]:
    """Effects by what the decisions call them."""
    found: dict[Subject, list[Effect]] = {}
    for effect in effects:
        found.setdefault(_subject(effect.use, decisions), []).append(effect)
    return found


def _subject(use: Subject, decisions: Decisions) -> Subject:
    """What the decisions call it: those of a decider do not tell the uses of a path apart."""
    one = use._replace(occurrence=0)
    return one if one in decisions else use


def keys_of(effects: Iterable[Effect]) -> tuple[str, ...]:
    """The idempotency keys of these attempts, each once."""
    return tuple(sorted({each.key for each in effects}))
