"""Machines as classes: `define` makes one of a document, a class's body is compiled to one."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from types import FrameType, MappingProxyType
from typing import Any, ClassVar, Literal, NoReturn

from corago.clock import SystemClock
from corago.core.calls import LiveCalls
from corago.core.codec import canonical
from corago.core.events import ProcessStarted
from corago.core.preview import Preview
from corago.errors import DefinitionError, InvalidMachineError
from corago.machine.authoring import State
from corago.machine.checking import faults
from corago.machine.compiling import Compiled, compile_class
from corago.machine.durations import seconds_of
from corago.machine.exploring import Explored, Samples, explored, once
from corago.machine.faults import Fault, given_pointer
from corago.machine.foreseeing import NOT_GIVEN, Supposed, foreseen, opening, standing
from corago.machine.functions import Code, Function
from corago.machine.lint import Finding, errors, lint
from corago.machine.normal import name_of, read, unreadable
from corago.machine.parts import Event
from corago.machine.places import calls_of
from corago.machine.program import MachineProgram

_MADE = "__machine__"


class MachineClass(type):
    """The class of machines, which are classes themselves: a machine is called one everywhere."""

    def __instancecheck__(cls, instance: object) -> bool:
        """Whether this is a machine, made by `define` or as a class."""
        return isinstance(instance, MachineClass) and _MADE in vars(instance)

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        """Not for machines. Raises DefinitionError."""
        name = cls.__name__
        raise DefinitionError(
            f"{name} is a machine and is not called: start a process with "
            f"engine.start({name}, {{…}}), or name it without parentheses"
        )

    def __repr__(cls) -> str:
        if _MADE not in vars(cls):
            return super().__repr__()
        made: type[Machine] = cls  # type: ignore[assignment]
        states = len(made.document["states"])
        return f"<machine {made.name!r} version {made.version}: {states} states>"


class Machine(metaclass=MachineClass):
    """A state machine with a name: what an engine registers and starts.

    Made by `define`, or written as a class whose attributes are its states.

    Attributes:
        name: what processes, the command line and the database call it.
        version: from 1; each start pins (name, version, sha).
        description: one line for people.
        kind: always "machine".
        document: the definition as data, in its normal form.
        canonical: the document as canonical JSON, as the definitions table keeps it.
        sha: SHA-256 of that, in hexadecimal.
        functions: the code as it is run: activities by name, guards by `name?`, functions that set
            values by `name=`.
        code: the functions by name as they were handed over.
        program: the pure program that the document means.
        timeout: seconds after which an engine times a process out: a `lifetime` without a target.
        children: the workflows that its class starts processes of.
    """

    kind: ClassVar[Literal["machine"]] = "machine"
    name: ClassVar[str]
    version: ClassVar[int]
    description: ClassVar[str]
    document: ClassVar[dict[str, Any]]
    canonical: ClassVar[bytes]
    sha: ClassVar[str]
    functions: ClassVar[Mapping[str, Function]]
    code: ClassVar[Mapping[str, Callable[..., Any]]]
    program: ClassVar[MachineProgram]
    timeout: ClassVar[float | None]
    children: ClassVar[tuple[Any, ...]]

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: int = 1,
        description: str | None = None,
        conflict: Literal["error", "first"] | None = None,
        max_transitions: int | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Compile the class's body.

        Args:
            name: the machine's name; None: the class's in lower case.
            version: a whole number from 1.
            description: one line for people; None: the first paragraph of the docstring.
            conflict: "first": of two edges that hold the first is taken; else that is an error.
            max_transitions: so many transitions may follow from one message.
            functions: code for what the body names by text only.

        Raises:
            InvalidMachineError: with all faults of the class, by attribute and JSON pointer.
        """
        super().__init_subclass__()
        if _MADE in vars(cls):
            return
        if cls.__bases__ != (Machine,):
            bases = ", ".join(each.__name__ for each in cls.__bases__)
            raise DefinitionError(
                f"class {cls.__name__}({bases}): a machine extends nothing but Machine; what "
                "states share is written by group or anyof"
            )
        options = {
            "name": cls.__name__.lower() if name is None else name,
            "version": version,
            "description": _summary(cls) if description is None else description,
            "conflict": conflict,
            "max_transitions": max_transitions,
        }
        frame = inspect.currentframe()
        names = _locals(None if frame is None else frame.f_back)
        compiled = compile_class(cls, options, functions or {}, names, _TAKEN)
        for key, value in _made(compiled, {**names, **vars(cls)}).items():
            setattr(cls, key, value)

    @classmethod
    def check_input(cls, given: Any) -> dict[str, Any]:
        """The input of a new process: initial values of the external store; None is {}.

        Raises InvalidInputError for what is no field, does not fit, or is not there.
        """
        return cls.program.check_input(given)

    @classmethod
    def preview(
        cls,
        state: State | str | None = None,
        *,
        external: Mapping[str, Any] | None = None,
        internal: Mapping[str, Any] | None = None,
        event: str | tuple[str, Any] | Event | type[Event] | None = None,
        update: Mapping[str, Any] | None = None,
        outcome: Any = NOT_GIVEN,
        error: BaseException | str | None = None,
        previous: State | str | None = None,
        visits: Mapping[str, int] | None = None,
        at: datetime | None = None,
    ) -> Preview:
        """What a process would do, without an engine.

        Args:
            state: where it stands, a state or its name; None: it is started now.
            external: what the external store holds; other fields begin as declared.
            internal: what the internal store holds; other fields begin as declared.
            event: what comes: a name, a name and data, or an event's class or instance.
            update: changes of the external store that come from outside.
            outcome: what the state's work comes to in the end: its result, or an exception.
            error: what has failed, where the state is the error state.
            previous: the state that was left for this one, for `previous()`.
            visits: how often states were entered.
            at: the instant to think of; None: now.

        Raises:
            InvalidInputError: for states, fields and events that the machine has not, and values
                that do not fit.
        """
        supposed = Supposed(
            state=None if state is None else str(state),
            previous=None if previous is None else str(previous),
            external=external or {},
            internal=internal or {},
            visits=visits or {},
            error=error,
            event=_told(event),
            update=update,
            outcome=outcome,
        )
        started = cls._started(supposed, at)
        return foreseen(cls.program, started, supposed, LiveCalls(cls.functions))

    @classmethod
    def explore(
        cls,
        state: State | str | None = None,
        *,
        external: Mapping[str, Any] | None = None,
        internal: Mapping[str, Any] | None = None,
        events: Samples | None = None,
        outcomes: Samples | None = None,
        depth: int = 10,
        limit: int = 1000,
        at: datetime | None = None,
    ) -> Explored:
        """Where it can go from there: all events, outcomes and timers, and what follows.

        Args:
            state: where it stands, a state or its name; None: it is started.
            external: what the external store holds; other fields begin as declared.
            internal: what the internal store holds; other fields begin as declared.
            events: by name, the data to try; else one with the smallest values that fit.
            outcomes: by activity (for children by state), the results and exceptions to try; else
                one result, and one exception for each error that has an edge.
            depth: so many triggers follow each other.
            limit: so many branches are looked at.
            at: the instant to think of; None: now.

        Raises:
            InvalidInputError: as `preview`.
        """
        program = MachineProgram(once(cls.document))
        supposed = Supposed(
            state=None if state is None else str(state),
            external=external or {},
            internal=internal or {},
        )
        started = cls._started(supposed, at)
        return explored(
            program,
            standing(program, started, supposed),
            LiveCalls(cls.functions),
            now=started.at,
            events=events or {},
            outcomes=outcomes or {},
            depth=depth,
            limit=limit,
        )

    @classmethod
    def _started(cls, supposed: Supposed, at: datetime | None) -> ProcessStarted:
        given = opening(cls.program, supposed)
        return ProcessStarted(
            position=1,
            at=SystemClock().now() if at is None else at,
            process_id="preview",
            workflow=cls.name,
            version=cls.version,
            sha=cls.sha,
            input=given,
            external=cls.program.opening(given),
            timeout=cls.timeout,
        )

    @classmethod
    def lint(cls) -> tuple[Finding, ...]:
        """What may be wrong with the machine, errors first; see `corago.machine.lint`."""
        return lint(cls.document)

    @classmethod
    def text(cls) -> str:
        """The machine for a terminal: a block for each state, a line for each edge."""
        return cls._drawn("text")

    @classmethod
    def svg(cls) -> str:
        """The machine as SVG: one text that needs nothing else, with no script in it."""
        return cls._drawn("svg")

    @classmethod
    def dot(cls) -> str:
        """The machine in the DOT language of Graphviz."""
        return cls._drawn("dot")

    @classmethod
    def mermaid(cls) -> str:
        """The machine as a Mermaid flowchart."""
        return cls._drawn("mermaid")

    @classmethod
    def _drawn(cls, form: str) -> str:
        from corago.machine.drawings import FORMATS  # noqa: PLC0415 - few draw, all would load it

        return FORMATS[form](cls.document, None)


