"""What stands in a step list, and the list itself: immutable values that tell their document.

Nothing here runs a step, and no whole list is judged here (`steps.rules` does).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    overload,
)

from corago.arguments import options
from corago.arguments.injection import Asked
from corago.arguments.signatures import name_of, shortened
from corago.core.retry import Retry
from corago.errors import InvalidStepListError

P = ParamSpec("P")
R = TypeVar("R")
Scope = Mapping[str, Any]


class Flow(Protocol):
    """A workflow, of whatever door: in a step list it is a child."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def sha(self) -> str:
        """What tells its definition from others."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The definition as data."""


@dataclass(frozen=True)
class Guard:
    """A predicate that is asked before an element; its answer no passes over the element."""

    name: str
    asked: Asked = field(repr=False)

    def label(self, element: str) -> str:
        """What to call it in errors."""
        return f"predicate {self.name!r} of {element!r}"


@dataclass(frozen=True, repr=False)
class Element:
    """Anything that can stand in a step list."""

    kind: ClassVar[str]
    name: str
    guards: tuple[Guard, ...] = field(default=(), kw_only=True)

    @property
    def lists(self) -> tuple[StepList, ...]:
        """The step lists within it."""
        return ()

    def named(self, name: str) -> Self:
        """The same under another name, for this use. Raises InvalidOptionError."""
        return replace(self, name=options.name(name, self.kind))

    def guarded(self, guard: Guard) -> Self:
        """The same, asked for by one more predicate, before those it has."""
        return replace(self, guards=(guard, *self.guards))

    def document(self, scope: Scope) -> dict[str, Any]:
        """This element as data; `scope` holds the local names that types may use."""
        told = {"kind": self.kind, "name": self.name, **self._details(scope)}
        if self.guards:
            told["guards"] = [guard.name for guard in self.guards]
        return told

    def _details(self, scope: Scope) -> dict[str, Any]:  # noqa: ARG002 - for those that have some
        return {}

    def __rshift__(self, other: Element | StepList | Flow) -> StepList:
        """This, then `other`."""
        return StepList((self,)) >> other

    if not TYPE_CHECKING:  # type checkers refuse it, as they should

        def __rrshift__(self, other):  # noqa: ANN001, ANN204
            raise no_step(other, f"before {self.name!r}")

    def _text(self) -> str:
        return f"{self.kind}({self.name!r})"

    def __repr__(self) -> str:
        before = "".join(f"conditional({guard.name})(" for guard in self.guards)
        return before + self._text() + ")" * len(self.guards)


