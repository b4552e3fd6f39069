"""The stores on which real OS processes are put to the test, as a table.

What a test wants of a store that not every store has is a word in `can`; a test names the words
that it needs, and is skipped where one is missing. A new store is a new line in STORES.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corago import AsyncEngine
from tests.acceptance.interrupted import Ledger, Step

CLOSED = """
select i.process_id, e.run, e.data ->> 'path', coalesce(e.data ->> 'occurrence', 1)
from events e
join workflow_instances i on i.id = e.instance_id
where e.data ->> 'type' = 'ActivityClosed'
"""


class Account(Ledger):
    """What is recorded, by the keys under which steps run."""

    def closed(self) -> list[Step]:
        """The process and the key of every end that was recorded, as often as it was."""
        return [
            (process, f"{process.replace('/', '%2F')}/{run}/{path}/{occurrence}")
            for process, run, path, occurrence in self.rows(CLOSED)
        ]

    def standings(self) -> dict[str, str]:
        """The status of every process."""
        return dict(self.rows("select process_id, status from workflow_instances"))

    def workers(self) -> dict[int, str]:
        """The names of all that are registered, by their numbers."""
        return dict(self.rows("select id, name from workers"))


@dataclass(frozen=True)
class Ground:
    """One store.

    `limit` lets an engine's store grow by so many pages more, None: without end. `is_held` says
    whether somebody has the store's one lock for writing at this moment. `can`: "copies" (whatever
    is left after a kill is a set of files), "limits", "one lock".
    """

    url: Callable[[Path], str]
    account: Callable[[Path], Account]
    limit: Callable[[AsyncEngine, int | None], Awaitable[None]]
    is_held: Callable[[Path], bool]
    can: frozenset[str]


def _file(folder: Path) -> Path:
    return folder / "work.db"


def _url(folder: Path) -> str:
    return f"sqlite:///{_file(folder)}"


async def _limit(engine: AsyncEngine, pages: int | None) -> None:
    store: Any = engine._backend._store  # type: ignore[attr-defined]  # no URL says it
    if pages is not None:
        with contextlib.closing(sqlite3.connect(store.path)) as connection:
            pages += connection.execute("PRAGMA page_count").fetchone()[0]
    await store.limit_pages(pages)


def _is_held(folder: Path) -> bool:
    with contextlib.closing(sqlite3.connect(_file(folder), timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        connection.execute("ROLLBACK")
        return False


STORES = {
    "sqlite": Ground(
        url=_url,
        account=lambda folder: Account(_file(folder)),
        limit=_limit,
        is_held=_is_held,
        can=frozenset({"copies", "limits", "one lock"}),
    )
}
