"""Crashes on purpose: a workflow runs, its worker dies at a chosen moment, another one goes on.

The engine's code is the production code, on the simulator's virtual loop: nothing of a dead
worker runs any more, as after a `kill -9`, and thirty days take no time. Steps run on that loop
too, so they may sleep, but not wait for a thread or a socket: give them fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from corago.core import codec
from corago.core import events as e
from corago.ports.store import Append
from corago.runtime.settings import Workflow
from corago.testing.comparing import Judge, Run, as_it_is
from corago.testing.decisions import Decisions, decisions_of
from corago.testing.operating import Operator, Signals
from corago.testing.staging import IDLE, Stage
from corago.testing.telling import told

__all__ = ["Crash", "Moment", "Run", "crash_at", "crash_everywhere"]

MANY_CALLS = 60
"""Of so many store calls each is a place to crash; of more, not those that repeat idly."""

SHOWN = 5
"""So many differences of a run are told."""

HINT = (
    "(`compare` says what of the end must be equal, `decided` what of the decisions; `prepare` "
    "resets what steps have changed outside)"
)

Moment = Literal["before", "after"]
"""Whether the worker dies before the store has taken its call, or before it hears the answer."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A worker's death to come: `run` runs a workflow that meets it."""

    where: int | str | None = None
    when: Moment = "before"

    def __str__(self) -> str:
        """Tell where it is."""
        if isinstance(self.where, int):
            return f"{self.when} store call {self.where}"
        return f"{self.when} the end of {self.where!r} is recorded"

    def _told(self, calls: list[str]) -> str:
        if isinstance(self.where, int):
            return f"{self.when} store call {self.where} ({calls[-1]})"
        return str(self)

    def run(
        self,
        workflow: Workflow,
        input: Any = None,
        *,
        signals: Signals | None = None,
        also: Iterable[Workflow] = (),
        retries: int = 0,
        forget: Callable[[], object] = lambda: None,
    ) -> Run:
        """Run a process of this workflow until it ends; its first worker dies here.

        Args:
            workflow: the workflow.
            input: its input.
            signals: data by name: sent each time the process waits for a signal of that name; to
                a decider, which does not say so, each once, in order, when it has come to rest.
                Or pairs of a name and its data: so to any process.
            also: other workflows that the worker has the code of, such as children.
            retries: how often an operator tries again what has failed or is suspended.
            forget: called when the worker is dead, to reset what steps keep in their OS process.

        Raises:
            AssertionError: if the process never comes to where the worker should die; or if none
                should, and it waited for another signal than was there.
        """
        stage = Stage(
            (workflow, *also), self.strikes, is_before=self.when == "before", forget=forget
        )
        operator = Operator(signals or {}, retries)
        end = stage.perform(workflow, input, operator)
        if self.where is None and (misheard := operator.misheard()):
            raise AssertionError(misheard)
        run = Run(
            status=end.info.status,
            state=end.info.state,
            info=end.info,
            history=end.history,
            explanation=str(end.explanation),
            calls=tuple(stage.calls),
            crash=self._told(stage.calls) if stage.has_struck else None,
            infos=end.infos,
            effects=end.effects,
            decisions=decisions_of(end.histories, stage.is_batch),
        )
        if run.crash is None and self.where is not None:
            ran = ", ".join(f"{n} {name}" for n, name in enumerate(run.calls, start=1))
            raise AssertionError(
                f"there was no crash {self}: {run.explanation}\n{told(run.history)}\n"
                f"the worker's store calls were: {ran}"
            )
        return run

    def strikes(self, number: int, call: str, arguments: tuple[Any, ...]) -> bool:
        """Whether it is this call, the worker's `number`-th."""
        if not isinstance(self.where, str):
            return number == self.where
        if call != "append":
            return False
        append: Append = arguments[0]
        return any(
            isinstance(event, e.ActivityClosed) and event.path == self.where
            for event in map(codec.decode_event, append.events)
        )


def crash_at(where: int | str, *, when: Moment = "before") -> Crash:
    """A crash of the worker: `crash_at("Charge card").run(order, {...})`.

    Args:
        where: a step's path: as its end is being recorded, when it has taken effect and nobody
            knows; or a number n: at the worker's n-th store call (from 1).
        when: "before" the store has taken that call, or "after", before the worker hears it.
    """
    if isinstance(where, int) and where < 1:
        raise ValueError(f"store calls are counted from 1, and {where} is less")
    if when not in ("before", "after"):
        raise ValueError(f"a worker dies 'before' or 'after' a store call, not {when!r}")
    return Crash(where, when)


