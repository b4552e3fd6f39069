"""The working half of a Manager: tasks found for whoever seeks them, and brought back."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, overload

from corago.activity import ActivityFunction
from corago.arguments import options
from corago.blocking.asking import Asking
from corago.core import events as e
from corago.core import tasks as core
from corago.core.calls import Answer, NotReadError, ToldError
from corago.decider import results
from corago.decider.activities import specs_of
from corago.decider.news import ChildUnborn
from corago.decider.state import DECIDE
from corago.errors import EngineClosedError, InvalidDecisionError, RequestError
from corago.manual.engine import DeskEngine
from corago.manual.tasks import ActivityTask, DecisionTask
from corago.runtime.batch import BACK_OFFS
from corago.runtime.errand import ending
from corago.runtime.settings import Workflow
from corago.runtime.sitting import Sitting
from corago.secrecy import revealed, using

DEFAULT_QUEUE = "default"
"""Where hand-driven decisions put activities that name no queue."""

ITS_OWN: Any = object()
"""In place of decisions: those of the workflow's own `decide`."""


def _always() -> bool:
    return True


class Bringing(Asking):
    """What a Manager does with tasks. Its first methods are for workers, which may be stopped."""

    _engine: DeskEngine

    # -- seeking -----------------------------------------------------------------------------

    def seek_decision(
        self,
        workflows: Iterable[Workflow] | None,
        timeout: float | None,
        goes_on: Callable[[], bool] = _always,
    ) -> DecisionTask | None:
        """`next_decision` for as long as `goes_on` says so, which is asked again after `stir`."""
        sitting = self._run(self._engine.seek_decision(workflows, _seconds(timeout), goes_on))
        return None if sitting is None else self._shown(sitting)

    def seek_activity(
        self,
        queues: str | Iterable[str],
        activities: Callable[[], Collection[str] | None],
        timeout: float | None,
        goes_on: Callable[[], bool] = _always,
    ) -> ActivityTask | None:
        """`next_activity` for as long as `goes_on` says so, which is asked again after `stir`.

        So is `activities`, for the names of those to take.
        """
        names, seconds = queue_names(queues), _seconds(timeout)
        task = self._run(self._engine.seek_activity(names, activities, seconds, goes_on))
        if task is None:
            return None
        given = revealed(copy.deepcopy(task.attempt.input.get("input")), self._engine.vault)
        return ActivityTask(task, given, self._beat)

    def may_begin(self, task: ActivityTask) -> bool:
        """Whether a task is still to be begun: its lease stands. If not, others get it."""
        desk = self._engine.desk
        if desk.may_begin(task.raw):
            return True
        self._run(desk.leave(task.raw))
        return False

    def check(self) -> None:
        """Raise EngineClosedError unless it is open."""
        self._run(self._engine.arrive(0))

    def stir(self) -> None:
        """Let those who seek look again. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended, and nobody seeks any more
                loop.call_soon_threadsafe(self._engine.stir)

    def code(self) -> dict[str, ActivityFunction]:
        """The code of all activities that are known here, by name."""
        return self._engine.activities()

    @property
    def hands_out_decisions(self) -> bool:
        """Whether it knows a decider."""
        return bool(self._engine.deciders())

    def secrets(self) -> AbstractContextManager[None]:
        """Within it, secrets are sealed and opened by the Manager's keys."""
        return using(self._engine.vault)

    @contextlib.contextmanager
    def presence(self) -> Iterator[None]:
        """Within it, somebody takes task after task: a clock that is moved by hand minds him."""
        self._run(self._engine.arrive(1))
        try:
            yield
        finally:
            with contextlib.suppress(EngineClosedError):
                self._run(self._engine.arrive(-1))

    def _shown(self, sitting: Sitting) -> DecisionTask:
        """A sitting as its decider sees it, with a history that is read when he looks at it."""
        workflow, loop_thread = self._engine.workflow(sitting.sha), self._thread
        functions: Any = workflow.functions

        def read() -> list[e.Event]:
            if threading.current_thread() is loop_thread:
                raise NotReadError
            return self._run(self._engine.past(sitting))

        sitting.past.reader = read
        specs = specs_of(getattr(workflow, "activities", ()), workflow.name)
        return DecisionTask(sitting, specs, self._engine.met, functions[DECIDE])

    # -- activities --------------------------------------------------------------------------

    def heartbeat(self, task: ActivityTask | str, details: Any = None) -> bool:
        """Say that somebody is at an activity; gives whether it is to stop.

        The task's id will do as well. `details`, if given, are any JSON value: the next attempt can
        read them as its `last_details`. Raises UnknownTaskError when it is late, InvalidInputError.
        """
        if isinstance(task, ActivityTask):
            with self.secrets():
                return task.heartbeat(details)
        return self._run(self._engine.heartbeat_activity(_token(task), details))

    def _beat(self, task: core.ActivityTask, details: Any) -> bool:
        return self._run(self._engine.beat(task, details))

    @overload
    def complete(self, task: DecisionTask, result: Any = ...) -> None: ...
    @overload
    def complete(self, task: ActivityTask | str, result: Any = ...) -> None: ...
    def complete(self, task: DecisionTask | ActivityTask | str, result: Any = ITS_OWN) -> None:
        """Bring what a task has come to.

        **Of an activity**, `result` is any JSON value, or an end said outright, as an activity
        returns it: `ActivityAborted("out of bounds")`. The task's id will do as well.

        **Of a decision**, it is what a workflow's `decide` returns: a decision, several, or None.
        Left out, the workflow decides.

        Raises UnknownTaskError when it is late; InvalidInputError and InvalidDecisionError for what
        can't be kept or makes no sense, and then the task is yours still. Nothing changes by that.
        """
        if not isinstance(task, DecisionTask):
            return self._bring(task, None if result is ITS_OWN else result)
        if result is not ITS_OWN:
            return self.decide(task, _saying(result))
        try:
            return self.decide(task, DecisionTask.decide)
        except ToldError as error:
            raise error.__context__ or error from None

    def fail(self, task: DecisionTask | ActivityTask | str, error: results.Reason) -> None:
        """Say that a task has failed, with an exception or a text.

        An activity is tried again or closed, by its policy. A decision is counted: it is asked for
        again after 1, 2, 4 and 8 seconds, and the fifth failure in a row suspends the process.

        Raises UnknownTaskError when it is late.
        """
        if not isinstance(task, DecisionTask):
            return self._bring(task, results.ActivityFailed(error))
        with self.secrets():
            why = task.failure(error)
        if task.failures < len(BACK_OFFS):
            return self._run(self._engine.put_off(task.sitting))
        self._run(self._engine.answer(task.sitting, [Answer(DECIDE, error=why)]))
        return None

    def abort(self, task: ActivityTask | str, reason: str | None = None) -> None:
        """Say that an activity gave up: it is not tried again. Raises UnknownTaskError."""
        self._bring(task, e.ActivityAborted(reason))

    def cancel(self, task: ActivityTask | str, details: Any = None) -> None:
        """Say that an activity has stopped, as it was asked to. Raises UnknownTaskError."""
        self._bring(task, e.ActivityCanceled(details))

    def detach(self, task: ActivityTask) -> None:
        """Let go of an activity that somebody completes by its token, here or elsewhere.

        Nobody else gets it, and its limits hold. Raises UnknownTaskError when it is late.
        """
        self._run(self._engine.detach(task.raw))
        task.is_detached = True

    def _bring(self, task: ActivityTask | str, value: Any) -> None:
        engine = self._engine
        raw = task.raw if isinstance(task, ActivityTask) else self._run(engine.task(_token(task)))
        with self.secrets():
            told = results.told(value, raw.attempt.input)
            result = results.kept(told, engine.kept_result)
        if not isinstance(result, results.OUTRIGHT):
            result = e.ActivityCompleted(result)
        outcome = ending(raw, result)
        if isinstance(task, ActivityTask):
            outcome = task.ended(outcome)
        self._run(engine.complete(raw, outcome))

    # -- decisions ---------------------------------------------------------------------------

    def decide(self, task: DecisionTask, by: Callable[[DecisionTask], Any]) -> None:
        """Complete a decision with what `by` says of it.

        Where a child can't be started, the task shows so and `by` is asked once more: what it says
        then is said too. Raises as `complete` does, and what `by` raises.
        """
        answers: list[Answer] = []
        try:
            while True:
                with self.secrets():
                    decided = task.answers(by(task))
                answers.append(Answer(DECIDE, [_queued(each) for each in decided]))
                again = self._run(self._engine.answer(task.sitting, answers))
                if again is None:
                    return
                task.look(again)
        except BaseException:
            task.look(task.sitting.values)
            raise


