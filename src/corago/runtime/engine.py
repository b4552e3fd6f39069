"""AsyncEngine: the handle that applications hold.

Checks at the edge, sends, asks, waits; decides nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Any, Self

from corago.arguments.signatures import shortened
from corago.core import codec
from corago.core import process as process_fold
from corago.core.process import Process
from corago.errors import (
    DuplicateNameError,
    EngineClosedError,
    InvalidInputError,
    ProcessAlreadyExistsError,
    StoreError,
    WaitTimeoutError,
    WorkflowNotFoundError,
)
from corago.ports.backend import Backend, Start
from corago.ports.store import Change, Definition
from corago.runtime import checks
from corago.runtime.completing import Completing
from corago.runtime.executor import Executor
from corago.runtime.handle import AsyncHandle, outcome
from corago.runtime.listening import ears_of
from corago.runtime.migrating import Migrating
from corago.runtime.settings import Settings, Surround, Workflow
from corago.runtime.waiting import Waiters
from corago.runtime.worker import Worker
from corago.secrecy import revealed, using

GLANCE_SECONDS = 0.025
"""How often it looks whether somebody else has written."""

LOOK_SECONDS = 1.0
"""The safety net of a waiter: how long it trusts that nothing has happened."""


class EngineCore(Migrating, Completing):
    """The engine over any Backend; `corago.wiring` makes it from a URL."""

    def __init__(
        self,
        backend: Backend,
        surround: Surround,
        settings: Settings,
        workflows: Iterable[Workflow],
    ) -> None:
        """Take everything; `open` begins."""
        self._backend = backend
        self._surround = surround
        self._new_id = surround.new_id
        self._settings = settings
        self._ears = ears_of(settings.listeners, surround.clock)
        self._given = tuple(workflows)
        self._check_names()
        self._workflows: dict[str, Workflow] = {}
        self._code: dict[str, Workflow] = {}
        self._definitions: dict[str, Definition] = {}
        self._worker: Worker | None = None
        self._waiters = Waiters(self._surround.clock)
        self._glancing: asyncio.Task[None] | None = None
        self._executor: Executor | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._pid = os.getpid()
        self._is_open = False
        self._is_closing = False

    def _check_names(self) -> None:
        seen: dict[tuple[str, int], Workflow] = {}
        for workflow in self._given:
            other = seen.setdefault((workflow.name, workflow.version), workflow)
            if other.sha != workflow.sha:
                raise DuplicateNameError(
                    f"two different workflows are named {workflow.name!r} version "
                    f"{workflow.version}; rename one, or give it another version"
                )

    # -- life --------------------------------------------------------------------------------

    async def open(self) -> Self:
        """Open the backend, register the workflows and start the worker.

        What is open stays as it is. Raises StoreError, and leaves nothing behind then.
        """
        if self._is_open:
            self._check()
            return self
        await self._backend.open()
        self._is_open, self._pid = True, os.getpid()
        try:
            with using(self._settings.vault):  # what is begun here lives in this context
                await self._begin()
        except BaseException:
            await self.close()
            raise
        return self

    async def _begin(self) -> None:
        self._unsubscribe = self._backend.subscribe(self._notice)
        self._waiters = Waiters(self._surround.clock)
        loop = asyncio.get_running_loop()
        if self._settings.has_worker:
            self._executor = self._surround.executor(loop)
            self._worker = Worker(
                self._backend,
                self._surround,
                self._settings,
                name=f"worker-{self._new_id()[:8]}",
                executor=self._executor,
                closed=self._closed,
                ears=self._ears,
            )
        for workflow in self._given:
            await self._register(workflow)
        if self._worker is not None:
            await self._worker.start()
        self._glancing = loop.create_task(self._glance())

    async def close(self) -> None:
        """Let running steps end, let go of every process, and close the backend.

        Steps that run longer than `grace` seconds are interrupted; until then they may use the
        engine.
        """
        if self._is_closing or not (self._is_open and self.is_mine()):
            return
        self._is_closing = True
        try:
            if self._worker is not None:
                await self._worker.stop(self._settings.grace)
        finally:
            self._is_open = self._is_closing = False
            await self._let_go()

    async def _let_go(self) -> None:
        if self._executor is not None:
            self._executor.close()
        if self._glancing is not None:
            self._glancing.cancel()
            await asyncio.gather(self._glancing, return_exceptions=True)
        self._unsubscribe()
        self._waiters.tell_all()
        self._worker = self._executor = self._glancing = None
        self._definitions.clear()
        self._workflows.clear()
        self._code.clear()
        await self._backend.close()

    async def __aenter__(self) -> Self:
        """Open."""
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def _check(self) -> None:
        if not self.is_mine():
            raise EngineClosedError(
                "this engine was opened before a fork and can't be used in the child; "
                "open engines after forking only, in each child its own"
            )
        if not self._is_open:
            raise EngineClosedError(
                "this engine is not open; use it inside `with Engine(...) as engine:`"
            )

    def is_mine(self) -> bool:
        """Whether this OS process may use the engine; False in a fork of the one that opened it."""
        return not self._is_open or os.getpid() == self._pid

    def _paused(self, *, is_paused: bool) -> None:
        if self._worker is not None:
            self._worker.set_paused(is_paused)

    # -- workflows ---------------------------------------------------------------------------

    def _functions(self, sha: str) -> Mapping[str, Any]:
        code = self._code.get(sha)
        if code is None:
            follower = self._backend.follower(sha)
            code = None if follower is None else self._code.get(follower.sha)
            if code is not None and code.program.needs is None:
                code = None  # another step list's code is not this one's
        return {} if code is None else code.functions

    def _takes_any_signal(self) -> bool:
        """Whether all that is registered does, so that nobody need look first."""
        known = self._code.values()
        return bool(known) and all(each.program.takes_any_signal for each in known)

    def _has_code(self, sha: str) -> bool:
        return self._worker is not None and sha in self._code

    def _own_worker(self) -> str | None:
        return None if self._worker is None else self._worker.name

    async def register(self, workflow: Workflow) -> None:
        """Make a workflow known here and in the store, as `Engine(workflows=[…])` does.

        Raises DuplicateNameError, StoreError.
        """
        self._check()
        await self._register(workflow)

    async def _register(self, workflow: Workflow) -> Definition:
        known = self._definitions.get(workflow.sha)
        if known is not None:
            return known
        names = {(each.name, each.version) for each in self._code.values()}
        if (workflow.name, workflow.version) in names:
            raise DuplicateNameError(
                f"a different workflow {workflow.name!r} version {workflow.version} is registered "
                "with this engine; rename one, or give it another version"
            )
        for child in workflow.children:
            await self._register(child)
        definition = await self._backend.define(
            Definition(
                workflow.name,
                workflow.version,
                workflow.sha,
                codec.canonical(workflow.document),
            ),
            workflow.program,
        )
        self._definitions[workflow.sha] = definition
        self._code[workflow.sha] = workflow
        other = self._workflows.setdefault(workflow.name, workflow)
        if other.version < workflow.version:
            self._workflows[workflow.name] = workflow
        if self._worker is not None:
            self._worker.register(workflow.sha, workflow.functions)
        return definition

    async def _definition(self, workflow: Workflow | str) -> tuple[Definition, float | None]:
        if not isinstance(workflow, str):
            if not isinstance(getattr(workflow, "sha", None), str):
                raise InvalidInputError(
                    f"what is started is a workflow or the name of one, not {shortened(workflow)}"
                )
            return await self._register(workflow), workflow.timeout
        workflow = checks.good_name(workflow, "a workflow's name")
        known = self._workflows.get(workflow)
        if known is not None:
            return self._definitions[known.sha], known.timeout
        stored = await self._backend.latest(workflow)
        if stored is None:
            names = ", ".join(sorted(self._workflows)) or "none"
            raise WorkflowNotFoundError(
                f"no workflow is named {workflow!r}; registered here: {names}. Hand it to "
                "Engine(workflows=[...]), or start it once from a worker that has it"
            )
        return stored, None

    # -- starting ----------------------------------------------------------------------------

    async def start(
        self,
        workflow: Workflow | str,
        input: Any = None,
        *,
        id: str | None = None,
        tags: Iterable[str] = (),
        timeout: float | timedelta | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> AsyncHandle:
        """Start a process; durable when it returns.

        The same id with the same workflow and input gives the process that is there, a closed one
        too. `timeout` is in seconds (or a timedelta). Raises ProcessAlreadyExistsError,
        WorkflowNotFoundError, InvalidInputError, StoreError.
        """
        self._check()
        worker = self._worker
        is_reserved = worker is not None and worker.reserve()
        try:
            return await self._start(
                workflow, input, id, tags, timeout, actor, reason, is_reserved=is_reserved
            )
        finally:
            if worker is not None and is_reserved:
                worker.release()

    async def _start(  # noqa: PLR0917 - `start`, with its place in the worker taken already
        self,
        workflow: Workflow | str,
        input: Any,
        id: str | None,
        tags: Iterable[str],
        timeout: float | timedelta | None,
        actor: str | None,
        reason: str | None,
        *,
        is_reserved: bool,
    ) -> AsyncHandle:
        definition, default = await self._definition(workflow)
        worker = self._worker if is_reserved and self._has_code(definition.sha) else None
        given = self._checked_input(definition, input)
        wish = Start(
            process_id=checks.good_id(id) if id is not None else self._new_id(),
            definition=definition,
            input=given,
            external=self._backend.program(definition).opening(given),
            tags=checks.good_tags(tags),
            timeout=checks.seconds(timeout, "timeout") if timeout is not None else default,
            actor=checks.good_text(actor, "actor"),
            reason=checks.good_text(reason, "reason"),
            owner=None if worker is None else worker.id,
        )
        started = await (self._backend.start(wish) if worker is None else worker.bear(wish))
        if self._ears is not None and started.event is not None:
            self._ears.recorded(process_fold.start(started.event), (started.event,))
        if not started.is_new and not started.is_same:
            raise ProcessAlreadyExistsError(wish.process_id, "workflow or input")
        return AsyncHandle(self, wish.process_id)

    def _checked_input(self, definition: Definition, value: Any) -> Any:
        program = self._backend.program(definition)
        return self._kept(program.discreet(program.check_input(value)), "input")

    def _kept(self, value: Any, what: str) -> Any:
        """A value from outside as it comes back from the bytes that are written.

        Raises InvalidInputError.
        """
        encoded = codec.to_json(value, what, self._settings.vault.seal)
        kept = codec.from_json(encoded)
        if len(encoded) > self._settings.state_limit:
            checks.size(kept, self._settings.state_limit, what)
        return kept

    async def start_many(
        self,
        workflow: Workflow | str,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        window: int = 256,
        actor: str | None = None,
        reason: str | None = None,
    ) -> list[AsyncHandle]:
        """Start a process per item, with back-pressure.

        Gives the handles in the order of the items.

        An item is an input, or a pair of id and input. At most `window` starts are under way at a
        time, and an engine with a worker starts no more than its worker has room for.
        """
        self._check()
        if not isinstance(items, (Iterable, AsyncIterable)):
            raise InvalidInputError(f"items are several inputs, not {shortened(items)}")
        loop = asyncio.get_running_loop()
        begun: list[asyncio.Task[AsyncHandle]] = []
        slots = asyncio.Semaphore(max(1, window))
        failed = asyncio.Event()

        async def begin(item: Any, *, is_reserved: bool) -> AsyncHandle:
            name, given = checks.named(item)
            return await self._start(
                workflow, given, name, (), None, actor, reason, is_reserved=is_reserved
            )

        def ended(task: asyncio.Task[AsyncHandle], releasing: Worker | None) -> None:
            slots.release()
            if releasing is not None:
                releasing.release()
            if task.cancelled() or task.exception() is not None:
                failed.set()

        try:
            async with aclosing(_each(items)) as each:
                async for item in each:
                    await slots.acquire()
                    worker = self._worker
                    if worker is not None:
                        await worker.room()
                    if failed.is_set():
                        break
                    is_reserved = worker is not None and worker.reserve()
                    task = loop.create_task(begin(item, is_reserved=is_reserved))
                    task.add_done_callback(
                        partial(ended, releasing=worker if is_reserved else None)
                    )
                    begun.append(task)
            return list(await asyncio.gather(*begun))
        except BaseException:
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            raise

    # -- handles and waiting --------------------------------------------------------------------

    async def get(self, id: str) -> AsyncHandle:
        """The handle of a process that exists. Raises ProcessNotFoundError."""
        self._check()
        return AsyncHandle(self, (await self._described(id)).row.process_id)

    def _notice(self, change: Change) -> None:
        if self._worker is not None:
            self._worker.notice(change)
        turn = None if self._worker is None else self._worker.turns.get(change.process_id)
        if change.kind == "closed" and not (turn is not None and turn.is_closing):
            self._waiters.tell(change.process_id, None)  # a turn that closes tells the end itself

    def _closed(self, process: Process) -> None:
        self._waiters.tell(process.id, process)

    async def _glance(self) -> None:
        """Look now and then whether another OS process has written.

        It rests while there is nobody to tell.
        """
        while True:
            if self._worker is None:
                await self._waiters.are_there.wait()
            await self._surround.sleep(GLANCE_SECONDS)
            try:
                has_stirred = self._backend.stirred()
            except StoreError:
                continue  # whoever needs the store will meet the error, and tell it
            if not has_stirred:
                continue
            if self._worker is not None:
                self._worker.stir()
            self._waiters.tell_all()

    async def wait(self, id: str, timeout: float | None = None) -> Any:
        """The result of a process once it has completed; `timeout` is in seconds.

        Raises ProcessFailedError, ProcessCanceledError, ProcessAbortedError, ProcessTimedOutError,
        or WaitTimeoutError (a TimeoutError) that carries the explanation.
        """
        self._check()
        id, timeout = checks.known_id(id), checks.patience(timeout, "timeout")
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        while True:
            left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - loop.time())
            process = await self._waiters.wait(id, lambda: self._ended(id), left)
            if process is not None:
                return revealed(outcome(process), self._settings.vault)
            self._check()
            if end is not None and loop.time() >= end:
                raise WaitTimeoutError(id, timeout or 0.0, await self.explain(id))

    async def _ended(self, process_id: str) -> Process | None:
        """The end of a closed process; None while it lives, or is about to be reopened."""
        turn = None if self._worker is None else self._worker.turns.get(process_id)
        if turn is not None and not turn.is_over:
            return None
        return await self._backend.ended(process_id)


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
