"""Would it, and where to: one `advance` whose commit is shown and not written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corago.core import codec, commands, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.arriving import arrivals
from corago.core.calls import Answer, Calls
from corago.core.commit import Commit
from corago.core.program import NOTHING, Program, Snapshot
from corago.core.sealing import Seal, masked
from corago.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something would not happen: at `path`, because of `why`."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen; nothing was written.

    `path`: where it would pass or stand, in order. `decisions`: the events that would be
    recorded. `effects`: the steps and activities that would then run. `timers`: name and instant
    of those open. `refused`: the commands that would be refused, the predicates that said no, a
    machine's edges that would not be taken, and why a decider could not decide, each with the
    reason (a decider is asked again a few times before a person is needed). `answers`: what the
    user functions that were asked said.
    """

    status: str
    path: tuple[str, ...]
    state: Any
    internal: Any
    external: Any
    decisions: tuple[e.Event, ...]
    effects: tuple[str, ...]
    timers: Mapping[str, datetime]
    refused: tuple[Refused, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What if this came now: a signal, an update, a command, a step's outcome.

    `signal` is a name, or a name and data; `retry` and `skip` are True or a step's path;
    `set_result` is a result (a step's is a dict), or a path and a result; `outcome` is a step's or
    activity's path and what it returns, an exception, or an `ActivityResult`. `abort` goes before
    whatever waits, so it is asked alone.
    `seal` makes tokens of the secrets in all of these.
    """

    signal: tuple[str, Any] | str | None = None
    update: Mapping[str, Any] | None = None
    retry: bool | str = False
    skip: bool | str = False
    set_result: Any = None
    cancel: bool = False
    abort: bool = False
    outcome: tuple[str, Any] | None = None
    seal: Seal | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Raises InvalidInputError for what can't be asked, or not together."""
        for name, (fits, form) in _FORMS.items():
            if not fits(getattr(self, name)):
                raise InvalidInputError(f"{name} is {form}")
        others = (getattr(self, name) for name in _FORMS if name != "abort")
        if self.abort and any(each is not None and each is not False for each in others):
            raise InvalidInputError(
                "abort goes before whatever else comes: ask about it alone, or leave it out"
            )

    def messages(
        self, snapshot: Snapshot, now: datetime, *, batch: bool = False
    ) -> list[m.Message] | str:
        """The question as messages for a process as it stands; or why they would be refused."""
        found: list[m.Message] = []
        if self.signal is not None:
            name, data = (self.signal, None) if isinstance(self.signal, str) else self.signal
            name = codec.plain(name, "a signal's name")
            found.append(m.Signal(name, codec.plain(data, f"data of signal {name!r}", self.seal)))
        if self.update is not None:
            found.append(m.Update(codec.plain(self.update, "changes", self.seal)))
        process, agenda = snapshot.process, snapshot.agenda or NOTHING
        for verb, step, value in self._commands(batch=batch):
            targets = commands.target(process, agenda, verb, step, now)
            if isinstance(targets, str):
                return targets
            found.append(m.Command(verb, targets, value))
        if self.outcome is None:
            return found
        end = self._outcome(snapshot)
        return end if isinstance(end, str) else [*found, end]

    def _commands(self, *, batch: bool) -> Iterator[tuple[str, str | None, Any]]:
        """The commands that are asked about: verb, step and value."""
        for verb, wanted in (("retry", self.retry), ("skip", self.skip)):
            if wanted:
                step = codec.plain(wanted, "the path of a step")
                yield verb, step if isinstance(step, str) else None, None
        if self.set_result is not None:
            given = self.set_result
            step, value = given if isinstance(given, tuple) else (None, given)
            if not (batch or isinstance(value, Mapping)):
                raise InvalidInputError(f"a step's result is a dict, not {type(value).__name__}")
            path = codec.plain(step, "the path of a step")
            yield "set_result", path, codec.plain(value, "result", self.seal)
        if self.cancel:
            yield "cancel", None, None

    def _outcome(self, snapshot: Snapshot) -> m.Outcome | str:
        path, value = self.outcome or ("", None)
        path = codec.plain(path, "the path of a step")
        agenda = snapshot.agenda or NOTHING
        wish = next((each for each in agenda.activities if each.path == path), None)
        if wish is None:
            return f"step {path!r} is not open"
        attempt = snapshot.process.activity(path, wish.occurrence).attempt
        return m.Outcome(path, wish.occurrence, attempt, self._end(value))

    def _end(self, value: Any) -> e.ActivityResult:
        if isinstance(value, e.ActivityResult):
            return value
        if isinstance(value, BaseException):
            return e.ActivityFailed(e.Failure(type(value).__name__, str(value)))
        return e.ActivityCompleted(codec.plain(value, "outcome", self.seal))


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)  # noqa: PLR2004 - a pair


def _is_text_or_pair(value: Any) -> bool:
    return value is None or isinstance(value, str) or _is_pair(value)


def _is_text_or_flag(value: Any) -> bool:
    return isinstance(value, (bool, str))


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "signal": (_is_text_or_pair, "a name, or a pair of a name and its data"),
    "update": (lambda value: value is None or isinstance(value, Mapping), "a dict of changes"),
    "retry": (_is_text_or_flag, "True, or the path of a step"),
    "skip": (_is_text_or_flag, "True, or the path of a step"),
    "set_result": (
        lambda value: not isinstance(value, tuple) or _is_pair(value),
        "a result, or a pair of the path of a step and its result",
    ),
    "cancel": (lambda value: isinstance(value, bool), "True or False"),
    "abort": (lambda value: isinstance(value, bool), "True or False"),
    "outcome": (
        lambda value: value is None or _is_pair(value),
        "a pair of the path of a step or activity and what it comes to",
    ),
}
"""What each part of a question may be, and how to say it."""


