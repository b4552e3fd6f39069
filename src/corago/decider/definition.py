"""Deciders as users write them: classes with a `decide`, with handlers, or with rules."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from corago.arguments import options
from corago.arguments.signatures import is_async, shortened
from corago.clock import SystemClock
from corago.core import events as e
from corago.core.calls import LiveCalls, Past
from corago.core.codec import canonical, plain
from corago.core.history import begin, fold
from corago.core.preview import Preview, Question, foresee
from corago.decider.activities import AnyActivity, specs_of
from corago.decider.asking import Answer, decider
from corago.decider.news import ActivityEnded, ChildEnded, ChildUnborn
from corago.decider.process import Process
from corago.decider.program import DeciderProgram
from corago.decider.rules import Bound, Rules, kind_of, rules_of
from corago.decider.state import DECIDE
from corago.errors import DefinitionError
from corago.secrecy import seal

if TYPE_CHECKING:

    class _Kind(type):
        """Whatever these are in a class, an engine can take it: pyright looks for them here."""

        name: str
        version: int
        timeout: Any
        children: Sequence[Any]

else:
    _Kind = type


class Workflow(metaclass=_Kind):
    """A process is guided by what this decides (seed: pyworkflow): what an engine registers.

    Write a class with `decide(self, process)` (a classmethod will do), or with handlers such as
    `initiate` and `respond_to_signal`, or with rules (see `corago.decider.rules`); with handlers
    and rules both, a handler answers first. Nothing is kept in the object: it is made anew for
    each decision.

    Attributes:
        name: what processes, the command line and the database call it; the class's name if not
            said.
        version: from 1; each start pins (name, version, sha).
        activities: the activities whose code it brings. Others that it schedules are found by
            their names, among those of an engine.
        children: the workflows that its processes start processes of.
        timeout: seconds (or a timedelta) that a process may take; None: for ever.
        handles_cancel: whether `decide` answers a request to stop; otherwise that ends the process
            at once. A handler or a rule for it is enough.
        rules: a set of rules made with `Rules()`.
        description: one line for people, from the docstring.
        kind: always "decider".
        document: the definition as data: names, policies and types as text, never code.
        canonical: the document as canonical JSON, as the definitions table keeps it.
        sha: SHA-256 of that, in hexadecimal.
        functions: the code by name: `decide`, and each activity.
        program: the pure program that the document means.
    """

    kind: ClassVar[Literal["decider"]] = "decider"
    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    activities: ClassVar[Sequence[AnyActivity]] = ()
    children: ClassVar[Sequence[Any]] = ()
    timeout: ClassVar[Any] = None
    handles_cancel: ClassVar[bool] = False
    rules: ClassVar[Rules] = Rules()
    description: ClassVar[str] = ""
    document: ClassVar[dict[str, Any]]
    canonical: ClassVar[bytes]
    sha: ClassVar[str]
    functions: ClassVar[Mapping[str, Any]]
    program: ClassVar[DeciderProgram]

    _answers: ClassVar[tuple[Bound, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Judge and compile the class.

        Raises DefinitionError for one that decides nothing, or not at once; InvalidOptionError.
        """
        super().__init_subclass__()
        cls._answers = rules_of(cls, cls.rules)
        if _decides(cls):
            _compile(cls)

    # -- deciding ----------------------------------------------------------------------------

    if TYPE_CHECKING:

        def decide(self, *args: Any, **kwargs: Any) -> Answer:
            """See below: so that a classmethod will do for all checkers."""

    else:

        def decide(self, process: Process) -> Answer:
            """Answer what has come: all that is new, in order, by handlers and rules.

            Yours to write, or left as it is.
            """
            return self._answered(process)

    def _answered(self, process: Process) -> Iterator[Answer]:
        for event in process.unseen_events():
            for answer in self._responses(process, event):
                yield answer()
                if process.is_ending:
                    return

    def _responses(self, process: Process, event: e.Event) -> Iterator[Callable[[], Answer]]:
        kind = kind_of(event)
        if not kind:
            return
        told = (process,) if kind == "initiated" else (process, event)
        yield partial(getattr(self, _HANDLERS[kind]), *told)
        for each in self._answers:
            if each.rule.kind == kind and each.rule.matches(event):
                yield partial(each.answer, self, process, event)

    def initiate(self, process: Process) -> Answer:
        """The process has begun."""

    def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
        """An activity has ended well: `event.value` is what it returned."""

    def respond_to_interrupted_activity(self, process: Process, event: ActivityEnded) -> Answer:
        """An activity failed, aborted, timed out or was canceled: `event.result` says which."""

    def respond_to_signal(self, process: Process, event: e.SignalReceived) -> Answer:
        """A signal has come, with `event.name` and `event.data`."""

    def respond_to_timer(self, process: Process, event: e.TimerFired) -> Answer:
        """A timer has fired, with `event.timer` and `event.data`."""

    def respond_to_completed_child(self, process: Process, event: ChildEnded) -> Answer:
        """A child has ended well: `event.result` is what it came to."""

    def respond_to_interrupted_child(
        self, process: Process, event: ChildEnded | ChildUnborn
    ) -> Answer:
        """A child has ended otherwise, or could not be started: `event.error` says why."""

    def respond_to_cancel_request(self, process: Process, event: e.CancelRequested) -> Answer:
        """The process is asked to stop. Without this (or a rule), that ends it at once."""

    def respond_to_update(self, process: Process, event: e.ExternalUpdated) -> Answer:
        """The external store has changed: `event.changes`."""

    def respond_to_resumption(
        self, process: Process, event: e.ProcessReopened | e.ProcessResumed
    ) -> Answer:
        """A person has let it go on: after it had failed, or was set aside."""

    # -- without an engine -------------------------------------------------------------------

    @classmethod
    def check_input(cls, given: Any) -> Any:
        """The input of a new process: any JSON value."""
        return cls.program.check_input(given)

    @classmethod
    def preview(
        cls,
        input: Any = None,
        *,
        history: Iterable[e.Event] | None = None,
        signal: tuple[str, Any] | str | None = None,
        update: Mapping[str, Any] | None = None,
        outcome: tuple[str, Any] | None = None,
        retry: bool | str = False,
        skip: bool | str = False,
        set_result: tuple[str, Mapping[str, Any]] | Mapping[str, Any] | None = None,
        cancel: bool = False,
        abort: bool = False,
        tags: Iterable[str] = (),
        at: datetime | None = None,
    ) -> Preview:
        """What a process would decide, without an engine.

        Args:
            input: what a new process is started with.
            history: the events of a process that goes on from there, in place of a new one.
            signal: a signal that comes: a name, or a name and data.
            update: changes of the external store.
            outcome: an activity's id, and what it returns, or an exception, or its end outright.
            retry: True, or what is retried.
            skip: True, or what is passed over.
            set_result: a result, or an activity's id and a result.
            cancel: whether it is asked to stop.
            abort: whether it is ended by force; asked alone.
            tags: the tags of a new process.
            at: the instant to think of; None: now.

        Raises:
            InvalidInputError: for values that JSON can't hold.
            StoreCorruptError: for a history without its beginning.
        """
        now = SystemClock().now() if at is None else at
        question = Question(
            signal=signal,
            update=update,
            retry=retry,
            skip=skip,
            set_result=set_result,
            cancel=cancel,
            abort=abort,
            outcome=outcome,
            seal=seal,
        )
        if history is None:
            events: list[e.Event] = [cls._started(input, tags, now)]
            snapshot = begin(cls.program, events[0])  # type: ignore[arg-type]  # made just now
        else:
            events = list(history)
            shas = [each.sha for each in events if isinstance(each, e.DefinitionChanged)]
            snapshot = fold(cls.program, events, None, dict.fromkeys(shas, cls.program))
        calls = LiveCalls(cls.functions, Past(events))
        return foresee(cls.program, snapshot, (), question, now, calls)

    @classmethod
    def _started(cls, given: Any, tags: Iterable[str], at: datetime) -> e.ProcessStarted:
        return e.ProcessStarted(
            position=1,
            at=at,
            process_id="preview",
            workflow=cls.name,
            version=cls.version,
            sha=cls.sha,
            input=plain(cls.program.discreet(cls.check_input(given)), "input", seal),
            tags=tuple(tags),
            timeout=cls.timeout,
        )

    @classmethod
    def text(cls) -> str:
        """What the decider declares, for a terminal."""
        return cls._drawn("text")

    @classmethod
    def svg(cls) -> str:
        """The same as SVG: one text that needs nothing else, with no script in it."""
        return cls._drawn("svg")

    @classmethod
    def dot(cls) -> str:
        """The same in the DOT language of Graphviz."""
        return cls._drawn("dot")

    @classmethod
    def mermaid(cls) -> str:
        """The same as a Mermaid flowchart."""
        return cls._drawn("mermaid")

    @classmethod
    def _drawn(cls, form: str) -> str:
        from corago.decider.drawings import FORMATS  # noqa: PLC0415 - few draw, all would load it

        return FORMATS[form](cls.document)