def crash_everywhere(
    workflow: Workflow,
    input: Any = None,
    *,
    signals: Signals | None = None,
    also: Iterable[Workflow] = (),
    retries: int = 0,
    prepare: Callable[[], object] = lambda: None,
    forget: Callable[[], object] = lambda: None,
    compare: Callable[[Any], Any] = as_it_is,
    decided: Callable[[Decisions], Any] = as_it_is,
) -> list[Run]:
    """Run a process without a crash, and once per store call and moment with one there.

    Gives all runs, the one without a crash first, so that a test can look at what steps did. In
    a process with more than 60 store calls, of a row of those that look for work and find none
    the first of each kind is a place to crash.

    Every run must end as the one without a crash: with the same status and the same last State (a
    decider, with the same result); a machine with the same stores, too.

    Every run must decide the same, for the process and its children: each step ends alike, each
    predicate has the same answer, each loop as many items; the same timers are started, for as
    long, and fire or are canceled; the same children, signals, messages, markers and refusals
    come; a machine goes the same way. What stands under one path or name is compared in its order;
    the order between those is not, since branches need not wait for each other. Instants, returned
    values, attempts and losses are left out. A decider may be asked together about what came
    together, and at other moments after a crash, so its decisions are compared by what was decided
    about each path, timer, child and marker: an activity by its code, queue and input, and not by
    its number.

    Every effect must be had: each step that began without a crash begins at least once with it,
    always under the same idempotency key (a decider's activities: each path under as many keys),
    and nothing else begins; but for what somebody stopped, of which it is chance whether it began.
    Nothing begins again after its completion was recorded, and what runs at most once not after its
    start was.

    Args:
        workflow: the workflow.
        input: its input.
        signals: data by name, or pairs in their order, as of `Crash.run`.
        also: other workflows that the worker has the code of, such as children.
        retries: how often an operator tries again what has failed or is suspended, as steps that
            run at most once are when nobody knows whether they did.
        prepare: called before every run, to reset what steps have changed outside.
        forget: called when a worker is dead, before another one takes over, to reset what steps
            keep in the memory of their OS process: all workers have one here.
        compare: what of the final State (or result) must be equal.
        decided: what of `Run.decisions` must be equal. Where it lets two runs differ, their
            effects may, too, and are held to what each run has recorded itself.

    Raises:
        AssertionError: for the first run that differs: what, and with which crash.
    """
    given: dict[str, Any] = {
        "signals": signals,
        "also": tuple(also),
        "retries": retries,
        "forget": forget,
    }
    prepare()
    calm = Crash().run(workflow, input, **given)
    if calm.status not in e.CLOSED_STATUSES:
        raise AssertionError(
            f"it does not even end without a crash: {calm.explanation}; give it `signals`, or "
            f"`retries`\n{told(calm.history)}"
        )
    runs = [calm]
    judge = Judge(calm, compare, decided, is_batch=workflow.program.batch)
    moments: tuple[Moment, ...] = ("before", "after")
    for number in _places(calm.calls):
        for when in moments:
            prepare()
            run = Crash(number, when).run(workflow, input, **given)
            if found := tuple(judge.findings(run)):
                raise AssertionError(f"{_listed(run, found)}\n{HINT}\n{run}\n{calm}")
            runs.append(run)
    return runs


def _places(calls: tuple[str, ...]) -> Iterator[int]:
    """The numbers of the calls to crash at: all; of many, one each of a row that found no work."""
    idle: set[str] = set()
    for number, call in enumerate(calls, start=1):
        if call not in idle:
            yield number
        idle = {*idle, call} if call.endswith(IDLE) and len(calls) > MANY_CALLS else set()


def _listed(run: Run, findings: tuple[str, ...]) -> str:
    rest = len(findings) - SHOWN
    more = (f"and {rest} more",) if rest > 0 else ()
    return "\n  ".join((f"with a crash {run.crash}: {findings[0]}", *findings[1:SHOWN], *more))