@dataclass(frozen=True, repr=False)
class Step(Element, Generic[P, R]):
    """A named function with its policies, `timeout` in seconds for each attempt.

    Called like the function that it was made from, it just calls it: handy in unit tests.
    """

    kind: ClassVar[str] = "step"
    asked: Asked = field(kw_only=True)
    retry: Retry | None = field(default=None, kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)
    at_most_once: bool = field(default=False, kw_only=True)
    queue: str | None = field(default=None, kw_only=True)
    undo: Step[..., Any] | None = field(default=None, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, with no State and no engine in sight."""
        called: R = self.asked.function(*args, **kwargs)
        return called

    @property
    def __wrapped__(self) -> Callable[P, R]:
        """The function, where `inspect` and `help` look for it."""
        return self.asked.function

    @property
    def __name__(self) -> str:
        """The function's name."""
        return name_of(self.asked.function)

    @property
    def label(self) -> str:
        """What to call it in errors."""
        return f"step {self.name!r}"

    def _details(self, scope: Scope) -> dict[str, Any]:
        told: dict[str, Any] = {"parameters": parameters_of(self.asked, self.label, scope)}
        if self.retry is not None:
            told["retry"] = _policy(self.retry)
        if self.timeout is not None:
            told["timeout"] = self.timeout
        if self.at_most_once:
            told["at_most_once"] = True
        if self.queue is not None:
            told["queue"] = self.queue
        if self.undo is not None:
            told["undo"] = {"name": self.undo.name, **self.undo._details(scope)}  # noqa: SLF001 - its own kind
        return told


def parameters_of(asked: Asked, label: str, scope: Scope) -> list[dict[str, Any]]:
    """What a function asks for, as data."""
    return [
        {"name": slot.name, "type": slot.text} | ({} if slot.required else {"optional": True})
        for slot in asked.slots(label, scope)
    ]


def _policy(retry: Retry) -> dict[str, Any]:
    # all of it, and always the same way: a default that changes must not change old definitions
    return {
        "attempts": retry.attempts,
        "delay": float(retry.delay),
        "factor": float(retry.factor),
        "cap": float(retry.cap),
        "jitter": float(retry.jitter),
        "give_up": list(retry.give_up),
    }


@dataclass(frozen=True, repr=False)
class Builtin(Element):
    """`init`, `done` or `abort` (seed: orchestrator-core)."""

    kind: str = field(kw_only=True)  # type: ignore[misc] # the one class of several kinds

    def named(self, name: str) -> Self:  # noqa: ARG002 - the signature of its kin
        """Not for builtins. Raises InvalidStepListError."""
        raise InvalidStepListError(f"{self!r} keeps its name {self.name!r}; only steps are renamed")

    def _text(self) -> str:
        return self.kind


@dataclass(frozen=True, repr=False)
class Parallel(Element):
    """Branches that run side by side."""

    kind: ClassVar[str] = "parallel"
    branches: tuple[StepList, ...] = ()

    @property
    def lists(self) -> tuple[StepList, ...]:
        """Its branches."""
        return self.branches

    def _details(self, scope: Scope) -> dict[str, Any]:
        return {"branches": [branch.document(scope) for branch in self.branches]}

    def _text(self) -> str:
        return f"parallel({', '.join([repr(self.name), *map(repr, self.branches)])})"


@dataclass(frozen=True, repr=False)
class Sleep(Element):
    """A pause of so many seconds."""

    kind: ClassVar[str] = "sleep"
    seconds: float = 0.0

    def _details(self, scope: Scope) -> dict[str, Any]:  # noqa: ARG002 - as above
        return {"seconds": self.seconds}

    def _text(self) -> str:
        return f"sleep({self.seconds:g})"


@dataclass(frozen=True, repr=False)
class WaitFor(Element):
    """A pause until a signal comes, `timeout` seconds at most; its data goes to State[into]."""

    kind: ClassVar[str] = "wait_for"
    signal: str = ""
    timeout: float | None = None
    into: str | None = None

    @property
    def key(self) -> str:
        """The key of the State that it writes."""
        return self.into or self.signal

    def _details(self, scope: Scope) -> dict[str, Any]:  # noqa: ARG002 - as above
        told: dict[str, Any] = {"signal": self.signal}
        if self.timeout is not None:
            told["timeout"] = self.timeout
        if self.into is not None:
            told["into"] = self.into
        return told

    def _text(self) -> str:
        return f"wait_for({self.signal!r})"


@dataclass(frozen=True, repr=False)
class Child(Element):
    """A process of another workflow, whose end this one waits for.

    `given` is its input: a dict, or what is asked of the State by `asked`, or (neither) the whole
    State. Its result goes to State[into], or is merged into the State.
    """

    kind: ClassVar[str] = "child"
    workflow: str = ""
    given: dict[str, Any] | None = None
    asked: Asked | None = field(default=None, repr=False)
    into: str | None = None
    definition: Any = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """What to call its input's function in errors."""
        return f"input of child {self.name!r}"

    def _details(self, scope: Scope) -> dict[str, Any]:
        told: dict[str, Any] = {"workflow": self.workflow}
        if self.given is not None:
            told["input"] = self.given
        if self.asked is not None:
            told["input_by"] = parameters_of(self.asked, self.label, scope)
        if self.into is not None:
            told["into"] = self.into
        return told

    def _text(self) -> str:
        return f"child({self.workflow!r})"


class StepList(Sequence[Element]):
    """Elements in order. `a >> b` makes a new list; how it is bracketed makes no difference."""

    __slots__ = ("_elements",)

    def __init__(self, elements: Iterable[Element] = ()) -> None:
        """Take the elements as they are."""
        self._elements = tuple(elements)

    def __rshift__(self, other: Element | StepList | Flow) -> StepList:
        """This list, then `other`. Raises InvalidStepListError, naming what is no step."""
        where = f"after {self._elements[-1].name!r}" if self._elements else "at the beginning"
        return StepList((*self._elements, *listed(other, where)))

    if not TYPE_CHECKING:  # type checkers refuse it, as they should

        def __rrshift__(self, other):  # noqa: ANN001, ANN204
            raise no_step(other, f"before {self!r}")

    @overload
    def __getitem__(self, index: int) -> Element: ...
    @overload
    def __getitem__(self, index: slice) -> StepList: ...
    def __getitem__(self, index: int | slice) -> Element | StepList:
        """An element by index from 0, or a part of the list."""
        found = self._elements[index]
        return StepList(found) if isinstance(found, tuple) else found

    def __len__(self) -> int:
        """How many elements it has, those of branches not counted."""
        return len(self._elements)

    def __eq__(self, other: object) -> bool:
        """Equal elements in the same order."""
        return isinstance(other, StepList) and self._elements == other._elements

    def __hash__(self) -> int:
        return hash(self._elements)

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self._elements)) or "begin"

    def walk(self) -> Iterator[Element]:
        """Every element, those of lists within included."""
        for element in self._elements:
            yield element
            for inner in element.lists:
                yield from inner.walk()

    def document(self, scope: Scope) -> list[dict[str, Any]]:
        """The elements as data."""
        return [element.document(scope) for element in self._elements]


def listed(thing: Any, where: str) -> StepList:
    """A step or list as a list. Raises InvalidStepListError, naming `where`, for anything else."""
    if isinstance(thing, StepList):
        return thing
    if isinstance(thing, Element):
        return StepList((thing,))
    if is_workflow(thing):
        return StepList((Child(thing.name, workflow=thing.name, definition=thing),))
    raise no_step(thing, where)


def is_workflow(thing: Any) -> bool:
    """Whether a thing is a workflow, of whatever door."""
    return hasattr(thing, "document") and hasattr(thing, "sha")


def no_step(thing: Any, where: str) -> InvalidStepListError:
    """The error for a thing that is no step, with what was probably meant."""
    return InvalidStepListError(f"{where} stands {_described(thing)}")


def _described(thing: Any) -> str:
    if inspect.iscoroutine(thing):
        thing.close()  # nobody will await it, and Python would warn of that
        return "a coroutine, which is no step: name the step without calling it"
    if thing is None:
        return "None, which is no step: does a function that should return steps lack its `return`?"
    if isinstance(thing, (list, tuple)):
        return f"a {type(thing).__name__}, which is no step list: join its steps with `>>`"
    if isinstance(thing, dict):
        return "a dict, which is no step: was a step called? Name it without parentheses"
    if str(getattr(thing, "__module__", "")).startswith("corago.steps"):
        return (
            "something unfinished: write `conditional(predicate)(step)`, and "
            "`step(name)(function)` or the same as a decorator"
        )
    if callable(thing) and not isinstance(thing, type):
        called = name_of(thing)
        return f'the function {called}, which is no step: put @step("…") above its `def`'
    return f"{shortened(thing)}, which is no step"
