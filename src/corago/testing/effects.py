"""What began on the stage, and under which key: told by the engines as they begin it.

An effect is an attempt of a step or an activity: code that may do something outside. What was
recorded of it is told by the store, so that one which begins too often is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from corago.activity import Context
from corago.core import events as e
from corago.core.codec import decode_event
from corago.runtime import listening
from corago.testing.decisions import Subject


@dataclass(frozen=True, slots=True)
class Effect:
    """An attempt of a step or an activity that began, in `worker`, under an idempotency `key`.

    `run`, `path`, `occurrence` and `attempt` are those of `current()`. `end` says how its code
    ended there: completed, failed, aborted, timedout or canceled; it is empty where its worker died
    before, or did not wait for it any more. `offence` says why it should not have begun, and must
    be empty.
    """

    process: str
    run: int
    path: str
    occurrence: int
    attempt: int
    key: str
    worker: str
    end: str = ""
    offence: str = ""

    @property
    def use(self) -> Subject:
        """Whose attempt it is: what decisions call it, and all its attempts."""
        return Subject(self.process, self.run, "activity", self.path, self.occurrence)

    def __str__(self) -> str:
        """Tell it in a line."""
        end = self.end or "not ended"
        return f"attempt {self.attempt} of {self.use} in {self.worker}, under {self.key}: {end}"


@dataclass(slots=True)
class Account:
    """All that began on a stage, in its order."""

    effects: list[Effect] = field(default_factory=list)
    completed: set[Subject] = field(default_factory=set)
    starters: dict[tuple[Subject, int], str] = field(default_factory=dict)

    def began(self, attempt: Context, worker: str) -> int:
        """An attempt begins. Gives its place."""
        effect = Effect(
            attempt.process_id,
            attempt.run,
            attempt.path,
            attempt.occurrence,
            attempt.attempt,
            attempt.idempotency_key,
            worker,
        )
        self.effects.append(replace(effect, offence=self._offence(effect)))
        return len(self.effects) - 1

    def _offence(self, effect: Effect) -> str:
        if effect.use in self.completed:
            return "its completion was recorded"
        starter = self.starters.get((effect.use, effect.attempt), effect.worker)
        if starter != effect.worker:
            return f"it runs at most once, and its start in {starter} was recorded"
        return ""

    def ended(self, place: int, result: e.ActivityResult | None) -> None:
        """Its code has ended; None where nobody waited for it any more."""
        if result is not None:
            end = type(result).__name__.removeprefix("Activity").lower()
            self.effects[place] = replace(self.effects[place], end=end)

    def recorded(self, process: str, run: int, events: Iterable[bytes], worker: str) -> None:
        """These events of a process are in the store, and this worker wrote them.

        Of a worker that took over from nobody, recorded starts are those of what runs at most once.
        """
        for event in map(decode_event, events):
            if not isinstance(event, e.ActivityStarted | e.ActivityClosed):
                continue
            use = Subject(process, run, "activity", event.path, event.occurrence)
            if isinstance(event, e.ActivityStarted):
                self.starters[use, event.attempt] = worker
            elif isinstance(event.result, e.ActivityCompleted):
                self.completed.add(use)


class Ear(listening.Listener):
    """Listens to the engine of one worker."""

    def __init__(self, account: Account, worker: str) -> None:
        """Write into this account."""
        self._account = account
        self._worker = worker
        self._places: dict[int, int] = {}

    def attempt_began(self, process: listening.Subject, attempt: Context) -> None:  # noqa: ARG002 - told all
        """Note it."""
        self._places[id(attempt)] = self._account.began(attempt, self._worker)

    def attempt_ended(
        self,
        process: listening.Subject,  # noqa: ARG002 - told all
        attempt: Context,
        result: e.ActivityResult | None,
        seconds: float,  # noqa: ARG002 - told all
    ) -> None:
        """Note it too."""
        self._account.ended(self._places.pop(id(attempt)), result)
