"""Acting on many processes at once: a frozen list of them, and one command for each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from corago.arguments.signatures import shortened
from corago.core import commands
from corago.errors import (
    CodecError,
    CommandRefusedError,
    InvalidInputError,
    ProcessClosedError,
    ProcessNotFoundError,
    SignalKeyError,
    StoreCorruptError,
    UnknownEventError,
)
from corago.runtime import checks
from corago.runtime.operate import Operation, check_still

PAGE = 500
"""So many rows are read at a time."""

REFUSALS = (ProcessNotFoundError, ProcessClosedError, SignalKeyError)
"""Errors that say in full why one process was left as it is."""

DAMAGE = (CodecError, StoreCorruptError, UnknownEventError)
"""Errors for which one process is to blame, and not the store."""

TAKES: dict[str, tuple[str, ...]] = {
    "retry": ("step",),
    "skip": ("step",),
    "set_result": ("value", "step"),
    "cancel": (),
    "abort": (),
    "signal": ("name", "data", "key"),
}
"""The commands that may be given to many, and what each takes beside actor and reason."""


class Selected(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A process as it was selected: its status, and run and position of its last event."""

    id: str
    status: str
    position: int
    run: int = 1


class Selection(msgspec.Struct, frozen=True):
    """Processes as they stood at one moment, newest first; it does not change any more.

    `id` tells it from other selections; `at` is the moment; `conditions` are the filters as texts.
    As text it says how many there are, and why these.
    """

    id: str
    at: datetime
    conditions: dict[str, str]
    targets: tuple[Selected, ...]

    @property
    def count(self) -> int:
        """How many processes."""
        return len(self.targets)

    @property
    def statuses(self) -> dict[str, int]:
        """How many there are in each status."""
        return dict(Counter(each.status for each in self.targets))

    def __str__(self) -> str:
        by_status = ", ".join(f"{count:,} {status}" for status, count in self.statuses.items())
        why = " ".join(f"{name}={value}" for name, value in self.conditions.items())
        noun = "process" if self.count == 1 else "processes"
        return (
            f"{self.count:,} {noun}{f' ({by_status})' * bool(by_status)}, selected at "
            f"{self.at:%Y-%m-%d %H:%M:%S} UTC by {why or 'no condition'}"
        )

    def to_json(self) -> str:
        """Itself as JSON, a line for each process."""
        head = {"selection": self.id, "at": self.at, "conditions": self.conditions}
        opened = msgspec.json.encode(head).decode().removesuffix("}")
        lines = ",\n".join(msgspec.json.encode(each).decode() for each in self.targets)
        return f'{opened},"targets":[\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str | bytes) -> Selection:
        """The selection that `to_json` wrote. Raises InvalidInputError."""
        try:
            kept = msgspec.json.decode(text, type=_Kept)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise InvalidInputError(f"this is no saved selection: {error}") from error
        return cls(kept.selection, checks.aware(kept.at), kept.conditions, kept.targets)


class _Kept(msgspec.Struct):
    selection: str
    at: datetime
    conditions: dict[str, str]
    targets: tuple[Selected, ...]


