"""A workflow of steps: its document, its program, and its functions by path. Nothing runs here."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

from corago.activity import ActivityFunction
from corago.arguments import injection, options
from corago.arguments.injection import WHOLE_STATE, Asked, Filler
from corago.arguments.signatures import is_async, name_of, shortened
from corago.clock import SystemClock
from corago.core.calls import LiveCalls
from corago.core.codec import canonical, plain
from corago.core.events import ProcessStarted
from corago.core.history import begin as begin_history
from corago.core.preview import Preview, Question, foresee
from corago.errors import DefinitionError, InvalidOptionError
from corago.secrecy import seal
from corago.steps import rules
from corago.steps.containers import Lens
from corago.steps.elements import Child, Element, Guard, Scope, Step, StepList, listed
from corago.steps.language import Target
from corago.steps.nodes import inner_lists
from corago.steps.program import StepsProgram

Function = ActivityFunction | Callable[[Mapping[str, Any]], Any]


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
        children: the workflows that it starts processes of.
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
        undo_on_failure: bool = False,
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
        if undo_on_failure:
            self.document["undo_on_failure"] = True
        self.children: tuple[Any, ...] = tuple(
            each.definition
            for each in steps.walk()
            if isinstance(each, Child) and each.definition is not None
        )
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
        update: Mapping[str, Any] | None = None,
        retry: bool | str = False,
        skip: bool | str = False,
        set_result: tuple[str, Mapping[str, Any]] | Mapping[str, Any] | None = None,
        cancel: bool = False,
        abort: bool = False,
        outcome: tuple[str, Any] | None = None,
        at: datetime | None = None,
    ) -> Preview:
        """What a new process with this input would do first, without an engine.

        The questions are those of `Engine.preview`; `at` is the instant to think of (default:
        now). Raises InvalidInputError.
        """
        now = SystemClock().now() if at is None else at
        given = plain(self.program.discreet(self.check_input(input)), "input", seal)
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
        snapshot = begin_history(self.program, started)
        return foresee(self.program, snapshot, (), question, now, LiveCalls(self.functions))

    def text(self) -> str:
        """The step list drawn with lines, for a terminal."""
        return self._drawn("text")

    def svg(self) -> str:
        """The step list as SVG: one text that needs nothing else, with no script in it."""
        return self._drawn("svg")

    def dot(self) -> str:
        """The step list in the DOT language of Graphviz."""
        return self._drawn("dot")

    def mermaid(self) -> str:
        """The step list as a Mermaid flowchart."""
        return self._drawn("mermaid")

    def _drawn(self, form: str) -> str:
        from corago.steps.drawings import FORMATS  # noqa: PLC0415 - few draw, all would load it

        return FORMATS[form](self.document)

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
    undo_on_failure: bool = False,
) -> Callable[[Callable[[], StepList]], Workflow]:
    """Make a function that returns a step list a workflow (seed: orchestrator-core).

    The function is called once, now; its name is the workflow's name.

    Args:
        description: one line for people.
        initial_input_form: kept on the workflow; forms come in a later release.
        target: what the workflow does to a subscription.
        version: a whole number from 1; raise it to tell apart lists that live at one time.
        timeout: seconds (or a timedelta) that a whole process may take; None: for ever.
        undo_on_failure: when it fails, take back what has an `undo`, as a cancel does; it can't be
            retried then. Otherwise a failed process waits for a person, who may retry.

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
    undoes = options.flag(undo_on_failure, "workflow: undo_on_failure")

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
            undo_on_failure=undoes,
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
    seen: set[str] = set()
    nodes = workflow.program.nodes
    paths = {id(node.element): path for path, node in nodes.items()}
    for told, element in _side_by_side(workflow.document["steps"], workflow.steps):
        path = paths.get(id(told))
        keys = set() if path is None else {path, *_beside(path, element)}
        if path is None or seen & keys:
            raise _not_told_apart(workflow, element.name)
        seen |= keys
        found |= _code(path, element, scope)
        for number, guard in enumerate(element.guards):
            found[f"{path}?{number}"] = _predicate(guard, element.name, scope)
    for _, node in nodes.look_alikes():
        raise _not_told_apart(workflow, node.path)
    if workflow.program.secret_keys:
        return {key: _discreet(each, workflow.program) for key, each in found.items()}
    return found


def _discreet(function: Function, program: StepsProgram) -> Function:
    """The same, but that results are secrets at the keys that a step takes as such."""
    if not isinstance(function, ActivityFunction):
        return function
    keep = function.result
    return replace(function, result=lambda value: keep(program.discreet(value)))


def _not_told_apart(workflow: Workflow, name: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"workflow {workflow.name!r}: {name!r} can't be told from another element by its path "
        "(inner names are joined by `/`, a second use is `name#2`, an item of a loop `name[0]`, a "
        "predicate `name?0`, an undo `name/undo`): rename one, as in step.named(…)"
    )


def _beside(path: str, element: Element) -> Iterator[str]:
    """What else is known by an element's path."""
    yield from (f"{path}?{number}" for number in range(len(element.guards)))
    match element:
        case Step(undo=Step()):
            yield f"{path}/undo"
        case Lens():
            yield from (f"{path}/get", f"{path}/set")
        case Child(asked=Asked()):
            yield f"{path}?input"


def _side_by_side(
    told: list[dict[str, Any]], steps: StepList
) -> Iterator[tuple[dict[str, Any], Element]]:
    for one, element in zip(told, steps, strict=True):
        yield one, element
        for inner, below in zip(inner_lists(one), element.lists, strict=True):
            yield from _side_by_side(inner, below)


def _code(path: str, element: Element, scope: Scope) -> dict[str, Function]:
    """What of an element's own is code, by path."""
    match element:
        case Step(undo=None):
            return {path: _activity(path, element.label, element.asked, scope)}
        case Step(undo=Step() as undo):
            return {
                path: _activity(path, element.label, element.asked, scope),
                f"{path}/undo": _activity(f"{path}/undo", undo.label, undo.asked, scope),
            }
        case Lens(get=get, set=put):
            given = _activity(f"{path}/get", element.label("get"), get, scope)
            taken = _activity(f"{path}/set", element.label("set"), put, scope)
            return {
                f"{path}/get": given,
                f"{path}/set": replace(taken, arguments=_without_part(taken.arguments)),
            }
        case Child(asked=Asked() as asked):
            fill = Filler(element.label, asked.slots(element.label, scope)).fill
            result = partial(injection.result, element.label)
            given_to = injection.discreet(lambda values: result(asked.function(**fill(values))))
            return {f"{path}?input": given_to}
        case _:
            return {}


def _without_part(fill: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Keep `substate`, which stands beside the State, out of the copy of it all."""

    def filled(values: Mapping[str, Any]) -> dict[str, Any]:
        arguments = fill(values)
        if isinstance(arguments.get(WHOLE_STATE), dict):
            arguments[WHOLE_STATE].pop("substate", None)
        return arguments

    return filled


def _activity(path: str, label: str, asked: Asked, scope: Scope) -> ActivityFunction:
    function = asked.function
    awaited = is_async(function)
    return ActivityFunction(
        path=path,
        function=_awaiting(function) if awaited else function,
        is_async=awaited,
        arguments=Filler(label, asked.slots(label, scope)).fill,
        result=partial(injection.result, label),
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
    return injection.discreet(lambda values: injection.answer(label, function(**fill(values))))
