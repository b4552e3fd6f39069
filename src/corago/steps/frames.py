"""Where a process of a step list stands: immutable values, as snapshots keep them. No behaviour."""

from __future__ import annotations

from typing import Any

import msgspec

from corago.core import events as e


class Stuck(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an element does not go on: event `position` made it so."""

    position: int
    error: e.Failure
    suspended: bool = False


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where one list stands: at the element `at`, or (None) past its end.

    `asked` of its predicates were answered yes. `writes` are what an inner list has written over
    what it started from; `branches` are the frames of the element's inner lists, `items` those of
    a loop; `part` is what a lens or a focus shows to its inner list. `tries` counts how often the
    element was taken up, so that a timer's name is never used twice; `occurrence` counts how often
    it was done, should its result have been refused. `child` is the status of the element's child
    process: `open`, or how it ended; `refused` where it could not be born, `over` where it failed
    and can't be opened again. `child_id` is its id.
    """

    at: str | None
    asked: int = 0
    tries: int = 1
    writes: dict[str, Any] = {}
    stuck: Stuck | None = None
    branches: tuple[Frame, ...] = ()
    occurrence: int = 1
    items: Items | None = None
    part: dict[str, Any] | None = None
    child: str = ""
    child_id: str = ""


class Items(msgspec.Struct, frozen=True, omit_defaults=True):
    """The items of a loop: the frames of those under way, the results of those that are done.

    `following` is the first that has not begun. `results` has a place for each. Those `waiting` had
    failed and are to go on, when the limit has a place for them.
    """

    results: tuple[dict[str, Any] | None, ...]
    following: int = 0
    open: dict[int, Frame] = {}
    waiting: tuple[int, ...] = ()


class Buffered(msgspec.Struct, frozen=True):
    """A signal that nobody has taken yet; event `position` brought it."""

    name: str
    data: Any
    position: int


class Undo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What takes a finished step back: its path, its code's name, what its arguments come from."""

    path: str
    node: str
    input: dict[str, Any]
    occurrence: int = 1
    stuck: Stuck | None = None


class StepsState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The State, the frames, the signals not yet taken.

    `stopping` are the steps and children that a cancel waits for. `undo` is what would take the
    finished steps back, the last one last; `undone` tells that some of it has.
    """

    state: dict[str, Any]
    frame: Frame
    signals: tuple[Buffered, ...] = ()
    stopping: tuple[str, ...] | None = None
    undo: tuple[Undo, ...] = ()
    undone: bool = False
