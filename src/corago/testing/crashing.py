"""Crashes on purpose: a workflow runs, its worker dies at a chosen moment, another one goes on.

The engine's code is the production code, on the simulator's virtual loop: nothing of a dead
worker runs any more, as after a `kill -9`, and thirty days take no time. Steps run on that loop
too, so they may sleep, but not wait for a thread or a socket: give them fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from corago.core import codec
from corago.core import events as e
from corago.core.history import History
from corago.ports.store import Append
from corago.runtime.settings import Workflow
from corago.runtime.views import ProcessInfo
from corago.testing.staging import IDLE, Operator, Stage
from corago.testing.telling import told

Moment = Literal["before", "after"]
"""Whether the worker dies before the store has taken its call, or before it hears the answer."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a process went.

    `status` is where it ended: a closed status, or `waiting` or `suspended` if nobody sends or
    does what it needs, which `explanation` tells. `state` is its last State, `history` what was
    recorded, `calls` names the store calls of the first worker in their order, and `crash` says
    where that one died, or is None.
    """

    status: str
    state: Any
    info: ProcessInfo
    history: History
    explanation: str
    calls: tuple[str, ...]
    crash: str | None = None

    def __str__(self) -> str:
        """Tell it in lines."""
        where = "without a crash" if self.crash is None else f"with a crash {self.crash}"
        return f"{where}: {self.explanation}\n{told(self.history)}"


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
        signals: Mapping[str, Any] | None = None,
        also: Iterable[Workflow] = (),
        retries: int = 0,
    ) -> Run:
        """Run a process of this workflow until it ends; its first worker dies here.

        Args:
            workflow: the workflow.
            input: its input.
            signals: data by name: sent each time the process waits for a signal of that name; to
                a decider, which does not say so, each once, in order, when it has come to rest.
            also: other workflows that the worker has the code of, such as children.
            retries: how often an operator tries again what has failed or is suspended.

        Raises:
            AssertionError: if the process never comes to where the worker should die.
        """
        stage = Stage((workflow, *also), self.strikes, is_before=self.when == "before")
        end = stage.perform(workflow, input, Operator(signals or {}, retries))
        run = Run(
            status=end.info.status,
            state=end.info.state,
            info=end.info,
            history=end.history,
            explanation=str(end.explanation),
            calls=tuple(stage.calls),
            crash=self._told(stage.calls) if stage.has_struck else None,
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
    signals: Mapping[str, Any] | None = None,
    also: Iterable[Workflow] = (),
    retries: int = 0,
    prepare: Callable[[], object] = lambda: None,
    compare: Callable[[Any], Any] = lambda state: state,
) -> list[Run]:
    """Run a process without a crash, and once per store call and moment with one there.

    Of a row of calls that look for work and find none, the first of each kind is a place to crash.
    Every run must end in the same status with the same State (a decider, with the same result).
    Gives all runs, the one without a crash first, so that a test can look at what steps did.

    Args:
        workflow: the workflow.
        input: its input.
        signals: data by name, as of `Crash.run`.
        also: other workflows that the worker has the code of, such as children.
        retries: how often an operator tries again what has failed or is suspended, as steps that
            run at most once are when nobody knows whether they did.
        prepare: called before every run, to reset what steps have changed outside.
        compare: what of the final State (or result) must be equal.

    Raises:
        AssertionError: for the first run that ends otherwise.
    """
    given: dict[str, Any] = {"signals": signals, "also": tuple(also), "retries": retries}
    prepare()
    calm = Crash().run(workflow, input, **given)
    if calm.status not in e.CLOSED_STATUSES:
        raise AssertionError(
            f"it does not even end without a crash: {calm.explanation}; give it `signals`, or "
            f"`retries`\n{told(calm.history)}"
        )
    runs = [calm]
    came_to = _result if workflow.program.batch else _state
    wanted = calm.status, compare(came_to(calm))
    moments: tuple[Moment, ...] = ("before", "after")
    for number in _places(calm.calls):
        for when in moments:
            prepare()
            run = Crash(number, when).run(workflow, input, **given)
            if (run.status, compare(came_to(run))) != wanted:
                difference = _difference(calm, run, came_to)
                raise AssertionError(f"{difference}\n{run}\n{calm}")
            runs.append(run)
    return runs


def _places(calls: tuple[str, ...]) -> Iterator[int]:
    """The numbers of the calls to crash at: all, but one each of a row that found no work."""
    idle: set[str] = set()
    for number, call in enumerate(calls, start=1):
        if call not in idle:
            yield number
        idle = {*idle, call} if call.endswith(IDLE) else set()


def _state(run: Run) -> Any:
    return run.state


def _result(run: Run) -> Any:
    return run.info.result


def _difference(calm: Run, run: Run, came_to: Callable[[Run], Any]) -> str:
    where = f"with a crash {run.crash}"
    if run.status != calm.status:
        hint = "; `retries=1` lets an operator try again" if run.status == "suspended" else ""
        return f"{where} it is {run.status}, and {calm.status} without{hint}"
    one, without = came_to(run), came_to(calm)
    if not (isinstance(one, dict) and isinstance(without, dict)):
        return f"{where} it ends with {one!r}, and {without!r} without"
    other = [
        f"State[{key!r}] is {one.get(key)!r}, and {without.get(key)!r} without"
        for key in sorted({*without, *one}, key=str)
        if one.get(key) != without.get(key)
    ]
    return f"{where} {'; '.join(other) or 'it ends otherwise'}"
