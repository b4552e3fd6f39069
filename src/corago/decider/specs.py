"""What was said of an activity, checked and made ready to run: by its class, or its function."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from corago.activity import ActivityFunction
from corago.arguments import options
from corago.arguments.discretion import discreet, kind_of, secret, secrets_of
from corago.arguments.injection import Asked
from corago.arguments.signatures import annotations_of, is_async, shortened
from corago.arguments.slots import Slot
from corago.core.codec import plain
from corago.decider.handed import ActivityTask, Invoker
from corago.decider.policies import Options, Policies, policies
from corago.decider.results import told
from corago.decider.state import RESERVED, VERSION_MARK
from corago.decider.taking import Take, input_of, return_of, returned, take
from corago.errors import DefinitionError, InvalidOptionError
from corago.secrecy import seal

if TYPE_CHECKING:
    from corago.decider.activities import Activity

Scope = Mapping[str, Any]
"""Local names where an activity was written, which its types may use."""

Call = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Spec:
    """An activity: what it is called, how it is run, and its code.

    `call` runs it, with arguments by name; `asked` and `back` say what it takes and returns. Types
    that are not known yet when it is written may be defined further down: they are looked up when
    its code is first asked for. What `defers` is completed from outside.
    """

    name: str
    version: int | str | None
    policies: Policies
    call: Call
    asked: Asked
    back: Callable[..., Any]
    is_async: bool
    defers: bool
    scope: Scope = field(repr=False)

    def __post_init__(self) -> None:
        """Look the types up at once, if they are known; then the scope need not be kept alive."""
        with contextlib.suppress(NameError, DefinitionError):
            self.__dict__["_take"] = take(self.asked.slots(self.label, self.scope), self.label)
            self.__dict__["_back"] = return_of(self.back, self.label, self.scope)
            object.__setattr__(self, "scope", {})

    @property
    def label(self) -> str:
        """The activity for people."""
        return f"activity {self.key!r}"

    @property
    def key(self) -> str:
        """The name by which workers know it: with its version, where it has one."""
        return self.name if self.version is None else f"{self.name}{VERSION_MARK}{self.version}"

    @cached_property
    def _take(self) -> Take:
        return take(self.asked.slots(self.label, self.scope), self.label)

    @cached_property
    def _back(self) -> Slot | None:
        """A type that only type checkers see, or that is nowhere, is nobody's business here."""
        try:
            return return_of(self.back, self.label, self.scope)
        except NameError:
            return None

    @cached_property
    def function(self) -> ActivityFunction:
        """The code as workers run it. Raises DefinitionError for types that can't be resolved."""
        fill, back = self._take.fill, self._back

        def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
            return {"given": fill(values["input"]), "values": values}

        run = _awaiting if self.is_async else _calling
        return ActivityFunction(
            path=self.key,
            function=run(self.call),
            is_async=self.is_async,
            arguments=arguments,
            result=partial(returned, self.label, back),
            defers=self.defers,
        )

    def document(self) -> dict[str, Any]:
        """What a definition keeps: names, policies, and types as text. Raises as `function`."""
        kept: dict[str, Any] = {"name": self.name}
        if self.version is not None:
            kept["version"] = self.version
        kept |= self.policies.document()
        if self.defers:
            kept["auto_complete"] = False
        return kept | self._take.document()

    def raw(self, given: Any) -> Any:
        """An input as strict JSON, with those values as secrets that the code takes as such.

        Raises InvalidInputError, SecretKeyError, and as `function`.
        """
        return plain(self._discreet(given), f"input of {self.label}", seal)

    @cached_property
    def _discreet(self) -> Callable[[Any], Any]:
        asked = self._take.document()
        kind, keys = kind_of(asked.get("input", "")), secrets_of(asked.get("parameters", ()))
        if kind is not None:
            return lambda given: secret(given, kind)
        return lambda given: discreet(given, keys) if keys else given


def _calling(call: Call) -> Call:
    def run(given: dict[str, Any], values: Mapping[str, Any]) -> Any:
        return told(call(**given), values)

    return run


def _awaiting(call: Call) -> Call:
    async def run(given: dict[str, Any], values: Mapping[str, Any]) -> Any:
        value = call(**given)
        return told(await value if inspect.isawaitable(value) else value, values)

    return run


# -- functions -------------------------------------------------------------------------------------


def of_function(
    function: Callable[..., Any],
    scope: Scope,
    *,
    name: str | None,
    version: int | str | None,
    auto_complete: bool,
    said: Options,
) -> Spec:
    """What `@activity` says of a function. Raises DefinitionError, InvalidOptionError."""
    if not callable(function):
        raise InvalidOptionError(
            f"@activity stands above a function, not above {shortened(function)}; options go by "
            "keyword, as in @activity(name=…)"
        )
    if isinstance(function, type):
        raise DefinitionError(
            f"@activity stands above a function, and {function.__name__} is a class: let it extend "
            "Activity instead"
        )
    called = _name(getattr(function, "__name__", "") if name is None else name)
    label = f"activity {called!r}"
    for each in inspect.signature(function).parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            star = "*" if each.kind is each.VAR_POSITIONAL else "**"
            raise DefinitionError(
                f"{label}: `{star}{each.name}` names nothing in the input: name each parameter; if "
                "a decorator made this function, let it use functools.wraps"
            )
        if each.name == "self":
            raise DefinitionError(
                f"{label}: its function is a method, which has no object here: write a class that "
                "extends Activity, or a plain function"
            )
    return Spec(
        called,
        _version(label, version),
        policies(label, said),
        function,
        Asked(function, label, scope),
        function,
        is_async(function),
        _defers(label, policies(label, said), auto_complete),
        scope,
    )