_HANDLERS: Mapping[str, str] = {
    "initiated": "initiate",
    "completed_activity": "respond_to_completed_activity",
    "interrupted_activity": "respond_to_interrupted_activity",
    "signal": "respond_to_signal",
    "timer": "respond_to_timer",
    "completed_child": "respond_to_completed_child",
    "interrupted_child": "respond_to_interrupted_child",
    "cancel_requested": "respond_to_cancel_request",
    "updated": "respond_to_update",
    "resumed": "respond_to_resumption",
}
"""The handler for each kind of news."""


# -- compiling -------------------------------------------------------------------------------------


def _decides(cls: type[Workflow]) -> bool:
    """Whether a class decides anything; one that does not is for others to extend."""
    names = ("decide", *_HANDLERS.values())
    written = [name for name in names if getattr(cls, name) is not getattr(Workflow, name)]
    for name in written:
        function = getattr(cls, name)
        if is_async(function) or inspect.isasyncgenfunction(function):
            raise DefinitionError(
                f"{cls.__name__}: {name} is async, and a decider answers at once: write a plain "
                "`def`, and let activities do what takes time"
            )
    return bool(written or cls._answers)


def _compile(cls: type[Workflow]) -> None:
    name = cls.name if "name" in vars(cls) else cls.__name__
    cls.name = options.name(name, f"decider {cls.__name__}")
    label = f"decider {name!r}"
    cls.version = options.count(cls.version, f"{label}: version")
    cls.timeout = None if cls.timeout is None else options.seconds(cls.timeout, f"{label}: timeout")
    cls.children = _children(label, cls.children)
    cls.description = _summary(cls)
    specs = specs_of(_several(label, "activities", cls.activities), label)
    functions: dict[str, Any] = {key: spec.function for key, spec in specs.items()}
    answers = any(each.rule.kind == "cancel_requested" for each in cls._answers)
    handler = cls.respond_to_cancel_request is not Workflow.respond_to_cancel_request
    flag = options.flag(cls.handles_cancel, f"{label}: handles_cancel")
    cls.handles_cancel = flag or handler or answers
    cls.document = {
        "kind": cls.kind,
        "name": name,
        "version": cls.version,
        "activities": [spec.document() for spec in specs.values()],
    }
    if cls.description:
        cls.document["description"] = cls.description
    if cls.timeout is not None:
        cls.document["timeout"] = cls.timeout
    if cls.handles_cancel:
        cls.document["handles_cancel"] = True
    cls.canonical = canonical(cls.document)
    cls.sha = hashlib.sha256(cls.canonical).hexdigest()
    cls.program = DeciderProgram(cls.document)
    functions[DECIDE] = decider(lambda process: cls().decide(process), specs, functions)
    cls.functions = MappingProxyType(functions)
    _check_decide(cls, label)


def _check_decide(cls: type[Workflow], label: str) -> None:
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        raise DefinitionError(
            f"{label}: its __init__ can't be called without arguments ({error}); it is made anew "
            "for each decision and keeps nothing: leave __init__ out"
        ) from error
    try:
        inspect.signature(cls().decide).bind(None)
    except TypeError as error:
        raise DefinitionError(
            f"{label}: decide can't be called with a process alone ({error}): write "
            "decide(self, process)"
        ) from error


def _several(label: str, word: str, given: Any) -> list[Any]:
    if isinstance(given, (list, tuple)):
        return list(given)
    raise DefinitionError(
        f"{label}: `{word}` are several: write {word} = [{shortened(given)}], in brackets"
    )


def _children(label: str, given: Any) -> tuple[Any, ...]:
    found = _several(label, "children", given)
    for each in found:
        if not (hasattr(each, "program") and hasattr(each, "sha")):
            raise DefinitionError(
                f"{label}: `children` are workflows, and {shortened(each)} is none; one that is "
                "known by name only is registered with an engine"
            )
    return tuple(found)


def _summary(cls: type[Workflow]) -> str:
    """The first paragraph of a class's own docstring, as one line."""
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    return " ".join(text.partition("\n\n")[0].split())
