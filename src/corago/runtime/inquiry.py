"""Asking: what a process is, why it stands there, and what would happen. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from corago.clock import Clock
from corago.core import codec, kernel
from corago.core import messages as m
from corago.core.calls import LiveCalls, MissingFunctionError, NotReadError, Past, bare
from corago.core.events import Event
from corago.core.history import History
from corago.core.preview import Preview, Question, foresee
from corago.core.program import NOTHING, Agenda, Difference
from corago.errors import (
    ProcessNotFoundError,
    RequestError,
    StoreError,
    StoreUnavailableError,
    WorkflowNotFoundError,
)
from corago.ports.backend import Backend, Description, OpenActivity
from corago.runtime import checks, explaining, views
from corago.runtime.cases import Surroundings
from corago.runtime.pasts import history_of, unasking
from corago.runtime.settings import Settings
from corago.runtime.views import Explanation, ProcessInfo
from corago.secrecy import using


class Inquiry:
    """The asking half of an engine."""

    _backend: Backend
    _settings: Settings

    @property
    def _clock(self) -> Clock:
        return self._backend.clock

    def _check(self) -> None:
        raise NotImplementedError

    def _functions(self, sha: str) -> Mapping[str, Any]:
        raise NotImplementedError

    def _has_code(self, sha: str) -> bool:
        raise NotImplementedError

    def _own_worker(self) -> str | None:
        raise NotImplementedError

    async def info(self, id: str) -> ProcessInfo:
        """A process at this moment. Raises ProcessNotFoundError."""
        self._check()
        return await self._info(await self._described(id))

    async def _described(self, id: str) -> Description:
        """What is stored of a process. Raises ProcessNotFoundError, InvalidInputError."""
        return await self._backend.describe(checks.known_id(id))

    async def _info(self, description: Description) -> ProcessInfo:
        agenda = self._agenda(description) or NOTHING
        tasks = await self._tasks(description, agenda)
        return views.info_of(description, agenda, self._clock.now(), tasks)

    async def _tasks(self, description: Description, agenda: Agenda) -> list[OpenActivity]:
        """What a process has in queues."""
        if all(wish.queue is None for wish in agenda.activities):
            return []
        return await self._backend.open_activities(description.row.process_id)

    def _agenda(self, description: Description) -> Agenda | None:
        """What the process wants open; None where that takes code that is not here."""
        snapshot, program = description.snapshot, description.program
        calls = unasking(program, self._functions(snapshot.process.sha))
        try:
            now = self._clock.now()
            with using(self._settings.vault):
                commit = kernel.advance(program, snapshot, [], now, calls)
            return commit.snapshot.agenda
        except MissingFunctionError:
            return None

    async def processes(
        self,
        *,
        workflow: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[ProcessInfo]:
        """A page of processes, newest first.

        `after` is the id of the last one of the page before.
        """
        self._check()
        query = checks.query(workflow, status, tag, since, until, limit, after)
        found = []
        for row in await self._backend.find(query):
            try:
                found.append(await self._info(await self._backend.describe(row.process_id)))
            except StoreUnavailableError:
                raise
            except (StoreError, ProcessNotFoundError) as error:  # even its id may be damaged
                found.append(views.damaged_info(row, error))
        return found

    async def count(
        self,
        *,
        workflow: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> dict[str, int]:
        """How many processes there are, by status."""
        self._check()
        return await self._backend.count(checks.query(workflow, status, tag, since, until, 1, None))

    async def history(self, id: str, *, run: int | None = None) -> History:
        """Every recorded event of a run, positions from 1, with secrets masked.

        `run` is the latest unless said: a process that continues as new has several. Raises
        ProcessNotFoundError, and RequestError for a run that it never had.
        """
        self._check()
        id = checks.known_id(id)
        if run is None:
            events: Iterable[Event] = await self._backend.history(id)
        else:
            events = await self._backend.events(id, 0, checks.whole(run, "run"))
            if not events:
                last = (await self._backend.describe(id)).row.run
                raise RequestError(f"process {id!r} has no run {run}: its runs are 1 to {last}")
        return History(map(codec.masked_event, events))

    async def pending(self, id: str) -> tuple[m.Inbound, ...]:
        """The messages that the process has not consumed yet."""
        self._check()
        return views.mail_of(await self._described(id))

    async def explain(self, id: str) -> Explanation:
        """Why the process stands where it stands, as a value whose text is a sentence."""
        self._check()
        try:
            description = await self._described(id)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            return explaining.damaged(id, error, self._clock.now())
        newer, differences = await self._differences(description)
        has_code, lacks = self._code_of(description)
        agenda = self._agenda(description)
        tasks = await self._tasks(description, agenda or NOTHING)
        around = Surroundings(
            is_paused=await self._backend.pause(),
            workers=[peer.name for peer in await self._backend.peers() if not peer.is_dead],
            own=self._own_worker(),
            has_code=has_code,
            lacks=lacks,
            now=self._clock.now(),
            differences=differences,
            newer=newer,
            tasks=tasks,
            codeless=self._codeless(description, tasks),
        )
        return explaining.explain(description, agenda, around)

    def _codeless(self, description: Description, tasks: Iterable[OpenActivity]) -> tuple[str, ...]:
        """The activities that wait for this engine's worker, and whose code it has not."""
        known = {*self._settings.activities, *self._functions(description.row.sha)}
        served = self._settings.queues if self._own_worker() is not None else ()
        waiting = (each.activity for each in tasks if each.due is not None and each.queue in served)
        return tuple(dict.fromkeys(name for name in waiting if name and name not in known))

    def _code_of(self, description: Description) -> tuple[bool, tuple[str, ...]]:
        """Whether a process can go on here, and the functions of its definition that are not."""
        sha, needs = description.row.sha, description.program.needs
        if needs is None or self._has_code(sha):
            return self._has_code(sha), ()
        lacks = bare(needs - self._functions(sha).keys())
        follower = self._backend.follower(sha)
        return follower is not None and self._has_code(follower.sha) and not lacks, lacks

    async def _differences(self, description: Description) -> tuple[str, tuple[Difference, ...]]:
        """The definition that a process would follow next, and what stands between."""
        row = description.row
        if description.program.needs is not None:
            return "", ()  # it keeps its own
        newest = await self._backend.newest(row.workflow, row.version)
        if newest is None or newest.sha == row.sha or description.snapshot.process.is_closed:
            return "", ()
        program = self._backend.program(newest)
        found = program.differences(description.snapshot.state, description.program, {})
        return newest.sha[:12], found

    async def preview(
        self,
        id: str,
        *,
        signal: tuple[str, Any] | str | None = None,
        update: Mapping[str, Any] | None = None,
        retry: bool | str = False,
        skip: bool | str = False,
        set_result: tuple[str, Any] | Any = None,
        cancel: bool = False,
        abort: bool = False,
        outcome: tuple[str, Any] | None = None,
        at: datetime | None = None,
    ) -> Preview:
        """What would happen: one `advance`, nothing written.

        Messages that wait are taken first. `retry` and `skip` take True or a step's path;
        `set_result` a result (a step's is a dict), or a path and a result; `outcome` a step's or
        activity's path and what it returns, an exception, or its end outright (an
        `ActivityResult`); `at` an instant up to which due timers fire. `abort` is
        asked about alone. Raises ProcessNotFoundError; InvalidInputError; WorkflowNotFoundError
        where a predicate must be asked whose code is not here.
        """
        self._check()
        description = await self._described(id)
        now = self._clock.now()
        if at is not None:
            now = max(checks.aware(at), now)
        question = Question(
            signal=signal,
            update=update,
            retry=retry,
            skip=skip,
            set_result=set_result,
            cancel=cancel,
            abort=abort,
            outcome=outcome,
            seal=self._settings.vault.seal,
        )
        try:
            return await self._foreseen(description, question, now)
        except MissingFunctionError as error:
            raise WorkflowNotFoundError(
                f"a preview of {id!r} must ask {error.name!r}, whose code is not here; hand the "
                "workflow to Engine(workflows=[...])"
            ) from error

    async def _foreseen(
        self, description: Description, question: Question, now: datetime
    ) -> Preview:
        """What would happen; the history is read for a decider that looks back."""
        snapshot, program, past = description.snapshot, description.program, Past()
        waiting: list[tuple[datetime, m.Message]] = []
        if description.lost_owner is not None:
            waiting.append((snapshot.process.at, m.Lost(description.lost_owner)))
        waiting += [(each.at, each.message) for each in description.mail]
        while True:
            calls = LiveCalls(self._functions(snapshot.process.sha), past)
            try:
                with using(self._settings.vault):
                    return foresee(program, snapshot, waiting, question, now, calls)
            except NotReadError:
                past.fill(await history_of(self._backend, snapshot.process))
