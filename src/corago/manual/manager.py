"""The Manager: processes and their tasks, for people who write their own workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from corago.blocking.handle import Handle
from corago.clock import Clock
from corago.codecs import PayloadCodec
from corago.errors import RequestError
from corago.manual.bringing import DEFAULT_QUEUE, Bringing, activity_names
from corago.manual.engine import DeskEngine
from corago.manual.tasks import ActivityTask, DecisionTask
from corago.runtime.listening import Listener
from corago.runtime.settings import Workflow


class Manager(Bringing):
    """Processes and their tasks, for people who write their own workers (seed: pyworkflow).

    You take a task, you do it, you bring it back; from any thread. A Manager decides nothing by
    itself and runs no code of yours:

        with Manager("sqlite:///work.db", workflows=[Bar], activities=[Foo]) as manager:
            manager.start(Bar, 7)
            decision = manager.next_decision()
            manager.complete(decision, ScheduleActivity(Foo))
            task = manager.next_activity()
            manager.complete(task, task.input * 2)

    **Leases.** It registers as one worker and keeps that alive from a thread of its own, as an
    engine does. An activity is yours until you bring it back, its limits run out, or the Manager
    is closed; if its OS process dies, others get it after a lease (at once where the death is
    seen). A decision is yours for `decision_lease`; after that, anybody gets it, and finds that its
    lease was lost. Whatever comes late raises UnknownTaskError and changes nothing.

    **Limits.** Tasks whose limits have run out, and those that are to stop before anybody took
    them, are seen to by themselves. You never get them.

    **Activities without a queue** run in the worker that decides, and here no worker does. So
    decisions that are brought to a Manager put them into the queue `default`, which is where
    `next_activity` and `ActivityWorker` look if nothing else is said. One that an engine has begun
    stays an engine's.

    Args:
        url: None for memory, which only this Manager sees; or `sqlite:///file`, for any number of
            managers and engines.
        workflows: those whose decisions it hands out: deciders. Others may be started.
        activities: whose code an `ActivityWorker` finds here by name.
        lease: how long a silent Manager is believed alive where its death can't be seen.
        decision_lease: how long a decision may take.
        clock: what time it is.
        state_limit: bytes of JSON that an input or a result may have.
        listeners: who is told what is recorded here.
        codec: what texts go through on the way to the store.
        secret_key: as of `Engine`.

    Raises:
        InvalidUrlError: for what names no store.
        RequestError: for what makes no sense.
        StoreError: when it is opened.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        workflows: Iterable[Workflow] = (),
        activities: Iterable[Any] = (),
        lease: timedelta = timedelta(seconds=15),
        decision_lease: timedelta = timedelta(seconds=30),
        clock: Clock | None = None,
        state_limit: int = 2 * 1024 * 1024,
        listeners: Iterable[Listener] = (),
        codec: PayloadCodec | Sequence[PayloadCodec] = (),
        secret_key: str | bytes | Sequence[str | bytes] | None = None,
    ) -> None:
        """Nothing is opened yet: use it in `with`, or call `open`."""
        super().__init__(
            DeskEngine(
                url,
                decision_lease=decision_lease,
                lease=lease,
                workflows=workflows,
                activities=activities,
                clock=clock,
                state_limit=state_limit,
                listeners=listeners,
                codec=codec,
                secret_key=secret_key,
            )
        )

    # -- processes ---------------------------------------------------------------------------

    def start(
        self,
        workflow: Workflow | str,
        input: Any = None,
        *,
        id: str | None = None,
        tags: Iterable[str] = (),
        timeout: float | timedelta | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Handle:
        """Start a process, as `Engine.start` does; durable when it returns."""
        return Handle(
            self,
            self._run(
                self._engine.start(
                    workflow, input, id=id, tags=tags, timeout=timeout, actor=actor, reason=reason
                )
            ),
        )

    def get(self, id: str) -> Handle:
        """The handle of a process that exists. Raises ProcessNotFoundError."""
        return Handle(self, self._run(self._engine.get(id)))

    def signal(
        self,
        id: str,
        name: str,
        data: Any = None,
        *,
        key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Send a signal to a process, as `Engine.signal` does; durable when it returns."""
        self._run(self._engine.signal(id, name, data, key=key, actor=actor, reason=reason))

    def cancel_process(
        self, id: str, *, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Ask a process to stop, as `Engine.cancel` does. Raises CommandRefusedError."""
        self._run(self._engine.cancel(id, actor=actor, reason=reason))

    def abort_process(
        self, id: str, *, actor: str | None = None, reason: str | None = None
    ) -> None:
        """End a process by force, as `Engine.abort` does. Raises CommandRefusedError."""
        self._run(self._engine.abort(id, actor=actor, reason=reason))

    # -- taking ------------------------------------------------------------------------------

    def next_decision(
        self, workflows: Iterable[Workflow] | None = None, *, timeout: float | None = None
    ) -> DecisionTask | None:
        """Take the next decision that somebody must make; the process is yours until then.

        `workflows` are those of this Manager if nothing else is said. It waits `timeout` seconds
        (None: as long as it takes; 0: it only looks), and gives None if there was nothing.

        Raises RequestError where no decider is known, StoreError.
        """
        return self.seek_decision(workflows, timeout)

    def next_activity(
        self,
        queue: str | Iterable[str] | None = None,
        *,
        category: str | Iterable[str] | None = None,
        activities: Iterable[Any] | None = None,
        timeout: float | None = None,
    ) -> ActivityTask | None:
        """Take the next activity of a queue, or of several; it is yours until you bring it back.

        Without a `queue` (`category` is an alias) that is `default`. `activities` are the only ones
        to take, by names or as they are; None: any, of whatever workflow. It waits `timeout`
        seconds (None: as long as it takes; 0: it only looks), and gives None if there was nothing.

        Raises RequestError, InvalidOptionError for what is no name, StoreError.
        """
        if queue is not None and category is not None:
            raise RequestError("category is another word for queue: say one of them")
        given = category if queue is None else queue
        names = DEFAULT_QUEUE if given is None else given
        wanted = activity_names(activities)
        return self.seek_activity(names, lambda: wanted, timeout)
