"""The trace of a simulated world: what reached the disk, line by line, the same in every run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from corago.core import codec
from corago.testing.telling import line

_LOOKS = (
    "find",
    "load",
    "tasks_of",
    "events",
    "peers",
    "definitions",
    "blobs",
    "count",
    "document",
)
_IDLE = ("beat", "pause", "claim", "claim_tasks", "held_tasks", "messages")

QUIET = re.compile(rf"^\S+ [^:]* ({'|'.join(_LOOKS)})( [^:]*)?: |( ({'|'.join(_IDLE)})): -$")
"""A line of a call that changed nothing: somebody looked, or found no work."""

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")

_WIDTH = 160


class Trace:
    """Lines with their virtual seconds; what was called is put into words when it is read."""

    def __init__(self) -> None:
        """Empty."""
        self._entries: list[tuple[float, str, Any]] = []

    def note(self, seconds: float, what: str) -> None:
        """Add a line."""
        self._entries.append((seconds, what, None))

    def call(
        self, seconds: float, name: str, call: str, arguments: tuple[Any, ...], answer: Any
    ) -> None:
        """Add what a node called, and what the disk said."""
        self._entries.append((seconds, name, (call, arguments, answer)))

    @property
    def lines(self) -> list[str]:
        """All of it."""
        names: dict[int, str] = {}
        return [
            _plain(f"{seconds:.6f} {what}{'' if call is None else _told(names, *call)}")
            for seconds, what, call in self._entries
        ]


def last(lines: tuple[str, ...], count: int) -> list[str]:
    """The last lines that tell of anything."""
    return [each for each in lines if not QUIET.search(each)][-count:]


def _plain(text: str) -> str:
    """A line without what differs from run to run."""
    text = _ADDRESS.sub("0x…", text.replace("\n", " ⏎ "))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _told(names: dict[int, str], call: str, arguments: tuple[Any, ...], answer: Any) -> str:
    """A call in words; `names` learns the processes by their instances."""
    tell = _CALLS.get(call, _any)
    said, came = tell(names, arguments, answer)
    return f" {call}{said and f' {said}'}: {came or '-'}"


_Told = tuple[str, str]


def _any(_: dict[int, str], arguments: tuple[Any, ...], answer: Any) -> _Told:
    said = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    return said, str(len(answer)) if isinstance(answer, list) else ""


def _start(names: dict[int, str], arguments: tuple[Any, ...], born: Any) -> _Told:
    names[born.instance] = arguments[0].process_id
    return arguments[0].process_id, "born" if born.is_new else "there already"


def _send(_: dict[int, str], arguments: tuple[Any, ...], sent: Any) -> _Told:
    message = arguments[0]
    what = _kind(message.data)
    key = f" key {message.key}" if message.key is not None else ""
    return f"{what} to {message.process_id}{key}", sent.outcome


def _append(names: dict[int, str], arguments: tuple[Any, ...], refusal: Any) -> _Told:
    append = arguments[0]
    fence = append.fence
    events = [_event(each) for each in append.events]
    ways = ("seize", "parks", "closes")
    does = [way for way in ways if getattr(append, way)] + ["renews"] * (append.renews is not None)
    name = names.get(fence.instance, f"#{fence.instance}")
    where = f"{name} at {fence.position} in epoch {fence.epoch}"
    what = " + ".join([*events, *does]) or "nothing new"
    return f"{where}: {what}", "written" if refusal is None else f"refused, {refusal.value}"


def _event(text: bytes) -> str:
    """An event in a line; what went through codecs is not told."""
    is_encoded = text.startswith(b'{"type":"Encoded"')
    return "an encoded event" if is_encoded else line(codec.decode_event(text))


def _claim(names: dict[int, str], _: tuple[Any, ...], claims: Any) -> _Told:
    names |= {each.row.instance: each.row.process_id for each in claims.taken}
    return "", ", ".join(f"{each.row.process_id} epoch {each.row.epoch}" for each in claims.taken)


def _claim_tasks(_: dict[int, str], __: tuple[Any, ...], claims: Any) -> _Told:
    took = (f"{each.path!r} of {each.process_id} epoch {each.epoch}" for each in claims.taken)
    return "", ", ".join(took)


def _task(_: dict[int, str], arguments: tuple[Any, ...], answer: Any) -> _Told:
    task = arguments[0]
    return f"{task.path!r} of {task.process_id} epoch {task.epoch}", str(answer)


def _beat(_: dict[int, str], arguments: tuple[Any, ...], worker: int) -> _Told:
    is_known = len(arguments) > 1 and arguments[1] == worker
    return "", "" if is_known else f"worker {worker}"


def _bury(_: dict[int, str], arguments: tuple[Any, ...], freed: int) -> _Told:
    return f"worker {arguments[0]}", f"{freed} freed"


def _pause(_: dict[int, str], arguments: tuple[Any, ...], answer: bool) -> _Told:  # noqa: FBT001 - as the port
    return "", f"is {answer}" if answer or arguments else ""


def _held(_: dict[int, str], __: tuple[Any, ...], held: dict[int, bool]) -> _Told:
    return "", str(held) if held else ""


def _kind(data: bytes) -> str:
    """What a message is: its type, and its name or verb."""
    said = msgspec.json.decode(data)
    words = (said.get(field) for field in ("type", "name", "verb", "path"))
    return " ".join(each for each in words if isinstance(each, str))


_CALLS: dict[str, Callable[[dict[int, str], tuple[Any, ...], Any], _Told]] = {
    "start": _start,
    "send": _send,
    "append": _append,
    "claim": _claim,
    "claim_tasks": _claim_tasks,
    "complete_task": _task,
    "heartbeat_task": _task,
    "detach_task": _task,
    "beat": _beat,
    "bury": _bury,
    "pause": _pause,
    "held_tasks": _held,
    "messages": lambda *_: ("", ""),
}
