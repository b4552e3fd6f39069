"""The question and the answer: what has come is shown to `decide`, what it says becomes data.

A hand-written worker asks in the same way: `Hearing(values)` is told what its owner has decided.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import msgspec

from corago.arguments.raised import Hide, failure
from corago.arguments.signatures import name_of, shortened
from corago.core.calls import ToldError
from corago.core.program import Told
from corago.decider.activities import Activity, AnyActivity, spec_of
from corago.decider.decisions import Decision, ScheduleActivity
from corago.decider.docket import Docket, NonsenseError
from corago.decider.process import Process
from corago.decider.specs import Spec
from corago.decider.state import DeciderState
from corago.errors import InvalidDecisionError, InvalidInputError, SecretKeyError
from corago.secrecy import discretion

Answer = Decision | AnyActivity | Iterable["Answer"] | None
"""What `decide` may return: a decision, an activity to schedule, several of these, or nothing."""

_OWN = "corago.decider."


class Hearing:
    """One question to a decider. `process` is what is shown; `take` takes what is said.

    `values` are those that the decider's function is called with. `specs` are the workflow's
    activities by key; whatever else is scheduled by itself is put into `functions`, so that this
    OS process knows its code.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        specs: Mapping[str, Spec] = {},
        functions: MutableMapping[str, Any] | None = None,
    ) -> None:
        """Nothing was said yet."""
        told: Told = values["told"]
        self._values = values
        self._specs = specs
        self._functions = functions
        self._docket = Docket(values["state"], told.process, told.now)
        self.process = Process(self._docket, told, values["past"])

    # -- for decisions -----------------------------------------------------------------------

    @property
    def state(self) -> DeciderState:
        """What is open, with all that was decided so far."""
        return self._docket.state

    def spec(self, key: str) -> Spec | None:
        """The workflow's activity of this name; None for one that other workers know.

        Its version may be left out where there is but one.
        """
        known = self._specs.get(key)
        if known is not None:
            return known
        several = [each for each in self._specs.values() if each.name == key]
        return several[0] if len(several) == 1 else None

    def meet(self, spec: Spec) -> None:
        """An activity is scheduled by itself, not by its name. Raises InvalidDecisionError."""
        known = self._specs.get(spec.key)
        if known is not None and known is not spec:
            raise InvalidDecisionError(
                f"another activity is called {spec.key!r} among the workflow's `activities`: "
                "schedule that one, or give one of them another name or version"
            )
        if known is None and self._functions is not None:
            self._functions[spec.key] = spec.function

    # -- answering ---------------------------------------------------------------------------

    def take(self, answer: Any) -> None:
        """What was decided: it counts at once. Raises InvalidDecisionError."""
        if isinstance(answer, Decision):
            self._decide(answer)
        elif spec_of(answer) is not None:
            self._decide(ScheduleActivity(answer))
        elif isinstance(answer, Iterable) and not isinstance(answer, _NOT_LISTS):
            for each in answer:
                self.take(each)
        elif answer is not None:
            raise InvalidDecisionError(f"{self._who} answered {_shown(answer)}: {_hint(answer)}")

    def told(self) -> list[dict[str, Any]]:
        """All that was decided, as data."""
        answers: list[dict[str, Any]] = msgspec.to_builtins(self._docket.answered)
        return answers

    def _decide(self, decision: Decision) -> None:
        try:
            for each in decision.answers(self):
                self._docket.enter(each)
        except (NonsenseError, InvalidInputError, InvalidDecisionError, SecretKeyError) as error:
            raise InvalidDecisionError(f"{self._who} decided {decision!r}: {error}") from error

    @property
    def _who(self) -> str:
        return f"the decider {self.process.workflow!r}"

    def hide(self) -> Hide | None:
        """What cuts the secrets out of a text that were shown; None where none were."""
        past, told = self._values["past"], self._values["told"]
        events = past.events if past.is_read else ()
        return discretion({"state": self._docket.before, "events": [*events, *told.fresh]})


_NOT_LISTS = (str, bytes, Mapping)


def decider(
    decide: Callable[[Process], Any],
    specs: Mapping[str, Spec],
    functions: MutableMapping[str, Any],
) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    """The function of a decider as the kernel calls it; its errors are put into words."""

    def asked(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        hearing = Hearing(values, specs, functions)
        try:
            hearing.take(decide(hearing.process))
            return hearing.told()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's code raises is its answer
            raise ToldError(failure(_trimmed(error), hearing.hide())) from None

    return asked


def _trimmed(error: BaseException) -> BaseException:
    """The same without our own lines above the user's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(_OWN):
        trace = trace.tb_next
    return error if trace is None else error.with_traceback(trace)


def _shown(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else shortened(value)


def _hint(answer: Any) -> str:
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # nobody will await it, and Python would warn of that
        return "it is to be awaited, and a decider answers at once: write plain functions"
    if isinstance(answer, type) and issubclass(answer, Decision):
        return f"that is the class: make a decision of it, as in {answer.__name__}(…)"
    if isinstance(answer, type) and issubclass(answer, Activity):
        return "that has no execute: schedule one that has"
    if isinstance(answer, Activity):
        return f"that is one attempt of it: name the class, {type(answer).__name__}"
    if hasattr(answer, "program") and hasattr(answer, "sha"):
        return f"to start a process of a workflow, return StartChildProcess({answer.name})"
    if inspect.isroutine(answer):
        return f"to schedule a function, write @activity above {name_of(answer)}"
    return (
        "return a decision such as ScheduleActivity(…) or CompleteProcess(…), an Activity class, "
        "a list of these, or None"
    )
