"""Random sound machines, in normal form: what every law about machines is tried on.

`documents()` draws a document that has no faults and is its own normal form; `givens()` draws one
of the shorter ways to write it, beside it. All functions that a document may name are in
`FUNCTIONS`. The stores, events and functions are always the same few, so that an example reads
well; which of them are used, and how, is chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

STATES = ("new", "paying", "in-review", "packing", "shipped", "closed")
TROUBLE = "trouble"
PREVIOUS = "previous()"
EVENTS = ("go", "stop", "pay", "T02 Check receipt", "shout")
PAYLOAD: Json = {
    "ok": {"type": "boolean", "default": False},
    "amount": {"type": "integer", "default": 1, "minimum": 0, "maximum": 9},
}
RESULT: Json = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "paid": {"type": "boolean"}},
}
EXTERNAL: Json = {
    "flag": {"type": "boolean", "default": False},
    "amount": {"type": "integer", "default": 0, "minimum": 0, "maximum": 99},
    "kind": {"type": "string", "default": "a", "enum": ["a", "b"]},
    "address": {"type": "string", "default": None, "nullable": True},
}
INTERNAL: Json = {
    "count": {"type": "integer"},
    "charge": {"type": "string", "nullable": True},
    "tags": {"type": "array", "items": {"type": "string"}},
}
DELAYS = ("PT48H", "P30D", "PT2M", "PT0.5S", "PT90S")

_GLOBALS = ("on_enter", "on_exit", "on_transition")
_GUARDS = (
    "external.flag",
    "not external.flag",
    "external.amount > 10",
    "external.amount > 5 and external.kind == 'a'",
    "internal.count < 3",
    "internal.count >= 3 or external.flag",
    "external.address != None",
    "len(internal.tags) > 1",
    "visits.new > 1",
)
_EVENT_GUARDS = ("event.ok", "event.amount > 3", "event.amount > external.amount")
_RESULT_GUARDS = ("result.paid", "result.id == 'x'")
_ERROR_GUARDS = ("error.type == 'Declined'",)
_COUNTS = ("internal.count + 1", "0", "external.amount", "visits.new")
_CHARGES = ("'none'", "external.kind", "None")
_TAGS = ("[]", "internal.tags + ['x']", "[external.kind]")
_RETRIES = ({"attempts": 5}, {"delay": 2, "give_up": ["Declined"]})
_ARGUMENTS = ("external.amount", "internal.count * 2", "{'kind': external.kind}", "external")


def is_ready(external: Json) -> bool:
    return bool(external["flag"])


def is_late(internal: Json) -> bool:
    return int(internal["count"]) > 2


def bumped(internal: Json) -> Json:
    return {"internal.count": internal["count"] + 1}


def next_count(internal: Json) -> int:
    return int(internal["count"]) + 1


def charge_card(amount: Any = None) -> Json:
    return {"id": f"c-{amount}", "paid": True}


def send_mail(text: Any = None) -> None:
    return None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    each.__name__: each for each in (is_ready, is_late, bumped, next_count, charge_card, send_mail)
}


@cache
def _up_to(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most)


def _some(**entries: Any) -> Json:
    """The entries that are worth writing, in order."""
    return {key: value for key, value in entries.items() if value not in (None, [], {}, "")}


def _unambiguous(edges: list[Json]) -> list[Json]:
    """Without the second unguarded edge of a cause, which could only conflict with the first."""
    kept: list[Json] = []
    seen = set()
    for edge in edges:
        if "if" not in edge and "unless" not in edge:
            cause = edge.get("event", edge.get("error"))
            if cause in seen:
                continue
            seen.add(cause)
        kept.append(edge)
    return kept


class _Author:
    """Writes a document by drawing small numbers only: fast, and 0 is always the plainest."""

    def __init__(self, draw: st.DrawFn, *, calls: bool, children: bool) -> None:
        self._draw = draw
        self._calls = calls
        self._children = children
        self._targets: tuple[str, ...] = ()

    def pick(self, *options: Any) -> Any:
        return options[self._draw(_up_to(len(options) - 1))]

    def count(self, most: int) -> int:
        return int(self._draw(_up_to(most)))

    def activity(self, name: str, parameter: str) -> Json:
        argument = self.pick("", *_ARGUMENTS)
        return _some(
            activity=name,
            args={parameter: argument} if argument else {},
            retry=self.pick(None, None, *_RETRIES),
            timeout=self.pick(None, None, *DELAYS),
            at_most_once=self.pick(None, None, None, True),
        )

    def effects(self) -> list[Json]:
        number = self.pick(0, 0, 1, 2)
        return [self.activity("send_mail", "text") for _ in range(number)]

    def change(self, counts: Sequence[str] = (), charges: Sequence[str] = ()) -> Json:
        kinds = ("", "", "set", "set", "call") if self._calls else ("", "set")
        kind = self.pick(*kinds)
        if kind == "call":
            return {"call": "bumped"}
        calls = ({"call": "next_count"},) if self._calls else ()
        choices: dict[str, tuple[Any, ...]] = {
            "internal.count": (*_COUNTS, *counts, *calls),
            "internal.charge": (*_CHARGES, *charges),
            "internal.tags": _TAGS,
            "external.flag": ("true", "not external.flag"),
        }
        drawn = {target: self.pick("", *values) for target, values in choices.items() if kind}
        return {target: value for target, value in drawn.items() if value}

    def edge(
        self,
        first: Json,
        guards: Sequence[str] = (),
        counts: Sequence[str] = (),
        charges: Sequence[str] = (),
        *,
        must_guard: bool = False,
    ) -> Json:
        calls = ({"call": "is_ready"}, {"call": "is_late"}) if self._calls else ()
        key = self.pick("if", "unless") if must_guard else self.pick("", "if", "unless")
        guard = {key: self.pick(*_GUARDS, *guards, *calls)} if key else {}
        change = _some(set=self.change(counts, charges), effect=self.effects())
        target = self.pick(*self._targets, None)
        return first | guard | change | _some(to=target)

    def on(self) -> list[Json]:
        found = []
        for _ in range(self.count(3)):
            event = self.pick(*EVENTS)
            if event == "shout":  # it is not declared, so it brings any data or none
                found.append(self.edge({"event": event}))
            else:
                found.append(self.edge({"event": event}, _EVENT_GUARDS, ("event.amount",)))
        return _unambiguous(found)

    def when(self, later: Sequence[str]) -> list[Json]:
        """Eventless edges; only one has no guard, and leads to a later state: no sure round."""
        found = [self.edge({}, must_guard=True) for _ in range(self.pick(0, 0, 1, 2))]
        if later and self.pick(*[False] * 5, True):
            found.append({"to": self.pick(*later)})
        return found

    def after(self) -> list[Json]:
        return [self.edge({"delay": self.pick(*DELAYS)}) for _ in range(self.pick(0, 0, 1, 2))]

    def failed(self) -> list[Json]:
        firsts = [self.pick({}, {"error": "Declined"}) for _ in range(self.count(2))]
        return _unambiguous([self.edge(first, _ERROR_GUARDS) for first in firsts])

    def hooks(self) -> list[Json]:
        number = self.pick(0, 0, 0, 1, 2)
        found = [_some(set=self.change(), effect=self.effects()) for _ in range(number)]
        return [hook for hook in found if hook]

    def work(self) -> Json:
        """What a state waits for, with the edges that follow."""
        kind = self.pick("", "", "run", "children") if self._children else self.pick("", "run")
        if not kind:
            return {}
        body: Json = {}
        reads = False
        if kind == "run":
            body["run"] = self.activity("charge_card", "amount")
            if reads := self.pick(False, True):
                body["run"]["result"] = deepcopy(RESULT)
        else:
            order = {"order": self.pick(*_ARGUMENTS)}
            body["children"] = {
                "ship": {"workflow": "shipping", "input": order},
                "bill": {"workflow": "billing"},
            }
            body |= _some(join=self.pick(None, "any", 1, 2))
        guards, charges = (_RESULT_GUARDS, ("result.id",)) if reads else ((), ())
        done = [self.edge({}, guards, (), charges) for _ in range(self.count(2))]
        return body | {"done": _unambiguous(done), "failed": self.failed()}

    def states(self) -> Json:
        names = STATES[: 2 + self.count(len(STATES) - 2)]
        found: Json = {}
        for index, name in enumerate(names):
            if index and self.pick(False, False, False, True):
                found[name] = _some(enter=self.hooks(), terminal=True)
                continue
            self._targets = (*names, PREVIOUS) if index else names
            found[name] = _some(
                on=self.on(),
                when=self.when(names[index + 1 :]),
                after=self.after(),
                **self.work(),
                enter=self.hooks(),
                exit=self.hooks(),
            )
        self._targets = names
        return found

    def groups(self, states: Json) -> Json:
        members = [
            name
            for name, body in states.items()
            if "terminal" not in body and self.pick(False, False, True)
        ]
        if not members:
            return {}
        when = [self.edge({}, must_guard=True) for _ in range(self.pick(0, 0, 1))]
        body = _some(
            members=members, on=self.on(), when=when, after=self.after(), failed=self.failed()
        )
        return {"open": body}

    def timed(self) -> Json | None:
        edge = self.edge({"delay": self.pick(*DELAYS)})
        return self.pick(None, None, edge if "to" in edge else {"delay": edge["delay"]})  # type: ignore[no-any-return]

    def document(self) -> Json:
        states = self.states()
        groups = self.groups(states)
        trouble = self.pick("", TROUBLE)
        if trouble:
            resume = {"event": "go", "to": PREVIOUS}
            states[trouble] = _some(on=[resume], after=self.after(), enter=self.hooks())
        return {"kind": "machine", "name": "order", "version": self.pick(1, 2)} | _some(
            initial="new",
            description=self.pick("", "An order."),
            conflict=self.pick(None, "first"),
            max_transitions=self.pick(None, 5, 20),
            error=trouble,
            external=deepcopy(EXTERNAL),
            internal=deepcopy(INTERNAL),
            events={event: deepcopy(PAYLOAD) for event in EVENTS if event != "shout"},
            states=states,
            groups=groups,
            idle=self.timed(),
            lifetime=self.timed(),
            on_enter=self.hooks(),
            on_exit=self.hooks(),
            on_transition=self.hooks(),
            validate=self.pick(None, "internal.count < 1000"),
        )


@st.composite
def documents(draw: st.DrawFn, *, calls: bool = True, children: bool = True) -> Json:
    """A sound document in normal form: 2 to 7 states, an error state, a group, work, timers.

    `calls`: guards and `set` may name functions; `children`: states may have children. Activities
    are there in any case.
    """
    return deepcopy(_Author(draw, calls=calls, children=children).document())


@st.composite
def givens(draw: st.DrawFn) -> tuple[Json, Json]:
    """A short way to write a document, and the document: the former's normal form is the latter."""
    document = draw(documents())
    return _short(deepcopy(document), "", draw), document


