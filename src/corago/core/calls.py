"""How a program reaches user functions.

Every answer or error is written down, so that it can be shown and repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from corago.core.events import Event, Failure


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the function behind `name` answered, or the error that it raised."""

    name: str
    value: Any = None
    error: Failure | None = None


def bare(names: Iterable[str]) -> tuple[str, ...]:
    """Functions as their authors name them: in order, without the marks of what they are for."""
    return tuple(sorted({name.rstrip("?=") for name in names}))


class MissingFunctionError(Exception):
    """The function is not here: this client has no code, or not all of it.

    Nothing may be decided then.
    """

    def __init__(self, name: str) -> None:
        """Name the function that was asked for."""
        super().__init__(name)
        self.name = name


class ToldError(Exception):
    """What a function raises that has put its error into words itself."""

    def __init__(self, failure: Failure) -> None:
        """Take the words."""
        super().__init__(str(failure))
        self.failure = failure


class NotReadError(BaseException):
    """The history has not been read yet.

    Whoever called the kernel reads it and calls again. It is no Exception, so that the code which
    looked does not swallow it.
    """


class Past:
    """The events that a process has stored, read only when somebody first looks at them."""

    __slots__ = ("_events",)

    def __init__(self, events: Iterable[Event] | None = None) -> None:
        """Take them; None if they have not been read."""
        self._events: list[Event] | None = None if events is None else list(events)

    @property
    def is_read(self) -> bool:
        """Whether they are here."""
        return self._events is not None

    @property
    def events(self) -> Sequence[Event]:
        """All of them, from position 1. Raises NotReadError."""
        if self._events is None:
            raise NotReadError
        return self._events

    def fill(self, events: Iterable[Event]) -> None:
        """Here they are."""
        self._events = list(events)

    def extend(self, events: Iterable[Event]) -> None:
        """These were stored since; nothing happens if the ones before are not here."""
        if self._events is not None:
            self._events.extend(events)


class Calls(Protocol):
    """The only way from a program to user code.

    `past` is the history that a decider may look at.
    """

    answers: list[Answer]
    past: Past

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:
        """Call the function of this name on these values; errors come back as answers.

        Raises MissingFunctionError.
        """
        ...


UNREAD = Past()
"""For programs that never look back."""


class LiveCalls:
    """Calls the functions that are here."""

    __slots__ = ("_functions", "answers", "past")

    def __init__(
        self,
        functions: Mapping[str, Callable[[Mapping[str, Any]], Any]],
        past: Past = UNREAD,
    ) -> None:
        """Take the functions by name; each is handed the values and returns JSON."""
        self._functions = functions
        self.past = past
        self.answers: list[Answer] = []

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:
        """Call and record."""
        function = self._functions.get(name)
        if function is None:
            raise MissingFunctionError(name)
        try:
            answer = Answer(name, function(values))
        except ToldError as error:
            answer = Answer(name, error=error.failure)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user function raises is its answer
            answer = Answer(name, error=Failure(type(error).__name__, _text(error)))
        self.answers.append(answer)
        return answer


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error's own `__str__` is user code too
        return ""


class RecordedCalls:
    """Gives recorded answers again, in their order.

    For replay, and to prove that preview and commit agree.
    """

    __slots__ = ("_left", "answers", "past")

    def __init__(self, answers: Sequence[Answer], past: Past = UNREAD) -> None:
        """Take the answers in the order in which they were given."""
        self._left = list(answers)
        self.past = past
        self.answers: list[Answer] = []

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - the port's signature
        """Give the next recorded answer."""
        if not self._left or self._left[0].name != name:
            raise MissingFunctionError(name)
        answer = self._left.pop(0)
        self.answers.append(answer)
        return answer
