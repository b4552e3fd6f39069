"""What stands at an arrow or in a state's box: causes, guards and effects in few words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Document = Mapping[str, Any]

Slot = Literal["on", "when", "done", "failed", "after", "idle", "lifetime"]
SLOTS: tuple[Slot, ...] = ("on", "when", "done", "failed", "after")
"""Where a state or group has its edges, in the order in which they are told."""

_DURATION = re.compile(
    r"P(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?"
)
_UNITS = ("w", "d", "h", "min", "s")
_PATH = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True)
class Way:
    """An edge of a machine's document, and where it stands there.

    `target` is a state's name or `previous()`; None for an edge that stays.
    """

    place: str
    slot: Slot
    edge: Document
    target: str | None

    @property
    def is_timed(self) -> bool:
        """Whether time is what it waits for."""
        return self.slot in ("after", "idle", "lifetime")


def ways(body: Document, place: str) -> Iterator[Way]:
    """The edges of a state or group that stands at this place."""
    for slot in SLOTS:
        for number, edge in enumerate(body.get(slot, ())):
            yield Way(f"{place}/{slot}/{number}", slot, edge, edge.get("to"))


def states_ways(document: Document) -> Iterator[tuple[str | None, Way]]:
    """Every edge, with the state that it leaves; None for those that several states share."""
    for name, body in document["states"].items():
        for way in ways(body, f"states/{name}"):
            yield name, way
    for name, group in document.get("groups", {}).items():
        for way in ways(group, f"groups/{name}"):
            yield None, way
    for way in limits(document):
        yield None, way


def limits(document: Document) -> Iterator[Way]:
    """The two edges that all states have: without a target they lead to the error state."""
    slots: tuple[Slot, ...] = ("idle", "lifetime")
    for slot in slots:
        edge = document.get(slot)
        if edge is not None:
            yield Way(slot, slot, edge, edge.get("to", document.get("error")))


def is_last(document: Document, state: str) -> bool:
    """Whether a process that comes into this state has come to its end."""
    body = document["states"][state]
    if body.get("terminal") or state == document.get("error"):
        return bool(body.get("terminal"))
    shared = [
        group for group in document.get("groups", {}).values() if state in group.get("members", ())
    ]
    bodies = [body, *shared]
    keys = (*SLOTS, "run", "children")
    return not any(each.get(key) for each in bodies for key in keys)


def cause(way: Way) -> str:
    """What an edge waits for, with its guard: `unlock [external.badge_ok]`, `after 48 h`."""
    edge = way.edge
    told = {
        "on": edge.get("event", ""),
        "when": "",
        "failed": f"failed {edge.get('error', '')}".strip(),
    }.get(way.slot, way.slot)
    if "delay" in edge:
        told += f" {duration(edge['delay'])}"
    return " ".join(filter(None, (told, guard(edge))))


def guard(edge: Document) -> str:
    """The guard of an edge in brackets, nothing without one."""
    if "if" in edge:
        return f"[{_expression(edge['if'])}]"
    if "unless" not in edge:
        return ""
    told = _expression(edge["unless"])
    is_one = isinstance(edge["unless"], Mapping) or _PATH.fullmatch(told)
    return f"[not {told}]" if is_one else f"[not ({told})]"


def _expression(given: str | Document) -> str:
    return given if isinstance(given, str) else f"{given['call']}()"


def effects(holder: Document) -> str:
    """The activities that an edge or hook starts: `ring, mail`."""
    return ", ".join(each["activity"] for each in holder.get("effect", ()))


def changes(holder: Document) -> str:
    """What an edge or hook changes in the stores: `set internal.wrong`."""
    given = holder.get("set")
    if not given:
        return ""
    return "set " + (f"{given['call']}()" if "call" in given else ", ".join(given))


def work(body: Document) -> Iterator[str]:
    """What goes on while a machine is in a state: `run charge_card`, `child ship: shipping`."""
    if "run" in body:
        yield f"run {body['run']['activity']}"
    for name, child in body.get("children", {}).items():
        yield f"child {name}: {child['workflow']}"
    if "join" in body:
        count = body["join"]
        yield "until one has ended" if count == "any" else f"until {count} have ended"


def hooks(holder: Document, keys: Sequence[str] = ("enter", "exit")) -> Iterator[str]:
    """The activities that are started on the way in and out: `exit / mail_goodbye`."""
    for key in keys:
        told = ", ".join(filter(None, map(effects, holder.get(key, ()))))
        if told:
            yield f"{key.replace('_', ' ')} / {told}"


def duration(text: str) -> str:
    """An ISO 8601 duration as people write it: `48 h`; what is none stays as it is."""
    match = _DURATION.fullmatch(text)
    parts = match.groups() if match else ()
    told = [f"{part} {unit}" for part, unit in zip(parts, _UNITS, strict=False) if part]
    return " ".join(told) or text
