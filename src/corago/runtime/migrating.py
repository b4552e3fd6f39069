"""Moving living processes to another definition by hand: what it would mean, then doing it.

What a process takes over by itself needs none of this (see `runtime.following`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from corago.arguments.signatures import shortened
from corago.core import messages as m
from corago.core import unasked
from corago.core.codec import plain
from corago.core.events import CLOSED_STATUSES
from corago.core.program import Difference
from corago.errors import (
    CommandRefusedError,
    InvalidInputError,
    StoreError,
    StoreUnavailableError,
    WorkflowNotFoundError,
)
from corago.ports.store import Definition
from corago.runtime import checks
from corago.runtime.bulk import Bulk
from corago.runtime.operate import by


@dataclass(frozen=True, slots=True)
class Migration:
    """One process and the definition that it is to follow.

    `version` and `sha` are those of the definition; `differences` say what stands between, `why`
    what refuses it (None: nothing does). `is_applied` tells whether it follows it now.
    """

    id: str
    version: int
    sha: str
    differences: tuple[Difference, ...] = ()
    why: str | None = None
    is_applied: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether nothing refuses it."""
        return self.why is None

    def __str__(self) -> str:
        to = f"version {self.version} ({self.sha[:12]})"
        if self.why is not None:
            return f"{self.id} can't follow {to}: {self.why}"
        passed = "; ".join(each.text for each in self.differences)
        done = "follows" if self.is_applied else "would follow"
        return f"{self.id} {done} {to}" + (f", although {passed}" if passed else "")


class Migrating(Bulk):
    """The part of an engine that moves processes from definition to definition."""

    async def migrate(
        self,
        id: str,
        *,
        version: int | None = None,
        renames: Mapping[str, str] | None = None,
        dry_run: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Migration:
        """Let a process follow the newest definition of its workflow (of this `version`).

        `renames` maps paths of its list to those of the new one. Steps that the new list has
        before the place where the process stands are passed over, and said so; nothing that was
        done is ever done again: where that would follow, it is refused, as is a new name for what
        a worker has begun. With `dry_run` nothing is
        written. Raises ProcessNotFoundError, WorkflowNotFoundError, InvalidInputError, and
        CommandRefusedError (not with `dry_run`) with the reason why not.
        """
        self._check()
        migration = await self._migrate(id, version, _renames(renames), dry_run, by(actor, reason))
        if migration.why is not None and not dry_run:
            raise CommandRefusedError(id, "migrate", migration.why)
        return migration

    async def migrate_all(
        self,
        workflow: str,
        *,
        version: int | None = None,
        renames: Mapping[str, str] | None = None,
        dry_run: bool = False,
        actor: str | None = None,
        reason: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Migration]:
        """The same for every process of a workflow that lives or has failed, newest first.

        Those that follow the newest definition already are left out. Each is moved or refused
        alone, and says why.
        """
        self._check()
        chosen, given = _renames(renames), by(actor, reason)
        selection = await self.select(workflow=workflow, since=since, until=until)
        found = []
        for target in selection.targets:
            if target.status in CLOSED_STATUSES and target.status != "failed":
                continue
            migration = await self._migrate(target.id, version, chosen, dry_run, given)
            if migration.why != SAME:
                found.append(migration)
        return found

    async def _migrate(
        self,
        id: str,
        version: int | None,
        renames: dict[str, str],
        dry_run: bool,  # noqa: FBT001 - as its caller says it
        given: tuple[str | None, str | None],
    ) -> Migration:
        try:
            description = await self._described(id)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            return Migration(id, 0, "", why=str(error))
        row, process = description.row, description.snapshot.process
        to = await self._target(row.workflow, version)
        program = self._backend.program(to)
        differences = program.differences(description.snapshot.state, description.program, renames)
        why = next((each.text for each in differences if each.stops), None)
        if row.sha == to.sha:
            why = SAME
        elif process.is_closed and process.status != "failed":
            why = f"it is {process.status} already"
        elif why is None and row.owner is not None:
            why = f"it is under way in worker {row.owner_name}; try again when it rests"
        if why is not None:
            return Migration(id, to.version, to.sha, differences, why)
        adopt = m.Adopt(program, to.sha, to.version, renames, *given)
        commit = unasked.adopt(description.program, description.snapshot, adopt, self._clock.now())
        why = await self._begun(id, commit.drops)
        if why is not None or dry_run:
            return Migration(id, to.version, to.sha, differences, why)
        if not await self._backend.adopt(description, to, commit):
            why = "it has moved on meanwhile; try again"
        elif self._ears is not None:
            self._ears.recorded(commit.snapshot.process, commit.events)
        return Migration(id, to.version, to.sha, differences, why, why is None)

    async def _begun(self, id: str, renamed: Sequence[str]) -> str | None:
        """Why what stands in queues can't be renamed, if something of it was begun."""
        if not renamed:
            return None
        for task in await self._backend.open_activities(id):
            if task.path in renamed and (task.due is None or task.losses):
                who = "a worker that vanished" if task.due else task.owner or "somebody outside"
                return (
                    f"{task.path!r} has been begun by {who} under the name that it has now; try "
                    "again when it has ended"
                )
        return None

    async def _target(self, workflow: str, version: int | None) -> Definition:
        if version is not None:
            version = checks.whole(version, "a version")
        to = await self._backend.newest(workflow, version)
        if to is None:
            which = "" if version is None else f" version {version}"
            raise WorkflowNotFoundError(
                f"no definition of workflow {workflow!r}{which} is stored; start a worker that has "
                "it, or hand it to Engine(workflows=[...])"
            )
        return to


def _renames(given: Mapping[str, str] | None) -> dict[str, str]:
    """Old paths and new ones. Raises InvalidInputError."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"renames are a dict of paths by path, not {shortened(given)}")
    return {
        checks.good_name(old, "a path"): checks.good_name(new, "a path")
        for old, new in plain(given, "renames").items()
    }


SAME = "it follows that definition already"