# -- classes ---------------------------------------------------------------------------------------


def of_class(cls: type[Activity], scope: Scope) -> Spec:
    """What a class says of itself. Raises DefinitionError, InvalidOptionError."""
    called = _name(cls.name)
    label = f"activity {called!r}"
    said = Options(
        schedule_to_start=cls.schedule_to_start,
        start_to_close=cls.start_to_close,
        schedule_to_close=cls.schedule_to_close,
        heartbeat_timeout=cls.heartbeat_timeout,
        retry=cls.retry,
        at_most_once=cls.at_most_once,
        **_queue(cls),
    )
    found = policies(label, said)
    cls.queue = cls.category = found.queue
    execute = cls.execute
    module = sys.modules.get(cls.__module__)
    names = {**({} if module is None else vars(module)), **vars(cls)}
    default = getattr(cls, "input", inspect.Parameter.empty)
    asking = input_of(_annotation(cls), names, default)
    return Spec(
        called,
        _version(label, cls.version),
        found,
        _executing(cls, label),
        Asked(asking, label, scope),
        execute,
        is_async(execute),
        _defers(label, found, cls.auto_complete),
        scope,
    )


def _queue(cls: type[Activity]) -> Options:
    """The queue under either name, by whichever class said one last."""
    told = next(base for base in cls.__mro__ if not {"queue", "category"}.isdisjoint(vars(base)))
    return Options(queue=vars(told).get("queue"), category=vars(told).get("category"))


def _annotation(cls: type) -> dict[str, Any]:
    for base in cls.__mro__[:-2]:
        found = annotations_of(base)
        if "input" in found and base.__name__ != "Activity":
            return {"input": found["input"]}
    return {}


def _executing(cls: type[Activity], label: str) -> Call:
    """Makes an attempt and runs it, in whichever form it is written."""
    execute = cls.execute
    if inspect.isgeneratorfunction(execute) or inspect.isasyncgenfunction(execute):
        raise DefinitionError(f"{label}: execute is a generator; use `return` instead of `yield`")
    asked = list(inspect.signature(execute).parameters.values())
    if inspect.isfunction(inspect.getattr_static(cls, "execute")):
        asked = asked[1:]
    is_taken = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(each.kind in is_taken for each in asked)
    needed = [each for each in asked if each.default is each.empty and each.kind not in is_taken]
    if count > len(_HANDED) or any(each.kind is each.KEYWORD_ONLY for each in needed):
        raise DefinitionError(
            f"{label}: execute asks for {', '.join(each.name for each in asked)}: write "
            "execute(self), with the input as self.input, or execute(cls, task, worker)"
        )
    try:
        inspect.signature(cls).bind(input=None)
    except TypeError as error:
        raise DefinitionError(
            f"{label}: its __init__ can't be called with input=… alone ({error}): leave it out"
        ) from error

    def call(**given: Any) -> Any:
        attempt = cls(**given)
        return attempt.execute(*(make(attempt) for make in _HANDED[:count]))

    return call


_HANDED: tuple[Callable[[Activity], Any], ...] = (
    lambda attempt: ActivityTask(attempt.name, attempt.input, attempt._context),  # noqa: SLF001 - its own kind
    lambda attempt: Invoker(attempt._context),  # noqa: SLF001 - as above
)
"""What `execute` may ask for beside itself, in order."""


# -- words -----------------------------------------------------------------------------------------


def _name(given: Any) -> str:
    called = options.name(given, "an activity")
    if VERSION_MARK in called:
        raise InvalidOptionError(
            f"activity {called!r}: {VERSION_MARK!r} divides a name from its version: leave it out "
            "of the name, and say version=…"
        )
    if called in RESERVED:
        raise InvalidOptionError(
            f"activity {called!r}: that name stands for the decider itself: take another one"
        )
    return called


def _version(label: str, given: Any) -> int | str | None:
    if given is None or (isinstance(given, str) and given.strip()):
        return None if given is None else options.name(given, f"{label}: version")
    return options.count(given, f"{label}: version")


def _defers(label: str, said: Policies, auto_complete: Any) -> bool:
    if options.flag(auto_complete, f"{label}: auto_complete"):
        return False
    if said.queue is None:
        raise DefinitionError(
            f"{label}: auto_complete=False lets it wait for a completion from outside, and only "
            "work of a queue can: give it a queue"
        )
    return True
