"""Activities as users write them: classes with an `execute`, and decorated functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, Unpack, overload

from corago.activity import ActivityFunction
from corago.arguments.signatures import name_of, shortened
from corago.core.retry import Retry
from corago.decider.handed import Attempted, standing
from corago.decider.policies import Options, Span
from corago.decider.specs import Spec, of_class, of_function
from corago.errors import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")

_MADE = "__activity__"


class Activity(Attempted):
    """A unit of work with effects outside (seed: pyworkflow). Write a class with an `execute`.

    What `execute(self)` returns completes it, what it raises fails it; it may say its end outright
    by returning `ActivityCompleted`, `ActivityFailed`, `ActivityAborted` or `ActivityCanceled`.
    `async def` is the same, and so is the seed's classmethod `execute(cls, task, worker)`.

    Each attempt is an object of its own. In a test, call it: `Foo(5).execute()`.

    Attributes:
        name: what processes, workers and the database call it; the class's name if not said.
        version: a number or a text, for activities of one name that live side by side.
        queue: whose workers run it; None: the worker that drives the process. `category` is an
            alias.
        schedule_to_start: how long it may wait in its queue, in seconds or as a timedelta.
        start_to_close: how long one attempt may take.
        schedule_to_close: how long it may take with all attempts and the waits between them.
        heartbeat_timeout: how long it may be silent between two heartbeats.
        retry: when to try again, a `Retry` or how many attempts there are; None: never.
        auto_complete: False if returning None is not the end: it waits for a completion from
            outside, by its `token`. Needs a queue.
        at_most_once: whether it may not run again when nobody knows if it ran.
        input: what it was scheduled with; an annotation in the class (`input: Order`) converts it.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int | str | None] = None
    queue: ClassVar[str | None] = None
    category: ClassVar[str | None] = None
    schedule_to_start: ClassVar[Span | None] = None
    start_to_close: ClassVar[Span | None] = None
    schedule_to_close: ClassVar[Span | None] = None
    heartbeat_timeout: ClassVar[Span | None] = None
    retry: ClassVar[Retry | int | None] = None
    auto_complete: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    input: Any

    def __init__(self, input: Any = None) -> None:
        """One attempt, at this input; without one, at the class's own `input`, if it has one."""
        self.input = deepcopy(getattr(type(self), "input", None)) if input is None else input
        self._context = standing(type(self).name)

    def __init_subclass__(cls) -> None:
        """Judge the class. Raises DefinitionError, InvalidOptionError."""
        super().__init_subclass__()
        if cls.execute is Activity.execute:
            return  # it is for others to extend
        if "name" not in vars(cls):
            cls.name = cls.__name__
        frame = inspect.currentframe()
        caller = None if frame is None else frame.f_back
        setattr(cls, _MADE, of_class(cls, {} if caller is None else caller.f_locals))

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Do it: yours to write. The value that is returned becomes JSON."""
        raise NotImplementedError(f"{type(self).__name__} has no execute")


class FunctionActivity(Generic[P, R]):
    """A function as an activity: made by `@activity`. Called, it is the function.

    Attributes:
        name: what processes, workers and the database call it.
        function: the function as it was written.
    """

    def __init__(self, function: Callable[P, R], spec: Spec) -> None:
        """Take the function, and what was said of it."""
        self.function = function
        self.name = spec.name
        self.__activity__ = spec
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, here and now, as if it were none."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<activity {self.__activity__.key!r}>"


AnyActivity = type[Activity] | FunctionActivity[..., Any]
"""An activity, in either form."""


@overload
def activity(function: Callable[P, R], /) -> FunctionActivity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    version: int | str | None = None,
    auto_complete: bool = True,
    **said: Unpack[Options],
) -> Callable[[Callable[P, R]], FunctionActivity[P, R]]: ...
def activity(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: int | str | None = None,
    auto_complete: bool = True,
    **said: Unpack[Options],
) -> Any:
    """Make a function an activity: `@activity`, or `@activity(queue="cards")`.

    One parameter takes the whole input; several are filled by name from an input that is a dict.
    Values are converted to the parameters' types, the result to the one that is written behind
    `->`. `current()` is its context. Sync and async.

    Args:
        function: the function.
        name: what it is called; None: the function's name.
        version: a number or a text, for activities of one name that live side by side.
        auto_complete: as of `Activity`.
        said: queue (or category), schedule_to_start, start_to_close, schedule_to_close,
            heartbeat_timeout, retry, at_most_once; as of `Activity`.

    Raises:
        DefinitionError: for a function that can't be filled by name.
        InvalidOptionError: for an option that makes no sense.
    """
    frame = inspect.currentframe()
    caller = None if frame is None else frame.f_back
    scope = {} if caller is None else caller.f_locals

    def decorate(wanted: Callable[P, R]) -> FunctionActivity[P, R]:
        spec = of_function(
            wanted,
            scope,
            name=name,
            version=version,
            auto_complete=auto_complete,
            said=said,
        )
        return FunctionActivity(wanted, spec)

    return decorate if function is None else decorate(function)


def spec_of(given: Any) -> Spec | None:
    """What is known of an activity; None for what is no activity."""
    holder = vars(given) if isinstance(given, type) else getattr(given, "__dict__", {})
    found = holder.get(_MADE)
    return found if isinstance(found, Spec) else None


def specs_of(given: Iterable[Any], where: str) -> dict[str, Spec]:
    """Activities by key; `where` says where they were named.

    Raises DefinitionError for what is no activity, and for two of one name and version.
    """
    found: dict[str, Spec] = {}
    for each in given:
        spec = spec_of(each)
        if spec is None:
            raise DefinitionError(f"{where}: {_no_activity(each)}")
        other = found.setdefault(spec.key, spec)
        if other is not spec:
            raise DefinitionError(
                f"{where}: two activities are called {spec.key!r}: rename one (`name`), or give "
                "it another `version`"
            )
    return found


def functions_of(given: Iterable[Any]) -> Mapping[str, ActivityFunction]:
    """The code of activities, by the names under which workers know them.

    For `Engine(activities=[…])`. Raises DefinitionError as `specs_of`.
    """
    return {key: spec.function for key, spec in specs_of(given, "Engine: activities").items()}


def _no_activity(given: Any) -> str:
    if isinstance(given, type) and issubclass(given, Activity):
        return f"{given.__name__} has no execute: write `def execute(self)` in it"
    if inspect.isfunction(given):
        return f"{name_of(given)} is a plain function: write @activity above it"
    if isinstance(given, Activity):
        return f"{shortened(given)} is one attempt: name the class, without parentheses"
    return f"{shortened(given)} is no activity: name Activity classes and @activity functions"
