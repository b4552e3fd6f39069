"""Machines with nothing wrong in them, and how to put something wrong into one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

GONE = object()
"""Takes a place away instead of changing it."""

GOOD_REVIEW = "event.approved and event.score >= 50"

ORDER: Document = {
    "kind": "machine",
    "name": "order",
    "version": 1,
    "initial": "new",
    "error": "trouble",
    "external": {
        "amount": {"type": "integer", "minimum": 0},
        "country": {"type": "string"},
        "paid": {"type": "boolean", "default": False},
    },
    "internal": {
        "attempts": {"type": "integer"},
        "charge": {"type": "string", "nullable": True},
        "level": {"type": "string", "enum": ["low", "high"], "default": "low"},
    },
    "events": {
        "review": {
            "approved": {"type": "boolean"},
            "score": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        "cancel": {},
    },
    "states": {
        "new": {
            "when": [{"if": "external.paid", "to": "sorting"}],
            "after": [{"delay": "PT48H", "to": "expired"}],
        },
        "sorting": {
            "when": [
                {
                    "if": "external.amount > 1000",
                    "set": {"internal.level": "'high'"},
                    "to": "reviewing",
                },
                {"unless": "external.amount > 1000", "to": "paying"},
            ]
        },
        "reviewing": {
            "on": [
                {"event": "review", "if": GOOD_REVIEW, "to": "paying"},
                {"event": "review", "unless": GOOD_REVIEW, "to": "rejected"},
            ],
            "after": [{"delay": "P7D", "to": "rejected"}],
        },
        "paying": {
            "run": {
                "activity": "charge",
                "args": {"amount": "external.amount", "level": "internal.level"},
                "retry": {"attempts": 3, "delay": 10},
                "timeout": "PT2M",
                "result": {"type": "object", "properties": {"id": {"type": "string"}}},
            },
            "done": [{"set": {"internal.charge": "result.id"}, "to": "packing"}],
            "failed": [
                {
                    "error": "Declined",
                    "set": {"internal.attempts": "internal.attempts + 1"},
                    "to": "again",
                }
            ],
        },
        "again": {
            "when": [
                {"if": "internal.attempts < 3", "to": "paying"},
                {"if": "internal.attempts >= 3", "to": "rejected"},
            ]
        },
        "packing": {
            "run": {
                "activity": "pack",
                "args": {"charge": "internal.charge", "country": "external.country"},
                "timeout": "PT1H",
            },
            "done": [{"to": "shipped"}],
        },
        "shipped": {"terminal": True},
        "rejected": {"terminal": True},
        "expired": {"terminal": True},
        "cancelled": {"terminal": True},
        "trouble": {
            "on": [
                {"event": "resume", "to": "previous()"},
                {"event": "give up", "to": "cancelled"},
            ]
        },
    },
    "groups": {
        "open": {
            "members": ["reviewing", "paying"],
            "on": [{"event": "cancel", "to": "cancelled"}],
        }
    },
}

LOOP: Document = {
    "kind": "machine",
    "name": "loop",
    "version": 1,
    "initial": "idle",
    "internal": {"count": {"type": "integer"}, "ready": {"type": "boolean"}},
    "states": {
        "idle": {"on": [{"event": "go", "set": {"internal.ready": "true"}, "to": "turning"}]},
        "turning": {
            "when": [
                {
                    "if": "internal.ready and internal.count < 5",
                    "set": {"internal.count": "internal.count + 1"},
                    "to": "resting",
                },
                {"unless": "internal.ready and internal.count < 5", "to": "over"},
            ]
        },
        "resting": {"when": [{"to": "turning"}]},
        "over": {"terminal": True},
    },
    "lifetime": {"delay": "P30D", "to": "over"},
}

DOOR: Document = {
    "kind": "machine",
    "name": "door",
    "version": 1,
    "initial": "closed",
    "external": {"badge_ok": {"type": "boolean", "default": False}},
    "states": {
        "closed": {
            "on": [{"event": "open", "to": "opened"}, {"event": "lock", "to": "locked"}],
            "forever": True,
        },
        "opened": {"on": [{"event": "close", "to": "closed"}], "forever": True},
        "locked": {
            "on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}],
            "forever": True,
        },
    },
}

GOOD = {"order": ORDER, "loop": LOOP, "door": DOOR}


def changed(document: Document, changes: Mapping[str, Any]) -> Document:
    """A copy with other values at some places; a list's `-` is its end."""
    found = copy.deepcopy(document)
    for pointer, value in changes.items():
        *way, last = pointer.split("/")
        place: Any = found
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if isinstance(place, list):
            if last == "-":
                place.append(value)
            elif value is GONE:
                del place[int(last)]
            else:
                place[int(last)] = value
        elif value is GONE:
            del place[last]
        else:
            place[last] = value
    return found