_TAKEN = frozenset(
    key for key in (*vars(Machine), *inspect.get_annotations(Machine)) if not key.startswith("__")
)
"""What every machine has as attributes, and no state may be called."""


def define(
    document: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
    *,
    code: bool = True,
) -> type[Machine]:
    """Make a machine of a document (seed: Impresario).

    Args:
        document: the machine as data; short forms are unfolded, the document itself is left alone.
        functions: by name, the functions that the document names: `{"call": NAME}` for guards and
            values, and activities. They are filled by parameter name and type: a guard may ask for
            external, internal, visits, event, result, error, state and to, an activity for its
            `args`.
        code: False for a document that is only looked at: drawn, linted, previewed, replayed.
            Then functions may be missing, and lint's errors are lint's to tell.

    Raises:
        InvalidMachineError: with all faults of the document, each with a JSON pointer and a fix,
            those that lint calls errors too; for functions that it names and were not handed over,
            with stubs to begin with.
    """
    frame = inspect.currentframe()
    names = _locals(None if frame is None else frame.f_back)
    try:
        given = dict(document) if isinstance(document, Mapping) else document
    except Exception as error:  # the border to users' code: a mapping of their own
        raise InvalidMachineError("?", [unreadable(error)]) from error
    compiled = Compiled(given)
    compiled.functions.update(functions or {})
    made = _made(compiled, names, needs_code=code)
    machine: type[Machine] = MachineClass(made["name"], (Machine,), made)  # type: ignore[assignment]
    return machine


