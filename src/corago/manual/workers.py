"""Workers that take one task of a Manager after the other: to be used as they are, or extended."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Collection, Iterable
from typing import Any

from corago.activity import ActivityFunction, enter
from corago.core.calls import MissingFunctionError
from corago.decider.handed import Attempted
from corago.errors import EngineClosedError, RequestError, StoreError, UnknownTaskError
from corago.manual.bringing import DEFAULT_QUEUE, queue_names
from corago.manual.manager import Manager
from corago.manual.tasks import ActivityTask, DecisionTask
from corago.runtime.settings import Workflow
from corago.wiring import activity_code

_log = logging.getLogger("corago.manual")

PAUSE_SECONDS = 0.5
"""How long a worker waits after an error that is not its task's."""


class TaskWorker:
    """Takes one task after the other; what it does with each, those say who extend it."""

    def __init__(self, manager: Manager, threads: int) -> None:
        """Nothing is taken yet."""
        if not isinstance(manager, Manager):
            raise RequestError(f"a worker takes its tasks from a Manager, not from {manager!r}")
        if not isinstance(threads, int) or threads < 1:
            raise RequestError(f"threads must be 1 or more, not {threads!r}")
        self.manager = manager
        self.threads = threads
        self._stopped = threading.Event()

    def step(self, timeout: float | None = None) -> bool:
        """Take the next task and do it; gives whether there was one.

        It waits `timeout` seconds for it (None: as long as it takes, or until `stop`). Raises
        StoreError, EngineClosedError; an error of the task's own is brought as its outcome.
        """
        raise NotImplementedError

    def run(self) -> None:
        """Do one task after the other, in so many threads, until `stop` or the Manager's end.

        A worker that was stopped stays so. Raises EngineClosedError for a Manager that is not open,
        and RequestError as `step` does.
        """
        if not self._goes_on():
            return
        self._check()
        others = [
            threading.Thread(target=self._loop, name=f"{type(self).__name__}-{number}", daemon=True)
            for number in range(2, self.threads + 1)
        ]
        for each in others:
            each.start()
        try:
            self._loop()
        finally:
            self.stop()
            for each in others:
                each.join()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is at hand is done. From any thread."""
        self._stopped.set()
        self.manager.stir()

    def _check(self) -> None:
        """Raise what would be raised again and again."""
        self.manager.check()

    def _goes_on(self) -> bool:
        return not self._stopped.is_set()

    def _loop(self) -> None:
        try:
            with self.manager.presence():
                while self._goes_on():
                    self._round()
        except EngineClosedError:
            _log.info("%s ends: its manager was closed", type(self).__name__)

    def _round(self) -> None:
        try:
            self.step()
        except EngineClosedError:
            raise
        except StoreError as error:
            _log.warning("%s: %s", type(self).__name__, error)
            self._stopped.wait(PAUSE_SECONDS)
        except Exception:  # noqa: BLE001 - a worker outlives its own bugs, and says so
            _log.exception("%s: unexpected error in its own loop", type(self).__name__)
            self._stopped.wait(PAUSE_SECONDS)


class ActivityWorker(TaskWorker):
    """Does the activities of some queues (seed: pyworkflow, scenario 2).

    An activity returns, and the worker brings what it returned: as it is, this runs the code of
    `activities`. Extend it and write `execute(self, task)` to do them in another way.

    Args:
        manager: where the tasks are; open.
        queues: a queue or several; `default` holds what decisions gave no queue.
        activities: the activities that it knows, and takes; None: those of the manager and of its
            workflows. One that says itself how to `execute` takes any, then.
        threads: how many it does at a time.

    Raises:
        RequestError: for what makes no sense.
        InvalidOptionError: for what is no queue's name.
    """

    def __init__(
        self,
        manager: Manager,
        queues: str | Iterable[str] = DEFAULT_QUEUE,
        activities: Iterable[Any] | None = None,
        *,
        threads: int = 1,
    ) -> None:
        """Nothing is taken yet: call `run`, or `step`."""
        super().__init__(manager, threads)
        self.queues = queue_names(queues)
        self._own = None if activities is None else dict(activity_code(activities))
        self._here = threading.local()

    def execute(self, task: ActivityTask) -> Any:
        """Do a task: what is returned completes it, what is raised fails it. Yours to write.

        As it is, it runs the activity's code, which finds its context by `current()`.
        """
        function = self._code().get(task.activity)
        if function is None:
            raise MissingFunctionError(f"this worker has no code for {task.activity!r}")
        return contextvars.copy_context().run(self._perform, function, task)

    def heartbeat(self, task: Any = None, details: Any = None) -> bool:
        """Say that somebody is at a task, by default at this thread's; gives whether it is to stop.

        Details alone will do as well. Raises UnknownTaskError, RequestError where nothing is done.
        """
        if not (task is None or isinstance(task, Attempted)):
            task, details = None, task
        here: ActivityTask | None = getattr(self._here, "task", None)
        known = task if isinstance(task, ActivityTask) else here
        if known is None:
            raise RequestError("nothing is done in this thread: name the task that you mean")
        return self.manager.heartbeat(known, details)

    def step(self, timeout: float | None = None) -> bool:
        """Take the next activity and do it; gives whether there was one.

        It waits `timeout` seconds for it (None: as long as it takes, or until `stop`). Raises
        StoreError, EngineClosedError, RequestError for one that knows no activity.
        """
        self._check_names()
        task = self.manager.seek_activity(self.queues, self._names, timeout, self._goes_on)
        if task is None:
            return False
        if not self.manager.may_begin(task):
            return True
        self._here.task = task
        try:
            self._do(task)
        except UnknownTaskError as error:
            _log.info("%r is late: %s", task, error, extra=task.context.fields)
        finally:
            self._here.task = None
        return True

    def _do(self, task: ActivityTask) -> None:
        try:
            with self.manager.secrets():
                result = self.execute(task)
            if not task.is_detached:
                self.manager.complete(task, result)
        except EngineClosedError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, UnknownTaskError) and error.token == task.id:
                raise
            self.manager.fail(task, error)

    def _perform(self, function: ActivityFunction, task: ActivityTask) -> Any:
        enter(task.context)
        arguments = function.arguments(task.raw.attempt.input)
        value = function.function(**arguments)
        if function.is_async:
            value = asyncio.run(value)
        if value is None and function.defers:
            return self.manager.detach(task)
        return function.result(value)

    def _code(self) -> dict[str, ActivityFunction]:
        return self.manager.code() if self._own is None else self._own

    def _names(self) -> Collection[str] | None:
        """The activities to take; None: any."""
        if self._own is None and type(self).execute is not ActivityWorker.execute:
            return None
        return self._code()

    def _check(self) -> None:
        super()._check()
        self._check_names()

    def _check_names(self) -> None:
        if self._names() == {} and not self.manager.hands_out_decisions:
            raise RequestError(
                "this worker knows no activity, and would take none: name some, as in "
                "ActivityWorker(manager, activities=[...]), or write its `execute`"
            )


class DecisionWorker(TaskWorker):
    """Makes the decisions of workflows (seed: pyworkflow).

    As it is, it lets the workflow decide. Extend it and write `decide(self, task)` to do that in
    another way.

    Args:
        manager: where the tasks are.
        workflows: the deciders whose decisions it makes; None: those of the manager.
        threads: how many it makes at a time.

    Raises:
        RequestError: for what makes no sense.
    """

    def __init__(
        self, manager: Manager, workflows: Iterable[Workflow] | None = None, *, threads: int = 1
    ) -> None:
        """Nothing is taken yet: call `run`, or `step`."""
        super().__init__(manager, threads)
        self.workflows = None if workflows is None else tuple(workflows)

    def decide(self, task: DecisionTask) -> Any:
        """What follows, as a workflow's `decide` returns it; what is raised is counted.

        Yours to write. As it is, the workflow decides.
        """
        return task.decide()

    def step(self, timeout: float | None = None) -> bool:
        """Take the next decision and make it; gives whether there was one.

        It waits `timeout` seconds for it (None: as long as it takes, or until `stop`). Raises
        StoreError, EngineClosedError, RequestError where no decider is known.
        """
        task = self.manager.seek_decision(self.workflows, timeout, self._goes_on)
        if task is None:
            return False
        try:
            self._make(task)
        except UnknownTaskError as error:
            _log.info("%r is late: %s", task, error, extra={"process_id": task.process_id})
        return True

    def _make(self, task: DecisionTask) -> None:
        try:
            self.manager.decide(task, self.decide)
        except (EngineClosedError, StoreError, UnknownTaskError):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything; it is counted
            self.manager.fail(task, error)
