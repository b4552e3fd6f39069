"""Seeded defects: what is put into a good machine, and which finding must name it where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.machine.lint.machines import DOOR, GONE, LOOP, ORDER, Document, changed

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Defect:
    """One defect, and the code, level and place of its finding.

    `needs_proof`: only found with the `lint` extra.
    """

    name: str
    code: str
    level: str
    pointer: str
    good: Document
    changes: Changes
    needs_proof: bool = False

    @property
    def document(self) -> Document:
        return changed(self.good, self.changes)


REVIEWS = "states/reviewing/on"
AGAIN = "states/again/when"
TURNING = "states/turning/when"
ON_X = {"event": "x", "to": "shipped"}

DEFECTS = [
    # -- the graph
    Defect(
        "a state that nothing leads to",
        "unreachable", "warning", "states/attic", ORDER,
        {"states/attic": {"terminal": True}},
    ),
    Defect(
        "two states that lead to each other only",
        "unreachable", "warning", "states/cellar", ORDER,
        {
            "states/attic": {"on": [{"event": "down", "to": "cellar"}]},
            "states/cellar": {"on": [{"event": "up", "to": "attic"}]},
        },
    ),
    Defect(
        "a state that only a terminal state seems to lead to",
        "unreachable", "warning", "states/expired", ORDER,
        {"states/new/after/0/to": "rejected"},
    ),
    Defect(
        "an end that doesn't say so",
        "dead-end", "warning", "states/shipped", ORDER,
        {"states/shipped": {}},
    ),
    Defect(
        "a state whose edges were forgotten",
        "dead-end", "warning", "states/opened", DOOR,
        {"states/opened": {}},
    ),
    Defect(
        "two states without a way out",
        "trap", "warning", "states/held", ORDER,
        {
            "states/packing/done/0/to": "held",
            "states/held": {"after": [{"delay": "P1D", "to": "asking"}]},
            "states/asking": {"after": [{"delay": "P1D", "to": "held"}]},
            "states/new/after/-": {"delay": "P9D", "if": "external.paid", "to": "shipped"},
        },
    ),
    Defect(
        "a whole machine that never ends and doesn't say so",
        "trap", "warning", "states/closed", DOOR,
        {f"states/{state}/forever": GONE for state in DOOR["states"]},
    ),
    Defect(
        "a state that only reminds, and never leads on",
        "trap", "warning", "states/packing", ORDER,
        {
            "states/packing/done/0": {
                "set": {"internal.attempts": "0"},
            },
            "states/new/after/-": {"delay": "P9D", "if": "external.paid", "to": "shipped"},
        },
    ),
    Defect(
        "a return from a state that is never entered from another",
        "nothing-left", "error", "states/closed/on/2", DOOR,
        {
            "states/closed/on/-": {"event": "back", "to": "previous()"},
            "states/closed/on/1": {"event": "knock", "to": "closed"},
            "states/opened/on/0/to": "locked",
            "states/locked/on/0/to": "opened",
        },
    ),
    Defect(
        "a return from the first state",
        "nothing-left", "warning", "states/closed/on/2", DOOR,
        {"states/closed/on/-": {"event": "back", "to": "previous()"}},
    ),
    # -- circles
    Defect(
        "a circle without any guard",
        "eventless-cycle", "error", f"{TURNING}/0", LOOP,
        {TURNING: [{"to": "resting"}]},
    ),
    Defect(
        "a circle whose guards are always true",
        "eventless-cycle", "error", f"{TURNING}/0", LOOP,
        {TURNING: [{"if": "internal.count == 0 or internal.count != 0", "to": "resting"}]},
    ),
    Defect(
        "a state that changes within itself for ever",
        "eventless-cycle", "error", "states/resting/when/0", LOOP,
        {"states/resting/when": [{"set": {"internal.count": "0"}}]},
    ),
    Defect(
        "a circle that a flag keeps going",
        "eventless-cycle", "warning", f"{TURNING}/0", LOOP,
        {f"{TURNING}/0/if": "internal.ready", f"{TURNING}/1/unless": "internal.ready"},
    ),
    Defect(
        "a counter that goes the wrong way",
        "eventless-cycle", "warning", f"{TURNING}/0", LOOP,
        {f"{TURNING}/0/set": {"internal.count": "internal.count - 1"}},
    ),
    Defect(
        "a counter that is reset on entering",
        "eventless-cycle", "warning", f"{TURNING}/0", LOOP,
        {"states/resting/enter": [{"set": {"internal.count": "0"}}]},
    ),
    Defect(
        "a circle of two fields that change places",
        "eventless-cycle", "warning", f"{TURNING}/0", LOOP,
        {
            f"{TURNING}/0": {
                "if": "internal.count > external.bar",
                "set": {"external.bar": "internal.count", "internal.count": "external.bar + 2"},
                "to": "resting",
            },
            f"{TURNING}/1": {"unless": "internal.count > external.bar", "to": "over"},
            "external/bar": {"type": "integer", "default": 0},
            "states/idle/on/0/set": {"internal.ready": "true", "internal.count": "external.bar"},
        },
    ),
    # -- guards together
    Defect(
        "two edges for one event without guards",
        "overlap", "error", "states/closed/on/2", DOOR,
        {"states/closed/on/-": {"event": "open", "to": "locked"}},
    ),
    Defect(
        "bounds that overlap",
        "overlap", "error", "states/sorting/when/1", ORDER,
        {"states/sorting/when/1": {"if": "external.amount <= 1001", "to": "paying"}},
    ),
    Defect(
        "an edge meant for all the rest",
        "overlap", "error", f"{REVIEWS}/1", ORDER,
        {f"{REVIEWS}/1/unless": GONE},
    ),
    Defect(
        "guards on different fields",
        "overlap", "error", "states/sorting/when/1", ORDER,
        {"states/sorting/when/1": {"if": "external.country != 'DE'", "to": "paying"}},
    ),
    Defect(
        "edges of a group that hold together",
        "overlap", "error", "groups/open/on/1", ORDER,
        {"groups/open/on/-": {"event": "cancel", "if": "external.paid", "to": "rejected"}},
    ),
    Defect(
        "two edges for one failure",
        "overlap", "error", "states/paying/failed/1", ORDER,
        {"states/paying/failed/-": {"error": "Declined", "to": "rejected"}},
    ),
    Defect(
        "a result that fits two edges",
        "overlap", "error", "states/paying/done/1", ORDER,
        {"states/paying/done/-": {"if": "result.id == ''", "to": "rejected"}},
    ),
    Defect(
        "a condition on a sum",
        "overlap", "error", "states/sorting/when/1", ORDER,
        {
            "states/sorting/when/0/if": "external.amount * 31 + internal.attempts * 7 == 12345",
            "states/sorting/when/1": {"if": "external.amount % 2 == 1", "to": "paying"},
        },
        needs_proof=True,
    ),
    # -- no guard
    Defect(
        "a value between two bounds",
        "gap", "warning", "states/again", ORDER,
        {f"{AGAIN}/1/if": "internal.attempts > 3"},
    ),
    Defect(
        "a choice that forgets a value",
        "gap", "warning", "states/sorting", ORDER,
        {
            "states/sorting/when": [
                {"if": "external.country == 'DE'", "to": "reviewing"},
                {"if": "external.country == 'FR'", "to": "paying"},
            ]
        },
    ),
    Defect(
        "a result that no edge is for",
        "gap", "warning", "states/packing", ORDER,
        {
            "states/packing/run/result": {"type": "boolean"},
            "states/packing/done/0/if": "result",
        },
    ),
    Defect(
        "work whose end leads nowhere",
        "gap", "warning", "states/packing", ORDER,
        {"states/packing/done": GONE, "states/packing/failed": [{"to": "shipped"}]},
    ),
    # -- never
    Defect(
        "bounds the wrong way round",
        "never-true", "warning", f"{REVIEWS}/0", ORDER,
        {f"{REVIEWS}/0/if": "event.score > 80 and event.score < 20"},
    ),
    Defect(
        "a value beyond the maximum",
        "never-true", "warning", f"{REVIEWS}/0", ORDER,
        {f"{REVIEWS}/0/if": "event.score > 100"},
    ),
    Defect(
        "none of the choices there are",
        "never-true", "warning", f"{AGAIN}/0", ORDER,
        {f"{AGAIN}/0/if": "internal.level != 'low' and internal.level != 'high'"},
    ),
    Defect(
        "a flag that nothing ever sets",
        "never-true", "warning", f"{TURNING}/0", LOOP,
        {"states/idle/on/0/set": GONE},
    ),
    Defect(
        "a return before the first visit",
        "never-true", "warning", "states/new/when/0", ORDER,
        {"states/new/when/0/if": "external.paid and visits.new < 1"},
    ),
    Defect(
        "a timed edge that can't be",
        "never-true", "warning", "states/new/after/0", ORDER,
        {"states/new/after/0/if": "external.amount < 0"},
    ),
    Defect(
        "a sum that can't be",
        "never-true", "warning", "states/sorting/when/0", ORDER,
        {"states/sorting/when/0/if": "external.amount + external.amount == 7"},
        needs_proof=True,
    ),
    # -- hidden
    Defect(
        "the general case first",
        "hidden", "warning", "states/sorting/when/1", ORDER,
        {
            "conflict": "first",
            "states/sorting/when": [
                {"if": "external.amount > 10", "to": "reviewing"},
                {"if": "external.amount > 1000", "to": "paying"},
                {"to": "paying"},
            ],
        },
    ),
    Defect(
        "an edge after two that leave nothing over",
        "hidden", "warning", "states/sorting/when/2", ORDER,
        {
            "conflict": "first",
            "states/sorting/when": [
                {"if": "external.amount > 10", "to": "reviewing"},
                {"if": "external.amount <= 10", "to": "paying"},
                {"if": "external.paid", "to": "rejected"},
            ],
        },
    ),
    Defect(
        "an edge after one without a guard",
        "hidden", "warning", f"{REVIEWS}/1", ORDER,
        {"conflict": "first", f"{REVIEWS}/0/if": GONE},
    ),
    Defect(
        "one failure twice",
        "hidden", "warning", "states/paying/failed/1", ORDER,
        {"conflict": "first", "states/paying/failed/-": {"error": "Declined", "to": "rejected"}},
    ),
    Defect(
        "a timer after one that leaves for good",
        "hidden", "warning", "states/new/after/1", ORDER,
        {"states/new/after/-": {"delay": "P3D", "to": "rejected"}},
    ),
    # -- waits
    Defect(
        "a wait for an event without a timer",
        "no-timeout", "warning", "states/reviewing", ORDER,
        {"states/reviewing/after": GONE},
    ),
    Defect(
        "a timer that only reminds",
        "no-timeout", "warning", "states/reviewing", ORDER,
        {"states/reviewing/after/0": {"delay": "P7D", "effect": [{"activity": "remind"}]}},
    ),
    Defect(
        "a wait for an event after work that has a timeout",
        "no-timeout", "warning", "states/reviewing", ORDER,
        {
            "states/reviewing/after": GONE,
            "states/reviewing/run": {"activity": "ask", "timeout": "PT1M"},
        },
    ),
    Defect(
        "work without a timeout",
        "no-timeout", "note", "states/packing", ORDER,
        {"states/packing/run/timeout": GONE},
    ),
    Defect(
        "a wait that nothing ends",
        "stuck", "error", "states/again", ORDER,
        {AGAIN: [{"if": "internal.attempts < 0", "to": "paying"}]},
    ),
    Defect(
        "work that may only fail",
        "stuck", "error", "states/again", ORDER,
        {
            "states/again": {
                "run": {"activity": "charge", "timeout": "PT1M"},
                "failed": [{"to": "paying"}],
            }
        },
    ),
    Defect(
        "a state that only its group's failures lead out of",
        "stuck", "error", "states/resting", LOOP,
        {
            "lifetime": GONE,
            "states/resting": {},
            "states/working": {"run": {"activity": "work"}, "done": [{"to": "over"}]},
            f"{TURNING}/1/to": "working",
            "groups/any": {"members": ["resting", "working"], "failed": [{"to": "over"}]},
        },
    ),
    Defect(
        "more waits between attempts than the state has time",
        "retry-budget", "warning", "states/paying/run", ORDER,
        {
            "states/paying/run/retry": {"attempts": 8, "delay": 60},
            "states/paying/after": [{"delay": "PT10M", "to": "rejected"}],
        },
    ),
    # -- unused
    Defect(
        "an internal field that nothing uses",
        "unused-field", "warning", "internal/spare", ORDER,
        {"internal/spare": {"type": "string"}},
    ),
    Defect(
        "an internal field that nothing writes",
        "unused-field", "warning", "internal/attempts", ORDER,
        {"states/paying/failed/0/set": GONE},
    ),
    Defect(
        "an internal field that nothing reads",
        "unused-field", "note", "internal/charge", ORDER,
        {"states/packing/run/args": {"country": "external.country"}},
    ),
    Defect(
        "an external field that nothing reads",
        "unused-field", "note", "external/country", ORDER,
        {"states/packing/run/args": {"charge": "internal.charge"}},
    ),
    Defect(
        "an event that no edge takes",
        "unused-event", "warning", "events/pay", ORDER,
        {"events/pay": {}},
    ),
    Defect(
        "a field of an event that nothing reads",
        "unused-payload", "note", "events/cancel/why", ORDER,
        {"events/cancel": {"why": {"type": "string"}}},
    ),
    # -- open
    Defect(
        "a function beside a guard",
        "unknown", "note", "states/sorting/when/1", ORDER,
        {"states/sorting/when/1": {"if": {"call": "is_small"}, "to": "paying"}},
    ),
]  # fmt: skip