@dataclass(frozen=True, slots=True)
class Treated:
    """What became of one process: done, unless `why` says why it was refused."""

    id: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a command for many: `targets` in the order of the selection."""

    verb: str
    targets: tuple[Treated, ...]

    @property
    def done(self) -> tuple[str, ...]:
        """The ids of the processes that took the command."""
        return tuple(each.id for each in self.targets if each.why is None)

    @property
    def refused(self) -> tuple[Treated, ...]:
        """The processes that were left as they are, each with the reason."""
        return tuple(each for each in self.targets if each.why is not None)

    def __str__(self) -> str:
        return f"{self.verb}: {len(self.done):,} done, {len(self.refused):,} refused"


class Order(msgspec.Struct, frozen=True):
    """A command as it is given to each of many."""

    verb: str
    step: str | None
    value: Any
    name: str
    data: Any
    key: str | None
    actor: str | None
    reason: str | None
    even_if_moved: bool


class Bulk(Operation):
    """The half of an engine that acts on many processes."""

    async def select(
        self,
        *,
        workflow: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Selection:
        """The processes for which all conditions hold now, as a list that stays as it is.

        `since` and `until` bound the instant at which they were started. Writes nothing. Raises
        InvalidInputError.
        """
        self._check()
        limit = None if limit is None else checks.whole(limit, "limit")
        at, found, after = self._clock.now(), list[Selected](), None
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            query = checks.query(workflow, status, tag, since, until, size, after)
            rows = await self._backend.find(query)
            found += [Selected(row.process_id, row.status, row.position, row.run) for row in rows]
            if len(rows) < size:
                break
            after = rows[-1].process_id
        conditions = {"workflow": workflow, "status": status, "tag": tag}
        for name, bound in (("since", since), ("until", until)):
            conditions[name] = None if bound is None else bound.isoformat()
        given = {name: text for name, text in conditions.items() if text is not None}
        return Selection(self._new_id(), at, given, tuple(found))

    async def apply(
        self,
        verb: str,
        selection: Selection,
        *,
        step: str | None = None,
        value: Mapping[str, Any] | None = None,
        name: str | None = None,
        data: Any = None,
        key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
        even_if_moved: bool = False,
        window: int = 64,
    ) -> Applied:
        """Give every selected process a command; `window` of them are under way at a time.

        `verb` is retry, skip (both with `step`), set_result (`value`, `step`), cancel, abort, or
        signal (`name`, `data`, `key`). A process that has moved on since it was selected is refused
        and left as it is (unless `even_if_moved`), so a selection may be applied again after an
        interruption. Raises InvalidInputError, and StoreUnavailableError where the store can't go
        on.
        """
        self._check()
        if not isinstance(selection, Selection):
            given = shortened(selection)
            raise InvalidInputError(f"a selection is what `select` gave, not {given}")
        window = checks.whole(window, "window")
        verb = checks.good_name(verb, "a command")
        name, step = checks.good_text(name, "a signal's name"), checks.good_text(step, "step")
        key = checks.good_text(key, "key")
        _check_fit(verb, {"step": step, "value": value, "name": name, "data": data, "key": key})
        order = Order(
            verb=verb,
            step=step,
            value=self._result(value) if verb == "set_result" else None,
            name=name or "",
            data=data,
            key=key or f"{selection.id}/{name}",  # given again, a signal is taken once
            actor=checks.good_text(actor, "actor"),
            reason=checks.good_text(reason, "reason"),
            even_if_moved=even_if_moved,
        )
        if verb == "signal":
            checks.good_name(order.name, "a signal's name")
            self._kept(data, f"data of signal {name!r}")
        return Applied(verb, await self._each(order, selection.targets, window))

    async def _each(
        self, order: Order, targets: Sequence[Selected], window: int
    ) -> tuple[Treated, ...]:
        """Act on all, in lanes that take the next one when they have done one."""
        treated: list[Treated | None] = [None] * len(targets)
        left = iter(enumerate(targets))

        async def lane() -> None:
            for place, target in left:
                treated[place] = Treated(target.id, await self._refusal(order, target))

        count = max(1, min(window, len(targets)))
        lanes = [asyncio.get_running_loop().create_task(lane()) for _ in range(count)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for each in lanes:
                each.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return tuple(each for each in treated if each is not None)

    async def _refusal(self, order: Order, target: Selected) -> str | None:
        """Act on one; the reason where it is left as it is."""
        try:
            await self._give(order, target)
        except CommandRefusedError as error:
            return error.why
        except REFUSALS as error:
            return str(error)
        except DAMAGE as error:
            return f"its rows can't be understood: {error}"
        return None

    async def _give(self, order: Order, target: Selected) -> None:
        id, verb = target.id, order.verb
        at = None if order.even_if_moved else (target.run, target.position)
        by = {"actor": order.actor, "reason": order.reason}
        if verb in commands.VERBS:
            await self._command(id, verb, order.step, order.value, **by, at=at)
            return
        if at is not None:
            row = (await self._backend.describe(id)).row
            check_still(id, verb, at, (row.run, row.position))
        if verb == "abort":
            await self.abort(id, **by)
        else:
            await self.signal(id, order.name, order.data, key=order.key, **by)


def _check_fit(verb: str, given: Mapping[str, Any]) -> None:
    """Raises InvalidInputError for a command that can't be given so."""
    if verb not in TAKES:
        raise InvalidInputError(
            f"{verb!r} can't be given to many processes; there are: {', '.join(TAKES)}"
        )
    for what, value in given.items():
        if value is not None and what not in TAKES[verb]:
            raise InvalidInputError(f"{verb} takes no {what}: leave it out")
