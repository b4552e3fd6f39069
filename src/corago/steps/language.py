"""The words of a step list (seed: orchestrator-core): what authors import. Nothing runs here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from types import FrameType
from typing import Any, TypeVar, overload

from corago.arguments import options
from corago.arguments.injection import Asked
from corago.arguments.signatures import is_async, name_of, shortened
from corago.core.retry import Retry
from corago.errors import DefinitionError, InvalidOptionError, InvalidStepListError
from corago.steps.containers import Focus, Foreach, Group, Lens
from corago.steps.elements import (
    Builtin,
    Child,
    Element,
    Flow,
    Guard,
    P,
    Parallel,
    R,
    Sleep,
    Step,
    StepList,
    WaitFor,
    is_workflow,
    listed,
)

State = dict[str, Any]
"""What passes between steps: keys and values that JSON can hold (seed: orchestrator-core)."""

AnyElement = TypeVar("AnyElement", bound=Element)


class Target(StrEnum):
    """What a workflow does to a subscription (seed: orchestrator-core); SYSTEM ones are tasks."""

    CREATE = "CREATE"
    MODIFY = "MODIFY"
    TERMINATE = "TERMINATE"
    SYSTEM = "SYSTEM"
    VALIDATE = "VALIDATE"
    RECONCILE = "RECONCILE"


begin = StepList()
"""The empty list: `begin >> a >> b` is a part to be used in other lists."""

init = Builtin("Start", kind="init")
"""The first element of every workflow (seed: orchestrator-core)."""

done = Builtin("Done", kind="done")
"""The last element of a workflow: it completes, and its result is the State."""

abort = Builtin("Abort", kind="abort")
"""Ends the whole process as aborted, from a branch too; mostly made `conditional`."""


def step(
    name: str,
    *,
    retry: Retry | None = None,
    timeout: float | timedelta | None = None,
    at_most_once: bool = False,
    queue: str | None = None,
    undo: Step[..., Any] | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function, plain or `async`, a step (seed: orchestrator-core).

    Its arguments are filled by name from the State and converted to their annotations; a parameter
    named `state` gets a copy of it all. It returns a dict of what it changes, or None.

    Args:
        name: what histories, paths and drawings call it; any text of one line.
        retry: when to try again by itself after an error; None: a person decides.
        timeout: seconds (or a timedelta) that one attempt may take; None: as long as it wants.
        at_most_once: never start it again when a crash leaves unknown whether it took effect:
            a person decides. Otherwise it is started again, with the same idempotency key.
        queue: run it in a worker that serves this queue: `Engine(queues=[…])`; None: in the worker
            that drives its process.
        undo: the step that takes this one back: on a cancel, and on a failure where the workflow
            says so, the undos of all finished steps run, the last one first.

    Raises:
        InvalidOptionError: for an option that makes no sense.
        DefinitionError: when it is applied to a function that can't be filled by name.
    """
    text = options.name(name, "step")
    what = f"step {text!r}"
    line = None if queue is None else options.name(queue, f"{what}: queue")
    back = options.undo(undo, what)
    policy = options.retry(retry, what)
    limit = None if timeout is None else options.seconds(timeout, f"{what}: timeout")
    once = options.flag(at_most_once, f"{what}: at_most_once")

    def decorate(function: Callable[P, R]) -> Step[P, R]:
        if isinstance(function, (Element, StepList)):
            raise DefinitionError(
                f"{what} was put on {function!r}, a step already; step.named({text!r}) renames it"
            )
        asked = Asked(function, what, _locals(inspect.currentframe()))
        return Step(
            text,
            asked=asked,
            retry=policy,
            timeout=limit,
            at_most_once=once,
            queue=line,
            undo=back,
        )

    return decorate


