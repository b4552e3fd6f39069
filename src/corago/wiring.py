"""The only place where a URL becomes a store, a backend, an engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from corago.activity import ActivityFunction
from corago.arguments import options
from corago.arguments.signatures import shortened
from corago.backends.local import LocalBackend, ProgramOf
from corago.clock import Clock, SystemClock
from corago.codecs import PayloadCodec
from corago.core.program import Program
from corago.errors import InvalidUrlError, RequestError
from corago.ids import random_id
from corago.ports.store import Store
from corago.runtime.engine import EngineCore
from corago.runtime.executor import Executor, ThreadExecutor
from corago.runtime.listening import Listener
from corago.runtime.settings import Settings, Surround, Workflow
from corago.secrecy import vault_of
from corago.steps.program import StepsProgram
from corago.stores.memory import MemoryStore


def machine_program(document: Mapping[str, Any]) -> Program[Any]:
    """The program of a machine; its room is entered only by those who have one."""
    from corago.machine.program import MachineProgram

    return MachineProgram(document)


def decider_program(document: Mapping[str, Any]) -> Program[Any]:
    """The program of a decider; its room is entered only by those who have one."""
    from corago.decider.program import DeciderProgram

    return DeciderProgram(document)


KINDS: dict[str, ProgramOf] = {
    "steps": StepsProgram,
    "machine": machine_program,
    "decider": decider_program,
}
"""The doors, by the kind that a definition's document names."""

GOOD_URLS = (
    "None or memory:// (in memory), sqlite:///work.db (beside you), sqlite:////var/lib/work.db"
)

NAME_BYTES = 255
"""How long the name of a file or folder may be."""

LATER = ("postgresql", "postgres", "temporal", "swf")


def store_of(url: str | None, clock: Clock) -> Store:
    """The store that a URL names. Raises InvalidUrlError, which lists the good forms."""
    if url is None or url in ("memory://", "memory:"):
        return MemoryStore(clock)
    if not isinstance(url, str):
        raise InvalidUrlError(
            f"a store's URL is a text, not {shortened(url)}; good forms: {GOOD_URLS}"
        )
    scheme, colon, _ = url.partition(":")
    if scheme == "sqlite" and colon:
        from corago.stores.sqlite import SqliteStore

        return SqliteStore(sqlite_path(url), clock)
    if scheme in LATER:
        raise InvalidUrlError(
            f"{scheme} is not supported by this version yet; good forms: {GOOD_URLS}"
        )
    raise InvalidUrlError(f"{shortened(url)} names no store; good forms: {GOOD_URLS}")


def sqlite_path(url: str) -> Path:
    """The file that a sqlite URL names. Raises InvalidUrlError."""
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite" or not rest.startswith("///") or rest == "///" or "?" in rest:
        raise InvalidUrlError(
            f"{shortened(url)} names no file: a sqlite URL has three slashes before a relative "
            f"path and four before an absolute one; good forms: {GOOD_URLS}"
        )
    path = Path(unquote(rest[3:]))
    try:
        is_name = all(b"\0" not in part and len(part) <= NAME_BYTES for part in _bytes(path))
    except UnicodeEncodeError:
        is_name = False
    if not is_name:
        raise InvalidUrlError(
            f"{shortened(url)} names no file that there can be: each part of its path is a text of "
            f"at most {NAME_BYTES} bytes; good forms: {GOOD_URLS}"
        )
    return path


def _bytes(path: Path) -> Iterator[bytes]:
    return map(os.fsencode, path.parts)


def queue_names(queues: Iterable[str]) -> tuple[str, ...]:
    """The names of queues, each once. Raises RequestError, InvalidOptionError."""
    if isinstance(queues, str):
        raise RequestError(f"queues are several names: write queues=[{queues!r}]")
    return tuple(dict.fromkeys(options.name(each, "Engine: a queue") for each in queues))


def activity_code(activities: Iterable[Any]) -> Mapping[str, ActivityFunction]:
    """The code of activities, by name. Raises RequestError, DefinitionError."""
    if isinstance(activities, type) or not isinstance(activities, Iterable):
        name = getattr(activities, "__name__", repr(activities))
        raise RequestError(f"activities are several: write activities=[{name}]")
    given = tuple(activities)
    if not given:
        return {}
    from corago.decider.activities import functions_of

    return functions_of(given)


class AsyncEngine(EngineCore):
    """A durable workflow engine in your program, for asyncio.

    The same methods as `Engine`, as coroutines.

    `url`: None for memory, or `sqlite:///file`. `workflows`: those that this engine has the code
    of. `activities`: classes and decorated functions whose code this engine has by name, for
    deciders that another engine may have: with `queues` and without workflows, it only runs these.
    `worker=False` makes a client only, which needs no code. `queues`: steps and activities of these
    queues, of whatever process of its workflows, run here too; one without a queue runs in the
    worker that drives its process. `concurrency`: how many processes it drives at a time, and how
    many tasks of queues it runs; `threads`: how many sync ones run at a time; `lease`: how long a
    silent worker is believed alive where its death can't be seen; `state_limit`: bytes of JSON that
    a State may have; `grace`: seconds that closing waits for running steps; `listeners`: who is
    told what it does; `codec`: what texts go through on the way to the store, such as compression
    and then encryption; `secret_key`: seals secrets, as `corago secret-key` prints it, or several,
    of which the first seals and all open; without it, CORAGO_SECRET_KEY. Raises InvalidUrlError,
    RequestError, DuplicateNameError, and StoreError when it is opened.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        workflows: Iterable[Workflow] = (),
        activities: Iterable[Any] = (),
        worker: bool = True,
        queues: Iterable[str] = (),
        concurrency: int = 64,
        threads: int = 16,
        lease: timedelta = timedelta(seconds=15),
        clock: Clock | None = None,
        state_limit: int = 2 * 1024 * 1024,
        grace: float = 30.0,
        listeners: Iterable[Listener] = (),
        codec: PayloadCodec | Sequence[PayloadCodec] = (),
        secret_key: str | bytes | Sequence[str | bytes] | None = None,
    ) -> None:
        """Nothing is opened yet: use it in `async with`, or call `open`."""
        served = queue_names(queues)
        if served and not worker:
            raise RequestError(
                "queues are served by a worker: leave out worker=False, or the queues"
            )
        if not isinstance(lease, timedelta):
            raise RequestError(f"a lease is a timedelta, as timedelta(seconds=15), not {lease!r}")
        if concurrency < 1 or threads < 1 or lease <= timedelta(0):
            raise RequestError(
                "concurrency and threads must be 1 or more, and lease more than nothing"
            )
        time = clock or SystemClock()
        codecs = codec if isinstance(codec, Sequence) else (codec,)

        def executor(loop: asyncio.AbstractEventLoop) -> Executor:
            return ThreadExecutor(threads, loop)

        super().__init__(
            LocalBackend(store_of(url, time), time, KINDS, codecs),
            Surround(time, random_id, asyncio.sleep, executor),
            Settings(
                worker,
                concurrency,
                lease,
                state_limit,
                grace,
                tuple(listeners),
                vault_of(secret_key),
                served,
                activity_code(activities),
            ),
            workflows,
        )
        self.url = url
