"""What a decider may decide: values that say what they are, judged where they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, MISSING, dataclass, fields
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar, get_args

from corago.arguments import options
from corago.arguments.signatures import shortened
from corago.core.codec import plain
from corago.core.retry import Retry
from corago.decider import answers as a
from corago.decider.activities import AnyActivity, FunctionActivity, spec_of
from corago.decider.answers import Policy
from corago.decider.policies import Options, Policies, Span, policies
from corago.decider.results import Reason, failure_of
from corago.decider.specs import Spec
from corago.decider.state import DeciderState
from corago.errors import DefinitionError, InvalidDecisionError
from corago.secrecy import seal

T = TypeVar("T")


class _OfProcess:
    """Stands for the input of the process."""

    def __repr__(self) -> str:
        return "process.input"


PROCESS_INPUT: Any = _OfProcess()
"""Where no input is given, the process's own is meant."""


class Asker(Protocol):
    """Who takes decisions: it knows how things stand, and the workflow's activities."""

    @property
    def state(self) -> DeciderState:
        """What is open, with all that was decided so far."""

    def spec(self, key: str) -> Spec | None:
        """The workflow's activity of this name; None for one that other workers know."""

    def meet(self, spec: Spec) -> None:
        """An activity is scheduled by itself, not by its name. Raises InvalidDecisionError."""


@dataclass(frozen=True, repr=False)
class Decision:
    """What every decision is; `decide` returns one, several, or none."""

    def answers(self, asker: Asker) -> Iterable[a.Answered]:  # noqa: ARG002 - most need nobody
        """It as data. Raises InvalidDecisionError, InvalidInputError, SecretKeyError."""
        return (self.answer(),)

    def answer(self) -> a.Answered:
        """It as data, where that is one and depends on nothing else."""
        raise NotImplementedError

    def __repr__(self) -> str:
        told: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.default is MISSING or value is not each.default:
                told.append(f"{each.name}={_shown(value)}" if told else _shown(value))
        return f"{type(self).__name__}({', '.join(told)})"

    def check(self, judge: Callable[[str], T], word: str) -> T:
        """What `judge` makes of it; what it refuses is an InvalidDecisionError."""
        try:
            return judge(f"{type(self).__name__}: {word}" if word else type(self).__name__)
        except DefinitionError as error:
            raise InvalidDecisionError(str(error)) from error


@dataclass(frozen=True, repr=False)
class ScheduleActivity(Decision):
    """Run an activity (seed: pyworkflow).

    All that is not said here is as the activity itself says, see `Activity`.

    Args:
        activity: an Activity class, an `@activity` function, or the name of one that some worker
            knows, with its version, as in "Foo@2".
        input: any JSON value; not given: the input of the process.
        id: what tells it from others that are open; None: its name, with a number from the second
            one on.
        queue: whose workers run it; `category` is an alias.
        category: as queue.
        schedule_to_start: seconds or a timedelta, as all limits.
        start_to_close: how long one attempt may take.
        schedule_to_close: how long all attempts may take.
        heartbeat_timeout: how long it may be silent.
        retry: a `Retry`, or how many attempts there are.
        at_most_once: whether it may not run again when nobody knows if it ran.

    Raises:
        InvalidDecisionError: for what is no activity, and for options that make no sense.
    """

    activity: AnyActivity | str
    input: Any = PROCESS_INPUT
    _: KW_ONLY
    id: str | None = None
    queue: str | None = None
    category: str | None = None
    schedule_to_start: Span | None = None
    start_to_close: Span | None = None
    schedule_to_close: Span | None = None
    heartbeat_timeout: Span | None = None
    retry: Retry | int | None = None
    at_most_once: bool | None = None

    _said: ClassVar[Policies]

    def __post_init__(self) -> None:
        """Judge the options."""
        if not isinstance(self.activity, str) and spec_of(self.activity) is None:
            raise InvalidDecisionError(
                f"ScheduleActivity takes an Activity class with an execute, an @activity function, "
                f"or the name of one, not {_shown(self.activity)}"
            )
        if isinstance(self.activity, str):
            self.check(partial(options.name, self.activity), "activity")
        if self.id is not None:
            self.check(partial(options.name, self.id), "id")
        object.__setattr__(self, "_said", self._judged())

    def _judged(self) -> Policies:
        said = Options(
            queue=self.queue,
            category=self.category,
            schedule_to_start=self.schedule_to_start,
            start_to_close=self.start_to_close,
            schedule_to_close=self.schedule_to_close,
            heartbeat_timeout=self.heartbeat_timeout,
            retry=self.retry,
            at_most_once=self.at_most_once,
        )
        return self.check(lambda what: policies(what, said), "")

    def answers(self, asker: Asker) -> Iterable[a.Answered]:
        """It as data."""
        spec = self._spec(asker)
        told = self._said if spec is None else spec.policies.under(self._said)
        given = asker.state.started.input if self.input is PROCESS_INPUT else self.input
        key = self.activity if spec is None else spec.key
        yield a.ScheduleActivity(
            activity=str(key),
            id=self.id or "",
            input=_kept(given, f"input of activity {key!r}") if spec is None else spec.raw(given),
            queue=told.queue or "",
            timeout=told.start_to_close,
            limits=told.limits,
            retry=told.retry_arguments,
            at_most_once=bool(told.at_most_once),
        )

    def _spec(self, asker: Asker) -> Spec | None:
        if isinstance(self.activity, str):
            return asker.spec(self.activity)
        spec = spec_of(self.activity)
        if spec is not None:
            asker.meet(spec)
        return spec


