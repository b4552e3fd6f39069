"""The engine as commands hold it: a client over a store, with a closer look at one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from corago.cli.options import Common
from corago.cli.pictures import Picture, of_process
from corago.codecs import PayloadCodec
from corago.core.history import History
from corago.errors import StoreUnavailableError
from corago.ports.store import Instance
from corago.runtime import checks
from corago.runtime.auditing import Audit, audit
from corago.runtime.views import Explanation, ProcessInfo
from corago.wiring import AsyncEngine, sqlite_path

if TYPE_CHECKING:
    from corago.runtime.settings import Workflow


class Sight(msgspec.Struct, frozen=True):
    """A process seen from all sides at (nearly) one moment."""

    info: ProcessInfo
    explanation: Explanation
    history: History
    picture: Picture


class Desk(AsyncEngine):
    """A client without a worker. `code`: workflows whose predicates a preview may ask."""

    def __init__(
        self,
        url: str | None,
        code: Iterable[Workflow] = (),
        codec: Sequence[PayloadCodec] = (),
    ) -> None:
        """Nothing is opened yet."""
        super().__init__(url, worker=False, codec=codec)
        # beside the registered ones: registering would write, and a preview writes nothing
        self._asked = {each.sha: each.functions for each in code}

    def _functions(self, sha: str) -> Mapping[str, Any]:
        return self._asked.get(sha) or super()._functions(sha)

    async def rows(self, **conditions: Any) -> list[Instance]:
        """A page of rows, newest first: cheaper than whole processes."""
        self._check()
        wanted = dict.fromkeys(("workflow", "status", "tag", "since", "until", "after"))
        return await self._backend.find(checks.query(**{**wanted, **conditions}))

    def audit(self) -> Audit:
        """A look through everything, for damage. Raises EngineClosedError."""
        self._check()
        return audit(self._backend)

    async def sight(self, id: str) -> Sight:
        """Everything about one process. Raises ProcessNotFoundError."""
        self._check()
        description = await self._described(id)
        history = await self.history(id)
        info, explanation = await self.info(id), await self.explain(id)
        # events that were written since the description was taken are not its past
        past = [event for event in history if event.position <= description.row.position]
        picture = of_process(description.program, description.snapshot, past, self._clock.now())
        return Sight(info, explanation, history, picture)


def desk(common: Common, command: str, code: Iterable[Workflow] = ()) -> Desk:
    """A client of the store that the options name.

    Raises UsageError without one, and StoreUnavailableError where there is no such database: a
    slip of the pen in a URL should not make one.
    """
    url = common.needed_store(f"`{command}`")
    if url.startswith("sqlite:"):
        existing(sqlite_path(url))
    return Desk(url, code, common.codec)


def existing(path: Path) -> None:
    """Raises StoreUnavailableError where there is no such file."""
    if not path.exists():
        raise StoreUnavailableError(
            f"there is no database {path}; `corago run` and `corago worker` make one"
        )
