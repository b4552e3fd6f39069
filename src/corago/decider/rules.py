"""Rules: what a decider does when something has come, one function for each kind of news.

In a class, the functions of this module mark its methods; a set of its own is made by `Rules()`.
Where several rules match, all of them answer, in the order in which they were declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from corago.arguments.signatures import is_async, name_of, shortened
from corago.core import events as e
from corago.decider.activities import spec_of
from corago.decider.news import ActivityEnded, ChildEnded, ChildUnborn
from corago.errors import DefinitionError

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__corago_rules__"


class _Anything:
    """Matches whatever there is."""

    def __repr__(self) -> str:
        return "anything"


ANY: Any = _Anything()
"""Where nothing is said, anything will do."""


@dataclass(frozen=True)
class Rule:
    """For news of one `kind`: the function answers where all `tests` of attributes hold."""

    kind: str
    tests: tuple[tuple[str, Any], ...]
    function: Callable[..., Any]

    def matches(self, event: e.Event) -> bool:
        """Whether it answers to this event, which is of its kind."""
        return all(_holds(wanted, getattr(event, name)) for name, wanted in self.tests)


def _holds(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, type):
        return isinstance(value, wanted)
    return bool(wanted(value)) if callable(wanted) else bool(value == wanted)


def kind_of(event: e.Event) -> str:
    """Which rules, and which handler, an event as a decider sees it is for; empty: none."""
    match event:
        case ActivityEnded():
            return "completed_activity" if event.is_completed else "interrupted_activity"
        case ChildEnded():
            return "completed_child" if event.is_completed else "interrupted_child"
        case _:
            return _KINDS.get(type(event), "")


_KINDS: Mapping[type[e.Event], str] = {
    e.ProcessStarted: "initiated",
    e.SignalReceived: "signal",
    e.TimerFired: "timer",
    ChildUnborn: "interrupted_child",
    e.CancelRequested: "cancel_requested",
    e.ExternalUpdated: "updated",
    e.ProcessReopened: "resumed",
    e.ProcessResumed: "resumed",
}


class Rules:
    """A set of rules: functions of a process and an event, or of the process alone.

    What one is matched by is a value, or a function that is handed what there is and says yes or
    no; an activity or a workflow may stand for its name, and a class for its instances.
    """

    def __init__(self) -> None:
        """No rule yet."""
        self._rules: list[Rule] = []

    def __iter__(self) -> Iterator[Rule]:
        """The rules as they were declared."""
        return iter(self._rules)

    def __repr__(self) -> str:
        return f"<{len(self._rules)} rules>"

    @overload
    def initiated(self, function: F, /) -> F: ...
    @overload
    def initiated(self, /) -> Callable[[F], F]: ...
    def initiated(self, function: Any = None, /) -> Any:
        """When the process has begun: `rule(process)`."""
        return self._bare("initiated", function)

    def completed_activity(
        self, activity: Any = ANY, *, id: Any = ANY, input: Any = ANY, result: Any = ANY
    ) -> Callable[[F], F]:
        """When an activity has ended well: `rule(process, event)`, with an ActivityEnded.

        Args:
            activity: an activity or its name, or a function of the name.
            id: what it was scheduled as.
            input: what it was scheduled with.
            result: what it returned.
        """
        name = _named("completed_activity", activity)
        return self._rule("completed_activity", activity=name, id=id, input=input, value=result)

    def interrupted_activity(
        self, activity: Any = ANY, *, id: Any = ANY, input: Any = ANY, result: Any = ANY
    ) -> Callable[[F], F]:
        """When an activity failed, aborted, timed out or was canceled: `rule(process, event)`.

        Args:
            activity: as of `completed_activity`.
            id: as of `completed_activity`.
            input: as of `completed_activity`.
            result: how it ended: ActivityFailed, ActivityAborted, ActivityTimedOut,
                ActivityCanceled, or a function of that.
        """
        name = _named("interrupted_activity", activity)
        return self._rule("interrupted_activity", activity=name, id=id, input=input, result=result)

    def signal(self, name: Any = ANY, *, data: Any = ANY) -> Callable[[F], F]:
        """When a signal has come: `rule(process, event)`, with a SignalReceived."""
        return self._rule("signal", name=_named("signal", name), data=data)

    def timer(self, id: Any = ANY, *, data: Any = ANY) -> Callable[[F], F]:
        """When a timer has fired: `rule(process, event)`, with a TimerFired."""
        return self._rule("timer", timer=_named("timer", id), data=data)

    def completed_child(
        self, workflow: Any = ANY, *, id: Any = ANY, result: Any = ANY
    ) -> Callable[[F], F]:
        """When a child has ended well: `rule(process, event)`, with a ChildEnded.

        Args:
            workflow: a workflow or its name, or a function of the name.
            id: what it was started as.
            result: what it came to.
        """
        name = _named("completed_child", workflow)
        return self._rule("completed_child", workflow=name, id=id, result=result)

    def interrupted_child(
        self, workflow: Any = ANY, *, id: Any = ANY, status: Any = ANY
    ) -> Callable[[F], F]:
        """When a child has ended otherwise, or could not be started: `rule(process, event)`.

        Args:
            workflow: as of `completed_child`.
            id: as of `completed_child`.
            status: failed, canceled, aborted, timed_out, or "not started".
        """
        name = _named("interrupted_child", workflow)
        return self._rule("interrupted_child", workflow=name, id=id, status=status)

    @overload
    def cancel_requested(self, function: F, /) -> F: ...
    @overload
    def cancel_requested(self, /) -> Callable[[F], F]: ...
    def cancel_requested(self, function: Any = None, /) -> Any:
        """When the process is asked to stop: `rule(process, event)`. Else that ends it at once."""
        return self._bare("cancel_requested", function)

    @overload
    def updated(self, function: F, /) -> F: ...
    @overload
    def updated(self, /) -> Callable[[F], F]: ...
    def updated(self, function: Any = None, /) -> Any:
        """When the external store has changed: `rule(process, event)`, with ExternalUpdated."""
        return self._bare("updated", function)

    @overload
    def resumed(self, function: F, /) -> F: ...
    @overload
    def resumed(self, /) -> Callable[[F], F]: ...
    def resumed(self, function: Any = None, /) -> Any:
        """When a person has let it go on, a ProcessReopened or ProcessResumed."""
        return self._bare("resumed", function)

    def _keep(self, rule: Rule) -> None:
        self._rules.append(rule)

    def _bare(self, kind: str, function: Any) -> Any:
        decorate = self._rule(kind)
        return decorate if function is None else decorate(function)

    def _rule(self, kind: str, **tests: Any) -> Callable[[F], F]:
        told = tuple((name, wanted) for name, wanted in tests.items() if wanted is not ANY)
        for name, wanted in told:
            _check_matcher(kind, name, wanted)

        def decorate(function: F) -> F:
            _check_function(kind, function)
            rule = Rule(kind, told, function)
            self._keep(rule)
            marked: list[Rule] = getattr(function, _MARK, [])
            setattr(function, _MARK, [*marked, rule])
            return function

        return decorate


@dataclass(frozen=True)
class Bound:
    """A rule as a class has it: a function, or a method by its name; whether it takes the event."""

    rule: Rule
    method: str
    takes_event: bool

    def answer(self, decider: Any, process: Any, event: e.Event) -> Any:
        """What the rule says."""
        function = getattr(decider, self.method) if self.method else self.rule.function
        return function(process, event) if self.takes_event else function(process)


def rules_of(cls: type, given: Any) -> tuple[Bound, ...]:
    """The rules of a class as they were declared: those of its set, then its methods' own.

    Raises DefinitionError for what is no set, and for a rule that can't be called.
    """
    if not isinstance(given, Rules):
        hint = "rules = Rules()" if inspect.ismodule(given) else "Rules()"
        raise DefinitionError(
            f"{cls.__name__}: `rules` is a set of rules, made with {hint}, not {shortened(given)}"
        )
    found = {id(each): each for each in given}
    for base in reversed(cls.__mro__):
        for thing in vars(base).values():
            found |= {id(each): each for each in getattr(thing, _MARK, ())}
    return tuple(_bound(cls, rule) for rule in found.values())


def _bound(cls: type, rule: Rule) -> Bound:
    name = rule.function.__name__
    is_method = any(vars(base).get(name) is rule.function for base in cls.__mro__)
    # a subclass may have said the method anew
    count = takes(getattr(cls, name) if is_method else rule.function) - is_method
    if count not in (1, 2):
        raise DefinitionError(
            f"{cls.__name__}: the rule {name} takes {count} arguments: write "
            f"{name}(process, event), or {name}(process), with self before in a class"
        )
    return Bound(rule, name if is_method else "", count > 1)


# -- judging ---------------------------------------------------------------------------------------


def takes(function: Callable[..., Any]) -> int:
    """How many positional arguments a function takes."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    asked = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_POSITIONAL for each in asked):
        return 2
    return sum(each.kind in positional for each in asked)