@dataclass(frozen=True, repr=False)
class CancelActivity(Decision):
    """Ask an activity to stop; its end is told when it has. Harmless if it is not open.

    Args:
        activity: an id, one of `process.unfinished_activities()`, or an activity itself: then all
            of it that is open.
    """

    activity: Any

    def __post_init__(self) -> None:
        """Judge what it names."""
        self._ids(())

    def _ids(self, open_: Iterable[tuple[str, str]]) -> list[str]:
        spec = spec_of(self.activity)
        if spec is not None:
            return [id for id, name in open_ if name == spec.name]
        return [self.check(partial(_id, self.activity), "activity")]

    def answers(self, asker: Asker) -> Iterable[a.Answered]:
        """It as data."""
        open_ = [(each.id, each.name) for each in asker.state.activities.values()]
        return [a.CancelActivity(each) for each in self._ids(open_)]


@dataclass(frozen=True, repr=False)
class StartTimer(Decision):
    """Be told of it when some time has passed.

    Args:
        delay: seconds or a timedelta.
        data: any JSON value, which the timer will say when it fires.
        id: what tells it from others that are open; None: "timer", with a number from the second
            one on.
    """

    delay: Span
    data: Any = None
    id: str | None = None

    def __post_init__(self) -> None:
        """Judge the delay."""
        self._seconds()
        if self.id is not None:
            self.check(partial(options.name, self.id), "id")

    def _seconds(self) -> float:
        return self.check(
            lambda what: options.seconds(self.delay, what, least="0 or more"), "delay"
        )

    def answer(self) -> a.Answered:
        """It as data."""
        data = _kept(self.data, "data of a timer")
        return a.StartTimer(delay=self._seconds(), data=data, id=self.id or "")


@dataclass(frozen=True, repr=False)
class CancelTimer(Decision):
    """Let a timer not fire; harmless if it is not open.

    Args:
        timer: its id, or one of `process.untriggered_timers()`.
    """

    timer: Any

    def __post_init__(self) -> None:
        """Judge what it names."""
        self._id()

    def _id(self) -> str:
        return self.check(partial(_id, self.timer), "timer")

    def answer(self) -> a.Answered:
        """It as data."""
        return a.CancelTimer(self._id())


_POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True, repr=False)
class StartChildProcess(Decision):
    """Start a process, and be told when it has ended.

    Args:
        workflow: a workflow of any kind, or its name. It must be known to the store: name it among
            the `children` of the workflow, or register it with an engine.
        input: any JSON value.
        id: what tells it from the process's other children; None: the workflow's name, with a
            number from the second one on. The child's own id is the process's, `/`, and this.
        tags: as of `Engine.start`.
        timeout: seconds or a timedelta that it may take; None: as its workflow says.
        policy: what becomes of it when this process ends before it: "request_cancel" asks it to
            stop, "terminate" ends it by force, "abandon" lets it be.
    """

    workflow: Any
    input: Any = None
    _: KW_ONLY
    id: str | None = None
    tags: Iterable[str] = ()
    timeout: Span | None = None
    policy: Policy = "request_cancel"

    def __post_init__(self) -> None:
        """Judge the options."""
        self._name()
        if self.id is not None:
            self.check(partial(options.name, self.id), "id")
        if self.policy not in _POLICIES:
            raise InvalidDecisionError(
                f"StartChildProcess: policy is one of {', '.join(_POLICIES)}, not {self.policy!r}"
            )
        object.__setattr__(self, "tags", self.check(partial(_tags, self.tags), "tags"))
        self._timeout()

    def _name(self) -> str:
        is_one = hasattr(self.workflow, "program") and hasattr(self.workflow, "sha")
        name = self.workflow.name if is_one else self.workflow
        if not isinstance(name, str):
            raise InvalidDecisionError(
                f"StartChildProcess takes a workflow or the name of one, not {_shown(name)}"
            )
        return self.check(partial(options.name, name), "workflow")

    def _timeout(self) -> float | None:
        given = self.timeout
        if given is None:
            return None
        return self.check(lambda what: options.seconds(given, what), "timeout")

    def answer(self) -> a.Answered:
        """It as data."""
        name = self._name()
        return a.StartChildProcess(
            workflow=name,
            input=_kept(self.input, f"input of a process of {name!r}"),
            id=self.id or "",
            tags=tuple(self.tags),
            timeout=self._timeout(),
            policy=self.policy,
        )


