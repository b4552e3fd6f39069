"""A workflow of steps: its document, its program, and its functions by path. Nothing runs here."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

from corago.activity import ActivityFunction
from corago.clock import SystemClock
from corago.core.calls import LiveCalls
from corago.core.codec import canonical, plain
from corago.core.events import ProcessStarted
from corago.core.history import begin as begin_history
from corago.core.preview import Preview, Question, foresee
from corago.errors import DefinitionError, InvalidOptionError
from corago.steps import injection, options, rules
from corago.steps.elements import Element, Guard, Parallel, Scope, Step, StepList, listed
from corago.steps.injection import Filler
from corago.steps.language import Target
from corago.steps.program import StepsProgram
from corago.steps.signatures import is_async, name_of, shortened

Function = ActivityFunction | Callable[[Mapping[str, Any]], bool]


class Workflow:
    """A step list with a name: what an engine registers and starts. Made by `@workflow`.

    Attributes:
        name: the function's name; what processes, the command line and the database call it.
        version: from 1; each start pins (name, version, sha).
        description: one line for people.
        target: what it does to a subscription.
        kind: always "steps".
        steps: the step list.
        document: the definition as data: names, order, policies and types as text, never code.
        canonical: the document as canonical JSON, as the definitions table keeps it.
        sha: SHA-256 of that, in hexadecimal.
        functions: by path, each step's ActivityFunction; by `path?n`, its n-th predicate (from 0).
        program: the pure program that the document means.
        timeout: seconds that a whole process may take, or None.
        initial_input_form: kept for the forms of a later release.
    """

    kind = "steps"

    def __init__(
        self,
        steps: StepList,
        *,
        name: str,
        description: str,
        target: Target = Target.SYSTEM,
        version: int = 1,
        timeout: float | None = None,
        initial_input_form: Any = None,
        scope: Scope = MappingProxyType({}),
    ) -> None:
        """Judge and compile the list; `scope` holds local names that the steps' types may use.

        Raises InvalidStepListError for a list that is not sound, DefinitionError for a step whose
        types can't be resolved or made from JSON.
        """
        rules.check(steps, name)
        self.name = name
        self.version = version
        self.description = description
        self.target = target
        self.timeout = timeout
        self.initial_input_form = initial_input_form
        self.steps = steps
        self.document: dict[str, Any] = {
            "kind": self.kind,
            "name": name,
            "version": version,
            "description": description,
            "target": target.value,
            "steps": steps.document(scope),
        }
        if timeout is not None:
            self.document["timeout"] = timeout
        self.canonical = canonical(self.document)
        self.sha = hashlib.sha256(self.canonical).hexdigest()
        self.program = StepsProgram(self.document)
        self.functions: Mapping[str, Function] = MappingProxyType(_functions(self, scope))

    def check_input(self, given: Any) -> dict[str, Any]:
        """The input of a new process, which becomes its first State; None is {}.

        Raises InvalidInputError unless it is a dict with texts as keys.
        """
        return self.program.check_input(given)

    def preview(
        self,
        input: Any = None,
        *,
        signal: tuple[str, Any] | str | None = None,
        outcome: tuple[str, Any] | None = None,
        at: datetime | None = None,
    ) -> Preview:
        """What a new process with this input would do first, without an engine.

        `signal` is a name, or a name and data; `outcome` is a step's path and its result (a dict)
        or an exception; `at` is the instant to think of (default: now). Raises InvalidInputError.
        """
        now = SystemClock().now() if at is None else at
        given = plain(self.check_input(input), "input")
        started = ProcessStarted(
            position=1,
            at=now,
            process_id="preview",
            workflow=self.name,
            version=self.version,
            sha=self.sha,
            input=given,
            timeout=self.timeout,
        )
        question = Question(signal=signal, outcome=outcome)
        snapshot = begin_history(self.program, started)
        return foresee(self.program, snapshot, (), question, now, LiveCalls(self.functions))

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Not for workflows. Raises DefinitionError."""
        raise DefinitionError(
            f"{self.name!r} is a workflow and is not called: start a process with "
            f"engine.start({self.name}, {{…}}), or name it without parentheses"
        )

    def __repr__(self) -> str:
        return f"<workflow {self.name!r} version {self.version}: {self.steps!r}>"