def _check_function(kind: str, function: Any) -> None:
    what = f"@rules.{kind}"
    if not inspect.isfunction(function):
        raise DefinitionError(
            f"{what} stands above a `def`, right above it, not above {shortened(function)}"
        )
    if is_async(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"{what}: {name_of(function)} is async, and a decider answers at once: write a plain "
            "`def`, and let activities do what takes time"
        )


def _named(kind: str, wanted: Any) -> Any:
    """A name to be matched by: that of an activity or workflow, or what was given."""
    spec = spec_of(wanted)
    if spec is not None:
        return spec.name
    if hasattr(wanted, "program") and hasattr(wanted, "sha"):
        return wanted.name
    if isinstance(wanted, str) or wanted is ANY or inspect.isroutine(wanted):
        return wanted
    if callable(wanted) and not isinstance(wanted, type):
        return wanted
    raise DefinitionError(
        f"@rules.{kind}: a name, or a function of the name, is what it is matched by, not "
        f"{shortened(wanted)}"
    )


def _check_matcher(kind: str, name: str, wanted: Any) -> None:
    if not inspect.isfunction(wanted):
        return
    needed = [
        each
        for each in inspect.signature(wanted).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    if len(needed) > 1:
        raise DefinitionError(
            f"@rules.{kind}: {name_of(wanted)} takes {len(needed)} arguments, and what matches by "
            f"{name} takes one; if it is the rule itself, write @rules.{kind}() above it, with "
            "parentheses"
        )


class _Marks(Rules):
    """Those of classes: each class gathers its own methods."""

    def _keep(self, rule: Rule) -> None:
        pass


_marks = _Marks()

initiated = _marks.initiated
completed_activity = _marks.completed_activity
interrupted_activity = _marks.interrupted_activity
signal = _marks.signal
timer = _marks.timer
completed_child = _marks.completed_child
interrupted_child = _marks.interrupted_child
cancel_requested = _marks.cancel_requested
updated = _marks.updated
resumed = _marks.resumed