def _saying(decisions: Any) -> Callable[[DecisionTask], Any]:
    """Says these decisions, and nothing more."""
    left = [decisions]

    def by(task: DecisionTask) -> Any:
        if left:
            return left.pop()
        unborn = [each for each in task.process.unseen_events() if isinstance(each, ChildUnborn)]
        raise InvalidDecisionError(
            f"the child {unborn[-1].path!r} can't be started: {unborn[-1].error}; nothing was "
            "written: decide something else"
        )

    return by


def _queued(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that leaves nothing to the worker that decides: here, that runs nothing."""
    if answer["type"] != "ScheduleActivity" or answer.get("queue"):
        return answer
    return answer | {"queue": DEFAULT_QUEUE}


def queue_names(given: str | Iterable[str]) -> list[str]:
    """Queues by name. Raises InvalidOptionError, RequestError for none at all."""
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise RequestError("name a queue: without one, there is nothing to take tasks from")
    return list(dict.fromkeys(options.name(each, "a queue") for each in names))


def activity_names(given: Iterable[Any] | None) -> list[str] | None:
    """Activities by name, be they named so or as they are; None: any. Raises RequestError."""
    if given is None:
        return None
    if isinstance(given, (str, type)) or not isinstance(given, Iterable):
        raise RequestError(f"activities are several: write activities=[{given!r}]")
    several = list(given)
    names = [each for each in several if isinstance(each, str)]
    others = [each for each in several if not isinstance(each, str)]
    return [*names, *specs_of(others, "next_activity: activities")]


def _token(given: Any) -> str:
    if not isinstance(given, str):
        raise RequestError(f"{given!r} is no task: take one with next_activity, or name its id")
    return given


def _seconds(timeout: Any) -> float | None:
    return None if timeout is None else options.seconds(timeout, "timeout", least="0 or more")