def workflow(
    description: str,
    *,
    initial_input_form: Any = None,
    target: Target = Target.SYSTEM,
    version: int = 1,
    timeout: float | timedelta | None = None,
) -> Callable[[Callable[[], StepList]], Workflow]:
    """Make a function that returns a step list a workflow (seed: orchestrator-core).

    The function is called once, now; its name is the workflow's name.

    Args:
        description: one line for people.
        initial_input_form: kept on the workflow; forms come in a later release.
        target: what the workflow does to a subscription.
        version: a whole number from 1; raise it to tell apart lists that live at one time.
        timeout: seconds (or a timedelta) that a whole process may take; None: for ever.

    Raises:
        InvalidOptionError: for an option that makes no sense.
        InvalidStepListError: for a list that is not sound; names every fault.
        DefinitionError: for a function that is no plain function without parameters.
    """
    if callable(description):
        raise InvalidOptionError(
            f'workflow needs a description: write @workflow("…") above {name_of(description)}'
        )
    if not isinstance(description, str):
        raise InvalidOptionError(f"workflow needs a description, not {shortened(description)}")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidOptionError(f"workflow: version must be 1, 2, …, not {shortened(version)}")
    try:
        aim = Target(target)
    except ValueError:
        raise InvalidOptionError(
            f"workflow: target must be one of {', '.join(Target)}, not {shortened(target)}"
        ) from None
    limit = None if timeout is None else options.seconds(timeout, "workflow: timeout")

    def decorate(function: Callable[[], StepList]) -> Workflow:
        frame = inspect.currentframe()
        caller = None if frame is None else frame.f_back
        return Workflow(
            _listed(function),
            name=function.__name__,
            description=description,
            target=aim,
            version=version,
            timeout=limit,
            initial_input_form=initial_input_form,
            scope={} if caller is None else caller.f_locals,
        )

    return decorate


def _listed(function: Any) -> StepList:
    """The list that an author's function returns."""
    if not inspect.isfunction(function) or not function.__name__.isidentifier():
        raise DefinitionError(
            "@workflow stands above a `def`, whose name becomes the workflow's name, not above "
            f"{shortened(function)}"
        )
    name = function.__name__
    needed = inspect.signature(function).parameters
    if needed:
        raise DefinitionError(
            f"workflow {name!r} has the parameter {next(iter(needed))!r}, but its function is "
            "called once, without arguments: the input arrives in the State, where steps take it"
        )
    return listed(function(), f"as the step list returned by {name!r}")


# -- functions by path -----------------------------------------------------------------------------


def _functions(workflow: Workflow, scope: Scope) -> dict[str, Function]:
    found: dict[str, Function] = {}
    seen: dict[str, Element] = {}
    paths = {id(node.element): path for path, node in workflow.program.nodes.items()}
    for told, element in _side_by_side(workflow.document["steps"], workflow.steps):
        path = paths.get(id(told))
        keys = [] if path is None else [path, *(f"{path}?{n}" for n in range(len(element.guards)))]
        if path is None or not seen.keys().isdisjoint(keys):
            raise InvalidOptionError(
                f"workflow {workflow.name!r}: {element.name!r} can't be told from another element "
                "by its path (inner names are joined by `/`, a second use is `name#2`, a "
                "predicate `name?0`): rename one, as in step.named(…)"
            )
        seen.update(dict.fromkeys(keys, element))
        if isinstance(element, Step):
            found[path] = _activity(path, element, scope)
        for key, guard in zip(keys[1:], element.guards, strict=True):
            found[key] = _predicate(guard, element.name, scope)
    return found


def _side_by_side(
    told: list[dict[str, Any]], steps: StepList
) -> Iterator[tuple[dict[str, Any], Element]]:
    for one, element in zip(told, steps, strict=True):
        yield one, element
        if isinstance(element, Parallel):
            for inner, branch in zip(one["branches"], element.branches, strict=True):
                yield from _side_by_side(inner, branch)


def _activity(path: str, step: Step[..., Any], scope: Scope) -> ActivityFunction:
    function = step.asked.function
    awaited = is_async(function)
    return ActivityFunction(
        path=path,
        function=_awaiting(function) if awaited else function,
        is_async=awaited,
        arguments=Filler(step.label, step.asked.slots(step.label, scope)).fill,
        result=partial(injection.result, step.label),
    )


def _awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself where Python can tell that it is async, else one that awaits for it."""
    if inspect.iscoroutinefunction(function):
        return function

    async def awaiting(**arguments: Any) -> Any:
        value = function(**arguments)
        return await value if inspect.isawaitable(value) else value

    return awaiting


def _predicate(guard: Guard, element: str, scope: Scope) -> Callable[[Mapping[str, Any]], bool]:
    label = guard.label(element)
    fill = Filler(label, guard.asked.slots(label, scope)).fill
    function = guard.asked.function
    return lambda values: injection.answer(label, function(**fill(values)))
