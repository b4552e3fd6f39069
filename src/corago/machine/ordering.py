"""The order of states for people, where a store has kept a document with its keys sorted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WAYS = ("on", "when", "done", "failed", "after")


def in_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same document with its states in the order in which the edges come to them.

    What no edge comes to stands last.
    """
    states = document["states"]
    order, at = [document["initial"]], 0
    while at < len(order):
        order += [
            each for each in dict.fromkeys(_targets(order[at], document)) if each not in order
        ]
        at += 1
    rest = [document["error"]] if "error" in document else []
    rest += [document[key]["to"] for key in ("idle", "lifetime") if document.get(key, {}).get("to")]
    order += [*rest, *states]
    ordered = {name: states[name] for name in dict.fromkeys(order) if name in states}
    return {**document, "states": ordered}


def _targets(state: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Where the edges of a state lead, its own before its group's."""
    states = document["states"]
    bodies = [states[state]]
    bodies += [each for each in document.get("groups", {}).values() if state in each["members"]]
    for body in bodies:
        for kind in _WAYS:
            for edge in body.get(kind, ()):
                if edge.get("to") in states:
                    yield edge["to"]