def foresee(  # noqa: PLR0917 - what it takes is what `advance` takes, and the question
    program: Program[Any],
    snapshot: Snapshot,
    waiting: Sequence[tuple[datetime, m.Message]],
    question: Question,
    now: datetime,
    calls: Calls,
) -> Preview:
    """What would happen at `now`: first to what waits already, then to the question.

    Raises MissingFunctionError when a user function is needed that is not here.
    """
    if question.abort:
        return _aborted(program, snapshot, now)
    first = arrivals(snapshot.process, waiting, now)
    commit = kernel.advance(program, snapshot, first, now, calls)
    wanted = question.messages(commit.snapshot, now, batch=program.batch)
    if isinstance(wanted, str):
        return _shown(program, snapshot.state, (commit,), now, wanted)
    if not wanted:
        return _shown(program, snapshot.state, (commit,), now)
    # what a failed process has left over is taken with the command that opens it again
    messages = [*first[commit.consumed :], *wanted]
    calls.past.extend(commit.events)
    after = kernel.advance(program, commit.snapshot, messages, now, calls)
    status = after.snapshot.process.status
    closed = f"it is {status} then and takes no more messages"
    left = closed if after.consumed < len(messages) else ""
    return _shown(program, snapshot.state, (commit, after), now, left)


def _aborted(program: Program[Any], snapshot: Snapshot, now: datetime) -> Preview:
    """What an abort would do: it takes no message first, and asks the program for nothing."""
    process = snapshot.process
    refused = commands.unfit(process, "abort", now)
    if refused is not None:
        return _shown(program, snapshot.state, (Commit(snapshot),), now, refused)
    event = e.ProcessAborted(position=process.position + 1, at=max(now, process.at))
    ended = Snapshot(process_fold.evolve(process, event), program.evolve(snapshot.state, event))
    return _shown(program, snapshot.state, (Commit(ended, (event,), (event,)),), now)


def _shown(
    program: Program[Any], before: Any, commits: Sequence[Commit], now: datetime, refused: str = ""
) -> Preview:
    snapshot = commits[-1].snapshot
    process, agenda = snapshot.process, snapshot.agenda or NOTHING
    waits = commands.backing_off(process, agenda, now)
    effects = tuple(
        each.path for each in agenda.activities if not (each.cancel or each.path in waits)
    )
    events = tuple(event for commit in commits for event in commit.events)
    told = program.foretold(before, events, agenda)
    standing = process.standing
    if standing in ("created", "running"):  # whoever commits this takes it up
        standing = "waiting" if len(waits) == len(agenda.activities) else "running"
    return Preview(
        status=standing,
        path=told.path,
        state=masked(program.view(snapshot.state)),
        internal=masked(program.internal(snapshot.state)),
        external=masked(process.external),
        decisions=tuple(map(codec.masked_event, events)),
        effects=effects,
        timers=dict(process.timers),
        refused=(
            *([Refused("", refused)] if refused else ()),
            *(Refused("decide", str(each.failure)) for each in commits if each.failure),
            *(Refused(path, why) for path, why in told.refused),
        ),
        answers=tuple(answer for commit in commits for answer in commit.answers),
    )