def _short(value: Any, key: str, draw: st.DrawFn) -> Any:
    """The same, with some of its parts written in short, with defaults, or with blanks."""
    if isinstance(value, list):
        found = [_short(each, "", draw) for each in value]
        is_bare = len(found) == 1 and key in ("effect", "enter", "exit", *_GLOBALS, "give_up")
        return found[0] if is_bare and draw(_up_to(1)) else found
    if key in ("default", "enum") or not isinstance(value, dict):
        is_text = key in ("if", "unless", "validate") and isinstance(value, str)
        return f"  {value} " if is_text and draw(_up_to(1)) else value
    if set(value) == {"type"} and draw(_up_to(1)):
        return value["type"]
    if key == "retry" and set(value) == {"attempts"} and draw(_up_to(1)):
        return value["attempts"]
    short = {each: _short(part, each, draw) for each, part in value.items()}
    if key in ("idle", "lifetime") and set(short) == {"delay"} and draw(_up_to(1)):
        return short["delay"]
    if key == "" and "initial" in short:
        for name, default in (("kind", "machine"), ("version", 1), ("conflict", "error")):
            if short.get(name) == default and draw(_up_to(1)):
                del short[name]
            elif name not in short and draw(_up_to(1)):
                short[name] = default
    if "delay" in short and not key and draw(_up_to(1)):
        short["set"], short["effect"] = short.get("set", {}), short.get("effect", [])
    if "activity" in short and draw(_up_to(1)):
        short |= {"args": short.get("args", {}), "at_most_once": short.get("at_most_once", False)}
    keys = list(short)
    return {each: short[each] for each in (reversed(keys) if draw(_up_to(1)) else keys)}
