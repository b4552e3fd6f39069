"""An engine without a worker, at whose desk others take tasks and bring them back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from corago.activity import ActivityFunction
from corago.core import messages as m
from corago.core.calls import Answer
from corago.core.events import Event
from corago.core.tasks import ActivityTask
from corago.errors import EngineClosedError, RequestError, StoreError
from corago.ports.store import Change
from corago.runtime.batch import BACK_OFFS
from corago.runtime.desk import Desk, Terms
from corago.runtime.engine import GLANCE_SECONDS
from corago.runtime.settings import Workflow
from corago.runtime.sitting import Sitting
from corago.secrecy import Vault
from corago.wiring import AsyncEngine


class DeskEngine(AsyncEngine):
    """The asynchronous half of a Manager: a client with a desk, which opens and closes with it."""

    def __init__(
        self, url: str | None, *, decision_lease: timedelta, lease: timedelta, **settings: Any
    ) -> None:
        """Take what an engine takes, and how long a decision may take."""
        if decision_lease <= timedelta(0):
            raise RequestError("decision_lease must be more than nothing")
        super().__init__(url, worker=False, lease=lease, **settings)
        self._terms = Terms(lease, decision_lease)
        self._desk: Desk | None = None
        self.met: dict[str, Any] = {}

    # -- life --------------------------------------------------------------------------------

    async def _begin(self) -> None:
        await super()._begin()
        self._desk = Desk(
            self._backend,
            self._surround,
            self._terms,
            name=f"manager-{self._new_id()[:8]}",
            functions=self._functions_of,
            ears=self._ears,
        )
        await self._desk.start()

    async def _let_go(self) -> None:
        desk, self._desk = self._desk, None
        try:
            if desk is not None:
                await desk.stop()
        finally:
            await super()._let_go()

    def _notice(self, change: Change) -> None:
        super()._notice(change)
        if self._desk is not None:
            self._desk.notice(change)

    async def _glance(self) -> None:
        """Look now and then whether another OS process has written."""
        while True:
            await self._surround.sleep(GLANCE_SECONDS)
            try:
                has_stirred = self._backend.stirred()
            except StoreError:
                continue  # whoever needs the store will meet the error, and tell it
            if has_stirred:
                self._waiters.tell_all()
                self.stir()

    def stir(self) -> None:
        """Let those who wait for a task look again."""
        if self._desk is not None:
            self._desk.stir()

    # -- what a manager asks -----------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        """The desk. Raises EngineClosedError."""
        self._check()
        if self._desk is None:
            raise EngineClosedError("this manager is being closed")
        return self._desk

    @property
    def vault(self) -> Vault:
        """The keys for secrets."""
        return self._settings.vault

    def deciders(self) -> list[Workflow]:
        """The workflows whose decisions are handed out here."""
        known = tuple(self._code.values()) if self._is_open else self._given
        return [each for each in known if each.program.batch]

    def activities(self) -> dict[str, ActivityFunction]:
        """The code of all activities that are known here, by name."""
        known: dict[str, Any] = dict(self.met)
        for workflow in self.deciders():
            known |= workflow.functions
        known |= self._settings.activities
        return {name: each for name, each in known.items() if isinstance(each, ActivityFunction)}

    def workflow(self, sha: str) -> Workflow:
        """A workflow whose decisions are handed out here."""
        return self._code[sha]

    async def arrive(self, count: int) -> None:
        """So many more come again and again for tasks; or, of a negative count, fewer."""
        self.desk.present += count

    async def seek_activity(
        self,
        queues: Sequence[str],
        activities: Callable[[], Collection[str] | None],
        seconds: float | None,
        goes_on: Callable[[], bool],
    ) -> ActivityTask | None:
        """The next activity of these queues, as `Desk.activity` says."""
        return await self.desk.activity(queues, activities, seconds, goes_on)

    async def seek_decision(
        self,
        workflows: Iterable[Workflow] | None,
        seconds: float | None,
        goes_on: Callable[[], bool],
    ) -> Sitting | None:
        """The next decision of these workflows, or of all that are known here.

        Raises RequestError where there is none, and for one that is no decider.
        """
        desk = self.desk
        if workflows is None:
            wanted = self.deciders()
        else:
            wanted = list(workflows)
            for each in wanted:
                await self._register(each)
        others = [each.name for each in wanted if not each.program.batch]
        if others or not wanted:
            whose = f"{others[0]!r} is none" if others else "it knows none"
            raise RequestError(
                f"a Manager hands out the decisions of deciders, and {whose}: name them, as in "
                "Manager(workflows=[...]), and leave step lists and machines to an Engine"
            )
        return await desk.decision([each.sha for each in wanted], seconds, goes_on)

    async def task(self, token: str) -> ActivityTask:
        """The activity that a token names. Raises UnknownTaskError."""
        return await self._task(token)

    def kept_result(self, value: Any) -> Any:
        """A result as it is kept. Raises InvalidInputError."""
        return self._kept(value, "result")

    async def complete(self, task: ActivityTask, outcome: m.Outcome) -> None:
        """Bring the outcome of an activity. Raises UnknownTaskError."""
        await self.desk.complete(task, outcome)

    async def beat(self, task: ActivityTask, details: Any) -> bool:
        """Bring a heartbeat; None says nothing but that. Raises UnknownTaskError."""
        return await self.desk.beat(task, details, says=details is not None)

    async def detach(self, task: ActivityTask) -> None:
        """Leave an activity to whoever has its token. Raises UnknownTaskError."""
        await self.desk.detach(task)

    async def past(self, sitting: Sitting) -> list[Event]:
        """What was stored when a decision was taken."""
        return await self.desk.sittings.past(sitting)

    async def answer(self, sitting: Sitting, answers: Sequence[Answer]) -> Mapping[str, Any] | None:
        """Write what was decided, as `Sittings.answer` says."""
        return await self.desk.sittings.answer(sitting, answers)

    async def put_off(self, sitting: Sitting) -> None:
        """Nobody could decide, once more: it is to be asked again later.

        Raises UnknownTaskError.
        """
        before = sitting.task.failures
        await self.desk.sittings.put_off(sitting, before + 1, BACK_OFFS[before])

    def _functions_of(self, sha: str) -> Mapping[str, Any] | None:
        code = self._code.get(sha)
        return None if code is None else code.functions