# -- making ----------------------------------------------------------------------------------------


def _made(
    compiled: Compiled, names: Mapping[str, Any], *, needs_code: bool = True
) -> dict[str, Any]:
    """The attributes of a machine. Raises InvalidMachineError with all faults."""
    found = list(compiled.faults)
    known = {each.pointer for each in found}
    found += [each for each in faults(compiled.given) if not _is_within(each.pointer, known)]
    document, _ = read(compiled.given)
    code = Code(compiled.functions if needs_code else {}, names)
    used = list(calls_of(document)) if needs_code else []
    for each in used:
        code.take(each)
    found += [_in_given(each, compiled.given) for each in code.faults]
    if needs_code and not all(each.name in compiled.functions for each in used):
        found.append(_missing(document, compiled))
    if needs_code and not found:
        told = (Fault(f"/{each.pointer}", each.text, each.fix) for each in errors(document))
        found += [_in_given(each, compiled.given) for each in told]
    if found:
        raise InvalidMachineError(name_of(compiled.given), map(compiled.labelled, found))
    text = canonical(document)
    lifetime = document.get("lifetime", {"to": None})
    return {
        _MADE: True,
        "name": document["name"],
        "version": document["version"],
        "description": document.get("description", ""),
        "document": document,
        "canonical": text,
        "sha": hashlib.sha256(text).hexdigest(),
        "program": MachineProgram(document),
        "functions": MappingProxyType(code.functions),
        "code": MappingProxyType({each.name: compiled.functions[each.name] for each in used}),
        "timeout": None if "to" in lifetime else seconds_of(lifetime["delay"]),
        "children": tuple(dict.fromkeys(compiled.children)),
    }


def _told(event: str | tuple[str, Any] | Event | type[Event] | None) -> Any:
    """An event as a name and data."""
    if isinstance(event, Event):
        return event.__event__, asdict(event)  # type: ignore[call-overload]  # it is a dataclass
    return event.__event__ if isinstance(event, type) else event


def _is_within(place: str, known: Collection[str]) -> bool:
    """Whether a fault is told already, at this place or at one that it is a part of."""
    return any(each and (place == each or place.startswith(f"{each}/")) for each in known)


def _in_given(fault: Fault, given: Any) -> Fault:
    place, _ = given_pointer(given, fault.pointer)
    return Fault(place, fault.text, fault.fix)


def _missing(document: Mapping[str, Any], compiled: Compiled) -> Fault:
    """All functions that were not handed over, as one fault, with a file to begin with."""
    from corago.machine.stubs import missing, stubs  # noqa: PLC0415 - only this error needs it

    needed = missing(document, compiled.functions)
    told = "a function is missing" if len(needed) == 1 else f"{len(needed)} functions are missing"
    place, _ = given_pointer(compiled.given, needed[0].calls[0].pointer)
    return Fault(
        place,
        f"{told}: {', '.join(each.name for each in needed)}",
        "hand them over, as in define(document, functions={…}), or look at the document with "
        f"code=False; here they are to fill in:\n\n{stubs(document, needed)}",
    )


def _summary(cls: type) -> str | None:
    """The first paragraph of a class's own docstring, as one line."""
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    return " ".join(text.partition("\n\n")[0].split()) or None


def _locals(frame: FrameType | None) -> dict[str, Any]:
    """The names where a machine is made, for annotations that were not evaluated."""
    return {} if frame is None else {**frame.f_globals, **frame.f_locals}
