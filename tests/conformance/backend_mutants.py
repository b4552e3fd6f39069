"""How backends with one fault each are made.

A mutant is the local backend over a store in memory, with one method that hears something else
than it was asked (`asked`), that spoils its answer (`answered`) or that does something else
(`instead`); or the honest one over a store with a fault (`over`). The table of faults stands in
`backend_faults_*`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from msgspec.structs import replace

from corago.backends.local import LocalBackend
from corago.core.commit import Commit
from corago.core.events import Event
from corago.core.history import History
from corago.core.process import Process
from corago.core.tasks import ActivityTask, DecisionTask, Hold
from corago.errors import CoragoError
from corago.ports.backend import Backend, Description, OpenActivity, Started
from corago.ports.store import Append, Instance, NewTask, Outgoing, Task
from corago.stores.memory import MemoryStore
from corago.testing.backend_suite import BackendSuite
from corago.testing.clock import VirtualClock
from corago.wiring import KINDS
from tests.conformance import store_mutants as stores

Args = dict[str, Any]
Act = Callable[["Faulty", Args], Awaitable[Any]]


class Faulty:
    """A backend that does all as the honest one does, until somebody says otherwise."""

    def __init__(self, honest: LocalBackend, store: Any) -> None:
        self.honest = honest
        self.store = store
        self.notes: dict[str, Any] = store.__dict__.setdefault("notes", {})
        """What it keeps in mind; all objects on the same data share it."""
        self.own: dict[str, Any] = {}
        """What this object alone keeps in mind."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.honest, name)

    @property
    def now_us(self) -> int:
        return int(self.store._now_us())

    def process(self, process_id: str) -> Any:
        """A process as the store keeps it."""
        return self.store._processes[process_id]


class Mutant(NamedTuple):
    """How a mutant is made: of which store, and which backend; `apart`: no two objects share it."""

    backend: type[Faulty] = Faulty
    store: type[MemoryStore] = MemoryStore
    apart: bool = False


HONEST = Mutant()


