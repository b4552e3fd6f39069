"""Writes of workers: they claim, they beat, they bury each other."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import msgspec

from corago.ports.store import Change, Claims, Loaded
from corago.stores.sqlite import rows
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.processes import PAUSED
from corago.stores.sqlite.queries import QUERIES

_DUE = QUERIES["due"]
_NEXT_DUE = QUERIES["next_due"]
_TAKE = QUERIES["take"]
_REGISTER = QUERIES["register"]
_LACKS_LOCK = QUERIES["lacks_lock"]
_RENEW = QUERIES["renew"]
_FIND_WORKER = QUERIES["find_worker"]
_HAS_LAPSED = QUERIES["has_lapsed"]
_LET_LAPSED_GO = QUERIES["let_lapsed_go"]
_ORPHAN = QUERIES["orphan"]
_BURY = QUERIES["bury"]
_FREE_TASKS = QUERIES["free_tasks"]
_READ_SETTING = QUERIES["read_setting"]


class Asked(NamedTuple):
    """What a worker would like to claim; the definitions with their followers in JSON."""

    worker: int
    followers: str
    limit: int
    until_us: int | None


class Beat(NamedTuple):
    """A sign of life."""

    name: str
    worker: int | None


class Death(NamedTuple):
    """A worker to be struck off, and the counter that it must still have."""

    worker: int
    beat: int | None


def lock_name(worker: int) -> str:
    """The lock that a worker holds as long as it lives."""
    return f"worker-{worker}"


# ----------------------------------------------------------------------------------------- claiming


def _peek_claim(pen: Pen, asked: Asked) -> Claims | None:
    """The usual answer, that nothing is due, needs no transaction and no turn among the writers."""
    paused, now_us = is_paused(pen), pen.now_us()
    if not paused and (_due(pen, asked, now_us) or pen.row(_HAS_LAPSED, (now_us,))[0]):
        return None
    return Claims((), _next_due_us(pen, asked), now_us, paused)


def _claim(pen: Pen, asked: Asked) -> Claims:
    paused, now_us = is_paused(pen), pen.now_us()
    taken: tuple[Loaded, ...] = ()
    if not paused and is_registered(pen, asked.worker):
        lapsed = pen.cursor.execute(_LET_LAPSED_GO, (now_us,)).fetchall()
        pen.changes.extend(Change("runnable", process_id) for (process_id,) in lapsed)
        taken = _take(pen, asked, now_us)
    return Claims(taken, _next_due_us(pen, asked), now_us, paused)


def _take(pen: Pen, asked: Asked, now_us: int) -> tuple[Loaded, ...]:
    due = _due(pen, asked, now_us)
    if not due:
        return ()
    numbers = rows.numbers(instance for instance, _ in due)
    pen.cursor.execute(_TAKE, (asked.worker, asked.until_us, numbers))
    loaded = rows.load(pen.cursor, [instance for instance, _ in due])
    return tuple(
        loaded[instance]
        if lost_owner is None
        else msgspec.structs.replace(loaded[instance], lost_owner=lost_owner)
        for instance, lost_owner in due
    )


def _due(pen: Pen, asked: Asked, now_us: int) -> list[tuple[int, str | None]]:
    if asked.limit <= 0:
        return []
    values = {"followers": asked.followers, "limit": asked.limit, "now_us": now_us}
    return pen.cursor.execute(_DUE, values).fetchall()


def _next_due_us(pen: Pen, asked: Asked) -> int | None:
    next_due_us: int | None = pen.row(_NEXT_DUE, (asked.followers,))[0]
    return next_due_us


def is_paused(pen: Pen) -> bool:
    """Whether claims are held back."""
    return bool(pen.row(_READ_SETTING, (PAUSED,)) == ("true",))


def is_registered(pen: Pen, worker: int) -> bool:
    """Whether a worker is known, and not struck off."""
    return pen.row(_FIND_WORKER, (worker,)) is not None


# --------------------------------------------------------------------------------- living and dying


def _beat(pen: Pen, beat: Beat) -> int:
    now_us = pen.now_us()
    if beat.worker is not None:
        is_known = pen.cursor.execute(_RENEW, (now_us, beat.worker)).rowcount
        return beat.worker if is_known else 0
    worker = pen.cursor.execute(_REGISTER, (beat.name, now_us)).lastrowid or 0
    # The lock comes before the row can be seen: a row without its lock is a proof of death.
    pen.undo.append(partial(pen.locks.release, lock_name(worker)))
    if not pen.locks.hold(lock_name(worker)):
        pen.cursor.execute(_LACKS_LOCK, (worker,))
    return worker


def _bury(pen: Pen, death: Death) -> int:
    known = pen.row(_FIND_WORKER, (death.worker,))
    if known is None or (death.beat is not None and death.beat != known[1]):
        return 0
    now_us = pen.now_us()
    orphans = pen.cursor.execute(_ORPHAN, (now_us, known[0], death.worker)).fetchall()
    values = {"now_us": now_us, "worker": death.worker}
    freed = pen.cursor.execute(_FREE_TASKS, values).fetchall()
    pen.cursor.execute(_BURY, (death.worker,))
    pen.changes.extend(Change("runnable", process_id) for (process_id,) in orphans)
    pen.changes.extend(Change("task", process_id) for (process_id,) in freed)
    pen.after.append(partial(pen.locks.release, lock_name(death.worker)))
    return len(orphans)


# What a power cut would take back here is nothing that anybody was told of as a fact: all workers
# are gone then, and their claims, beats and burials with them. A later commit that must last syncs
# the log before it, so nothing that lasts can stand on something that is lost.
CLAIM = Operation(_claim, must_last=False, peek=_peek_claim)
BEAT = Operation(_beat, must_last=False)
BURY = Operation(_bury, must_last=False)