@dataclass(frozen=True, repr=False)
class SignalProcess(Decision):
    """Send a signal to any process; nothing happens if that one has ended.

    Args:
        process: the id of a process, one of `process.children()`, or a handle.
        name: the signal's name.
        data: any JSON value.
    """

    process: Any
    name: str
    data: Any = None

    def __post_init__(self) -> None:
        """Judge what it names."""
        self._process_id()
        self.check(partial(options.name, self.name), "name")

    def _process_id(self) -> str:
        known = getattr(self.process, "process_id", self.process)
        return self.check(partial(_id, known), "process")

    def answer(self) -> a.Answered:
        """It as data."""
        data = _kept(self.data, f"data of signal {self.name!r}")
        return a.SignalProcess(process_id=self._process_id(), name=self.name, data=data)


@dataclass(frozen=True, repr=False)
class RecordMarker(Decision):
    """Write something into the history, for later decisions or for people.

    Args:
        name: what it is about.
        details: any JSON value.
    """

    name: str
    details: Any = None

    def __post_init__(self) -> None:
        """Judge the name."""
        self.check(partial(options.name, self.name), "name")

    def answer(self) -> a.Answered:
        """It as data."""
        return a.RecordMarker(name=self.name, details=_kept(self.details, f"marker {self.name!r}"))


@dataclass(frozen=True, repr=False)
class CompleteProcess(Decision):
    """End well (seed: pyworkflow).

    Args:
        result: any JSON value.
    """

    result: Any = None

    def answer(self) -> a.Answered:
        """It as data."""
        return a.CompleteProcess(_kept(self.result, "result"))


@dataclass(frozen=True, repr=False)
class FailProcess(Decision):
    """End badly. A person may `retry`, and `decide` hears of that as ProcessReopened.

    Args:
        error: an exception, a text, or the recorded failure of something.
    """

    error: Reason

    def __post_init__(self) -> None:
        """Judge the reason."""
        self._failure()

    def _failure(self) -> Any:
        try:
            return failure_of(self.error, "ProcessFailed")
        except TypeError:
            raise InvalidDecisionError(
                f"FailProcess takes an exception, a text or a Failure, not {_shown(self.error)}"
            ) from None

    def answer(self) -> a.Answered:
        """It as data."""
        return a.FailProcess(self._failure())


@dataclass(frozen=True, repr=False)
class CancelProcess(Decision):
    """End because of a request to stop, or because there is no point in going on."""

    def answer(self) -> a.Answered:
        """It as data."""
        return a.CancelProcess()


@dataclass(frozen=True, repr=False)
class ContinueAsNew(Decision):
    """Go on in another run, with an empty history; the id, waiting signals and `external` stay.

    What is open ends with this run: activities and timers are taken back, children go by their
    policies.

    Args:
        input: any JSON value; not given: the input of this run.
        tags: the tags from then on; None: those of this run.
    """

    input: Any = PROCESS_INPUT
    tags: Iterable[str] | None = None

    def __post_init__(self) -> None:
        """Judge the tags."""
        if self.tags is not None:
            object.__setattr__(self, "tags", self.check(partial(_tags, self.tags), "tags"))

    def answers(self, asker: Asker) -> Iterable[a.Answered]:
        """It as data."""
        given = asker.state.started.input if self.input is PROCESS_INPUT else self.input
        tags = None if self.tags is None else tuple(self.tags)
        yield a.ContinueAsNew(_kept(given, "input of the next run"), tags)


# -- judging ---------------------------------------------------------------------------------------


def _kept(value: Any, what: str) -> Any:
    """A value as strict JSON; what can't be that is said with the value's place."""
    return plain(value, what, seal)


def _id(given: Any, what: str) -> str:
    return options.name(getattr(given, "id", given), what)


def _tags(given: Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(given, str):
        raise InvalidDecisionError(f"{what} are several texts: write tags=[{given!r}]")
    return tuple(dict.fromkeys(options.name(each, what) for each in given))


def _shown(value: Any) -> str:
    if isinstance(value, FunctionActivity):
        return value.name
    return value.__name__ if isinstance(value, type) else shortened(value)