def _method(name: str, act: Act) -> Mutant:
    signature = inspect.signature(getattr(Backend, name))

    async def method(self: Faulty, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        bound.apply_defaults()
        return await act(self, dict(bound.arguments))

    return Mutant(type(f"Other_{name}", (Faulty,), {name: method}))


async def honestly(faulty: Faulty, name: str, args: Args) -> Any:
    """What the honest backend answers to a call."""
    signature = inspect.signature(getattr(Backend, name))
    bound = inspect.BoundArguments(signature, args)
    return await getattr(faulty.honest, name)(*bound.args[1:], **bound.kwargs)


def instead(name: str, act: Act) -> Mutant:
    """A backend whose method does this."""
    return _method(name, act)


def asked(name: str, twist: Callable[[Faulty, Args], Args]) -> Mutant:
    """A backend whose method hears what `twist` makes of its arguments."""

    async def act(faulty: Faulty, args: Args) -> Any:
        return await honestly(faulty, name, twist(faulty, args))

    return _method(name, act)


def answered(name: str, twist: Callable[[Faulty, Any, Args], Any]) -> Mutant:
    """A backend whose method answers what `twist` makes of its answer."""

    async def act(faulty: Faulty, args: Args) -> Any:
        return twist(faulty, await honestly(faulty, name, args), args)

    return _method(name, act)


def plainly(name: str, twist: Callable[[Faulty, Any, Args], Any]) -> Mutant:
    """As `answered`, of a method that is none to be awaited."""
    signature = inspect.signature(getattr(Backend, name))

    def method(self: Faulty, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        answer = getattr(self.honest, name)(*given, **named)
        return twist(self, answer, dict(bound.arguments))

    return Mutant(type(f"Other_{name}", (Faulty,), {name: method}))


def over(store: type[MemoryStore]) -> Mutant:
    """The honest backend over another store."""
    return Mutant(store=store)


def reopened(spoil: Callable[[Any], object]) -> Mutant:
    """A backend that spoils its data whenever it is opened again after all of it was closed."""

    class Reopened(Faulty):
        async def open(self) -> None:
            if not self.store._opens and self.notes.get("opened"):
                spoil(self.store)
            self.notes["opened"] = True
            await self.honest.open()

    return Mutant(Reopened)


def both(*mutants: Mutant) -> Mutant:
    """A backend with the faults of several methods, which make one fault together."""
    made = type("Both", tuple(each.backend for each in mutants), {})
    return Mutant(made)


# -- parts of what is asked and answered -----------------------------------------------------------


def commits(change: Callable[[Commit], Commit]) -> Mutant:
    """A backend that writes other commits than it was asked to."""
    return asked("complete_decision_task", lambda _, a: a | {"commit": change(a["commit"])})


def holds(change: Callable[[Hold], Hold]) -> Mutant:
    """A backend that lets go otherwise than it was asked to."""
    return asked("complete_decision_task", lambda _, a: a | {"hold": change(a["hold"])})


def turns(change: Callable[[DecisionTask], DecisionTask]) -> Mutant:
    """A backend that gives other decision tasks than it has."""
    return answered(
        "poll_decision_tasks",
        lambda _, polled, __: replace(polled, tasks=tuple(map(change, polled.tasks))),
    )


def attempts(change: Callable[[ActivityTask], ActivityTask]) -> Mutant:
    """A backend that gives other activity tasks than it has."""
    return answered(
        "poll_activity_tasks",
        lambda _, polled, __: replace(polled, tasks=tuple(map(change, polled.tasks))),
    )


def descriptions(change: Callable[[Description], Description]) -> Mutant:
    """A backend that describes processes otherwise than they are."""
    return answered("describe", lambda _, found, __: change(found))


def histories(change: Callable[[Event], Event]) -> Mutant:
    """A backend that tells other events than were recorded."""
    return answered("history", lambda _, found, __: History(map(change, found)))


def ends(change: Callable[[Process], Process | None]) -> Mutant:
    """A backend that tells other ends than there were."""
    return answered("ended", lambda _, found, __: None if found is None else change(found))


def starts(**changes: Any) -> Mutant:
    """A backend that starts processes with these fields as they are here."""
    return asked("start", lambda _, a: a | {"start": replace(a["start"], **changes)})


def started(change: Callable[[Started], Started]) -> Mutant:
    """A backend that answers to starts otherwise than it should."""
    return answered("start", lambda _, found, __: change(found))


def rows(change: Callable[[list[Instance]], list[Instance]]) -> Mutant:
    """A backend that finds other rows than there are."""
    return answered("find", lambda _, found, __: change(found))


def queries(**changes: Any) -> Mutant:
    """A backend that looks for something else."""
    return asked("find", lambda _, a: a | {"query": replace(a["query"], **changes)})


def counts(**changes: Any) -> Mutant:
    """A backend that counts something else."""
    return asked("count", lambda _, a: a | {"query": replace(a["query"], **changes)})


def standing(change: Callable[[OpenActivity], OpenActivity]) -> Mutant:
    """A backend that shows open activities otherwise than they are."""
    return answered("open_activities", lambda _, found, __: [change(each) for each in found])


def appends(change: Callable[[Append], Append]) -> Mutant:
    """A backend whose store is asked to write something else."""
    return over(stores.asked("append", lambda _, append: change(append)))


def tasks_put(change: Callable[[NewTask], NewTask]) -> Mutant:
    """A backend whose store is asked to put other tasks."""
    return appends(lambda a: replace(a, tasks=tuple(map(change, a.tasks))))


def tasks_told(change: Callable[[Task], Task]) -> Mutant:
    """A backend whose store gives other tasks than it has."""
    return over(
        stores.answered(
            "claim_tasks",
            lambda _, claims, *__: replace(claims, taken=tuple(map(change, claims.taken))),
        )
    )


def sends(change: Callable[[Outgoing], Outgoing]) -> Mutant:
    """A backend whose commits send other messages."""
    return appends(lambda a: replace(a, sends=tuple(map(change, a.sends))))


def remembering(name: str) -> Mutant:
    """An object that answers what it has answered before."""

    async def act(faulty: Faulty, args: Args) -> Any:
        key = f"{name} {[each for each in args.values() if each is not faulty]}"
        if key not in faulty.own:
            faulty.own[key] = await honestly(faulty, name, args)
        return faulty.own[key]

    return instead(name, act)


def due_as_well(store: Any, process: Any) -> object:
    """Make a process claimable that somebody holds."""
    stores.due_as_well(store, process)
    return process


def doing(answer: Any, *_done: object) -> Any:
    """An answer, after things were done on the way."""
    return answer


def spoiled(text: str) -> str:
    """A text as a backend keeps it that thinks it knows better."""
    return stores.composed(text)


def jsonlike(value: Any) -> Any:
    """A value as it comes back from something that sorts what it keeps."""
    return json.loads(json.dumps(value, sort_keys=True))


SECOND = 1_000_000
MOMENT = timedelta(seconds=1)


# -- the proof -------------------------------------------------------------------------------------

CAUGHT = (AssertionError, TimeoutError, CoragoError, LookupError, ValueError)
"""What a check ends with that says no; anything else is a mistake in the mutant."""


class Proof(BackendSuite):
    """The suite, run outside pytest against a mutant."""

    patience: ClassVar[float] = 0.5  # what is awaited from a mute backend never comes

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def make_backend(self, clock: VirtualClock, tmp_path: Path) -> Backend:
        self._clock = clock
        self._store = self._mutant.store(clock)
        return self._made(self._store)

    def reopen(self) -> Backend | None:
        return self._made(self._mutant.store(self._clock) if self._mutant.apart else self._store)

    def _made(self, store: MemoryStore) -> Backend:
        made: Any = self._mutant.backend(LocalBackend(store, self._clock, KINDS), store)
        return made  # type: ignore[no-any-return]


class Patient(Proof):
    """The same for what must pass, however busy the machine is."""

    patience: ClassVar[float] = 60.0


CHECKS = BackendSuite.checks()


def fails(name: str, mutant: Mutant) -> bool:
    """Whether a check says no."""
    proof = Patient if mutant is HONEST else Proof
    try:
        CHECKS[name](proof(mutant), Path("nowhere"))
    except CAUGHT:
        return True
    return False