def retrystep(
    name: str,
    retry: Retry = Retry(),  # noqa: B008 - a frozen value
    *,
    timeout: float | timedelta | None = None,
    at_most_once: bool = False,
    queue: str | None = None,
    undo: Step[..., Any] | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """A step that is tried again by itself: three attempts unless `retry` says otherwise.

    Seed: orchestrator-core, whose own waited for an hourly sweep. Options and errors as in `step`.
    """
    if retry is None:
        raise InvalidOptionError(f"retrystep {name!r}: without a retry policy, use `step`")
    return step(
        name, retry=retry, timeout=timeout, at_most_once=at_most_once, queue=queue, undo=undo
    )


class Conditional:
    """`conditional(predicate)`, waiting for what depends on it."""

    __slots__ = ("_guard",)

    def __init__(self, guard: Guard) -> None:
        """Take the predicate."""
        self._guard = guard

    @overload
    def __call__(self, steps: AnyElement) -> AnyElement: ...
    @overload
    def __call__(self, steps: StepList | Flow) -> StepList: ...
    def __call__(self, steps: Element | StepList | Flow) -> Element | StepList:
        """The step, or each element of the list, under this condition."""
        if isinstance(steps, Element):
            return steps.guarded(self._guard)
        inner = listed(steps, f"in conditional({self._guard.name})")
        return StepList(element.guarded(self._guard) for element in inner)


def conditional(predicate: Callable[..., Any]) -> Conditional:
    """Run what follows only while the predicate says yes (seed: orchestrator-core).

    It gets its arguments like a step, is asked before *each* inner element, so that an inner step
    can turn off those behind it, and each answer is recorded. It must be free of side effects.
    Raises DefinitionError for a predicate that is async or can't be filled by name.
    """
    if isinstance(predicate, (Element, StepList)):
        raise InvalidStepListError(
            f"conditional({predicate!r}): first the predicate, then the steps, as in "
            "conditional(predicate)(steps)"
        )
    if not callable(predicate):
        raise DefinitionError(
            f"conditional needs a function of the State's keys, not {shortened(predicate)}"
        )
    name = name_of(predicate)
    if is_async(predicate):
        raise DefinitionError(
            f"predicate {name!r} is async; predicates only look at the State: make it a plain "
            "`def`, and let a step before it fetch what it needs"
        )
    label = f"predicate {name!r}"
    return Conditional(Guard(name, Asked(predicate, label, _locals(inspect.currentframe()))))


def parallel(name: str, *branches: Element | StepList | Flow) -> Parallel:
    """Run branches side by side; what follows waits for all of them.

    Each branch sees the State from before and its own changes; no two may write one key. When one
    fails, the others finish first, then the process is `failed`, and a retry runs the failed ones.
    Raises InvalidStepListError without branches, or for one that is empty or no step.
    """
    text = options.name(name, "parallel")
    if not branches:
        raise InvalidStepListError(f"parallel({text!r}) has no branches; give it steps or lists")
    lists = [
        listed(branch, f"as branch {number} of parallel {text!r}")
        for number, branch in enumerate(branches, start=1)
    ]
    for number, branch in enumerate(lists, start=1):
        if not branch:
            raise InvalidStepListError(f"branch {number} of parallel {text!r} is empty; remove it")
    return Parallel(text, tuple(lists))


def step_group(name: str, steps: Element | StepList | Flow) -> Group:
    """A list with a name of its own (seed: orchestrator-core).

    A retry resumes at exactly the inner step. Raises InvalidStepListError for an empty list.
    """
    text = options.name(name, "step_group")
    return Group(text, steps=_inner(steps, f"step_group {text!r}"))


def foreach(
    name: str,
    key: str,
    steps: Element | StepList | Flow,
    *,
    into: str | None = None,
    limit: int = 16,
) -> Foreach:
    """Run steps for each item of the list State[key].

    They find `item` and `index` (from 0) in their State, and see nothing of each other. What each
    run has written is a dict, and these dicts are State[into or name], in the order of the items.
    When one fails, the others finish first, and a retry runs the failed ones.

    Args:
        name: what histories, paths and drawings call it; an item's path is `name[index]/…`.
        key: where the items are.
        steps: a step or list.
        into: where the results go; None: State[name].
        limit: how many items are under way at a time.

    Raises:
        InvalidOptionError: for an option that makes no sense.
        InvalidStepListError: for an empty list.
    """
    text = options.name(name, "foreach")
    what = f"foreach {text!r}"
    return Foreach(
        text,
        key=options.name(key, f"{what}: key"),
        into=None if into is None else options.name(into, f"{what}: into"),
        limit=options.count(limit, f"{what}: limit"),
        steps=_inner(steps, what),
    )


def focussteps(key: str) -> Callable[[Element | StepList | Flow], Focus]:
    """`focussteps(key)(steps)`: they see State[key] as their State (seed: orchestrator-core).

    What they write goes there; where nothing is there yet, they begin with an empty dict.
    """
    text = options.name(key, "focussteps")

    def focus(steps: Element | StepList | Flow) -> Focus:
        return Focus(text, key=text, steps=_inner(steps, f"focussteps({text!r})"))

    return focus


def steplens(
    get: Callable[..., Any],
    set: Callable[..., Any],  # noqa: A002 - the seed's word
) -> Callable[[Element | StepList | Flow], Lens]:
    """`steplens(get, set)(steps)`: they see what `get` makes of the State.

    Seed: orchestrator-core. `get` is filled like a step and gives a dict, the State of the inner
    steps. At their end, `set` is filled in the same way, with theirs as `substate`, and gives what
    changes outside. Both run as steps, `…/get` and `…/set`, and what they gave is recorded.
    """
    frame = inspect.currentframe()
    scope = _locals(frame)
    name = name_of(get)
    text = "Lens" if name == "<lambda>" else options.name(name, "steplens")
    asked = {
        part: Asked(function, f"{part} of steplens {text!r}", scope)
        for part, function in (("get", get), ("set", set))
    }

    def lens(steps: Element | StepList | Flow) -> Lens:
        inner = _inner(steps, f"steplens {text!r}")
        return Lens(text, get=asked["get"], set=asked["set"], steps=inner)

    return lens


def child(
    workflow: Flow | str,
    *,
    input: Mapping[str, Any] | Callable[..., Mapping[str, Any]] | None = None,
    into: str | None = None,
) -> Child:
    """A process of another workflow, started here; what follows waits for its end.

    A workflow without parentheses after `>>` is the same.

    Args:
        workflow: the workflow, or the name of one that is registered.
        input: a dict; or a function, filled like a step, that gives one; None: the whole State.
        into: the key of the State for its result; None: its result is merged into the State.

    Raises:
        InvalidStepListError: for what is no workflow.
        InvalidOptionError: for an option that makes no sense.
    """
    if not (isinstance(workflow, str) or is_workflow(workflow)):
        raise InvalidStepListError(
            f"child takes a workflow or the name of one, not {shortened(workflow)}"
        )
    name = options.name(workflow if isinstance(workflow, str) else workflow.name, "child")
    label = f"input of child {name!r}"
    given, asked = None, None
    if callable(input):
        asked = Asked(input, label, _locals(inspect.currentframe()))
    elif input is not None:
        given = options.values(input, label)
    return Child(
        name,
        workflow=name,
        given=given,
        asked=asked,
        into=None if into is None else options.name(into, f"child {name!r}: into"),
        definition=None if isinstance(workflow, str) else workflow,
    )


def _inner(steps: Element | StepList | Flow, where: str) -> StepList:
    found = listed(steps, f"in {where}")
    if not found:
        raise InvalidStepListError(f"{where} is empty; give it steps, or remove it")
    return found


def sleep(duration: float | timedelta) -> Sleep:
    """Pause for so many seconds (or a timedelta), counted from when the process gets there.

    It survives restarts and holds no thread. Raises InvalidOptionError for a negative duration.
    """
    return Sleep("Sleep", options.seconds(duration, "sleep", least="0 or more"))


def wait_for(
    signal: str, *, timeout: float | timedelta | None = None, into: str | None = None
) -> WaitFor:
    """Pause until a signal of this name comes; its data goes to State[into or signal].

    A signal that came earlier and was not taken yet counts. After `timeout` seconds (or a
    timedelta) the wait fails like a step; a retry waits again. Raises InvalidOptionError.
    """
    text = options.name(signal, "wait_for")
    limit = None if timeout is None else options.seconds(timeout, f"wait_for {text!r}: timeout")
    key = None if into is None else options.name(into, f"wait_for {text!r}: into")
    return WaitFor(f"Wait for {text}", signal=text, timeout=limit, into=key)


def _locals(frame: FrameType | None) -> dict[str, Any]:
    """The local names of whoever called the function that `frame` runs: types may be among them."""
    caller = None if frame is None else frame.f_back
    return {} if caller is None or caller.f_locals is caller.f_globals else dict(caller.f_locals)
