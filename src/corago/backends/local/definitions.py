"""Definitions and their programs, as an engine has met them: which is newest, which follows which.

Decides nothing: whether a process may follow is for its program to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from corago.core import events as e
from corago.core import history as fold
from corago.core.codec import shown
from corago.core.program import Program, Snapshot
from corago.errors import StoreCorruptError, StoreError, StoreVersionError
from corago.ports.store import Definition, Store

ProgramOf = Callable[[Mapping[str, Any]], Program[Any]]


class Definitions:
    """The definitions of one store; `kinds` gives, by a document's kind, a definition's program."""

    def __init__(self, store: Store, kinds: Mapping[str, ProgramOf]) -> None:
        """Take the store and the doors."""
        self._store = store
        self._kinds = kinds
        self._programs: dict[str, Program[Any]] = {}
        self._mine: dict[str, Definition] = {}
        self._followers: dict[str, Definition] = {}
        self._older: dict[int, int] = {}
        self._numbers: dict[str, int] = {}

    def forget(self) -> None:
        """Believe nothing of the store: it may have been brought back from a backup."""
        for known in (self._mine, self._followers, self._older, self._numbers):
            known.clear()

    async def define(self, definition: Definition, program: Program[Any]) -> Definition:
        """Keep a definition that this engine has the code of."""
        row = await self._store.define(definition)
        kept = msgspec.structs.replace(definition, id=row)
        self._programs[kept.sha] = program
        self._mine[kept.sha] = kept
        for other in await self._store.definitions(kept.name):
            is_taken = other.version == kept.version or program.needs is not None
            if is_taken and other.id < row:
                self._followers[other.sha] = kept
                self._older[other.id] = row
                self._numbers[other.sha] = other.id
        return kept

    def id(self, sha: str) -> int:
        """The number of a definition that this engine has the code of."""
        return self._mine[sha].id

    @property
    def older(self) -> tuple[tuple[int, int], ...]:
        """Older definitions, each with the one of this engine that follows it."""
        return tuple(self._older.items())

    def numbers(self, shas: Iterable[str], but: Collection[str]) -> list[int]:
        """The numbers of definitions of this engine, and of all that one follows `but` these."""
        older = (number for sha, number in self._numbers.items() if sha not in but)
        return [*(self._mine[sha].id for sha in shas), *older]

    def follower(self, sha: str) -> Definition | None:
        """The definition of this engine that follows an older one."""
        return self._followers.get(sha)

    async def latest(self, name: str) -> Definition | None:
        """The newest definition of a name: of this engine, or else of the store."""
        mine = [each for each in self._mine.values() if each.name == name]
        if mine:
            return max(mine, key=lambda each: each.version)
        found = await self._store.definitions(name)
        return found[-1] if found else None

    async def newest(self, name: str, version: int | None = None) -> Definition | None:
        """The newest definition in the store of this name (and version)."""
        found = await self._store.definitions(name)
        found = [each for each in found if version in (None, each.version)]
        return found[-1] if found else None

    def program(self, definition: Definition) -> Program[Any]:
        """The program of a definition."""
        program = self._programs.get(definition.sha)
        if program is None:
            program = self._programs[definition.sha] = self._made(definition)
        return program

    def _made(self, definition: Definition) -> Program[Any]:
        what = f"the definition of workflow {definition.name!r} version {definition.version}"
        try:
            document = msgspec.json.decode(definition.document)
            kind = document["kind"]
            if isinstance(kind, str) and kind not in self._kinds:
                raise StoreVersionError(
                    f"{what} is of the kind {shown(kind)}, unknown to this corago; a newer "
                    "one wrote it: upgrade this one"
                )
            return self._kinds[kind](document)
        except StoreError:
            raise
        except Exception as error:
            raise StoreCorruptError(
                f"{what} is damaged ({type(error).__name__}: {error}); run `corago db check`"
            ) from error

    async def stored(self, name: str, sha: str) -> Definition | None:
        """The definition of this name with this sha."""
        found = await self._store.definitions(name)
        return next((each for each in found if each.sha == sha), None)

    async def program_of(self, sha: str, name: str) -> Program[Any]:
        """The program of a definition by its sha. Raises StoreCorruptError if it is not there."""
        program = self._programs.get(sha)
        if program is None:
            definition = await self.stored(name, sha)
            program = None if definition is None else self.program(definition)
        if program is None:
            raise StoreCorruptError(f"the definition of workflow {name!r} ({sha[:12]}) is missing")
        return program

    async def fold(
        self, events: Iterable[e.Event], name: str, start: Snapshot | None = None
    ) -> Snapshot:
        """A history folded, through every definition that it has followed."""
        known = list(events)
        shas = [] if start is None else [start.process.sha]
        shas += [
            each.sha for each in known if isinstance(each, (e.ProcessStarted, e.DefinitionChanged))
        ]
        programs = {sha: await self.program_of(sha, name) for sha in shas}
        first = programs[shas[0]] if shas else None
        return fold.fold(first, known, start, programs=programs)
