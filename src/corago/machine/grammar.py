"""What may stand where in a machine's document: one table for checking and for the normal form.

The published JSON Schema says the same for other tools; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from corago.core.retry import Retry
from corago.machine.faults import Fault
from corago.machine.names import (
    EVENT,
    MACHINE_NAME,
    QUEUE,
    SET_TARGET,
    STATE,
    STATE_OF_THESE,
    TARGET_STATE,
    TYPES,
    named,
)
from corago.machine.nodes import Key, Many, Named, Node
from corago.machine.shapes import (
    Duration,
    Expr,
    Flag,
    Found,
    Json,
    Number,
    Prose,
    Shape,
    Text,
    Word,
    described,
    is_duration,
)

_RETRY = Retry()


@dataclass(frozen=True)
class Ref:
    """A shape that is defined further down."""

    name: str

    def read(self, value: Any, at: str, found: Found) -> Any:
        """As the shape of that name."""
        return SHAPES[self.name].read(value, at, found)


@dataclass(frozen=True)
class SetShape:
    """Values by target, or one function that gives them all."""

    def read(self, value: Any, at: str, found: Found) -> Any:
        """An object of targets, or {"call": NAME}."""
        if isinstance(value, Mapping) and set(value) == {"call"}:
            return CALL.read(value, at, found)
        return _VALUES.read(value, at, found)


@dataclass(frozen=True)
class JoinShape:
    """How many children to wait for."""

    def read(self, value: Any, at: str, found: Found) -> str | int | None:
        """The text "any" or "all", or a whole number from 1."""
        if isinstance(value, str) and value in ("any", "all"):
            return str(value)
        misfits: Found = []
        number = Number("join", least=1, is_whole=True).read(value, at, misfits)
        if misfits:
            fix = "write 'all', 'any' or a whole number from 1"
            found.append(Fault(at, f"join is {described(value)}", fix))
            return None
        return int(number or 0)


def _bare_type(value: Any) -> Mapping[str, Any] | None:
    return {"type": value} if isinstance(value, str) else None


def _bare_delay(value: Any) -> Mapping[str, Any] | None:
    return {"delay": value} if is_duration(value) else None


def _bare_attempts(value: Any) -> Mapping[str, Any] | None:
    return {"attempts": value} if isinstance(value, (int, float)) else None


CALL = Node(
    "a call",
    {"call": Key(named("function's name"), is_needed=True)},
    form='{"call": "function"}',
)
VALUE = Expr(CALL, "a value", "external.amount + 1")
ARGUMENT = Expr(None, "a value", "external.amount")
_VALUES = Named(SET_TARGET, VALUE, "set")
GUARD = Expr(CALL, "a guard", "external.amount > 100")
SET = SetShape()
DESCRIPTION = Key(Prose(), "")

RETRY = Node(
    "a retry policy",
    {
        "attempts": Key(Number("attempts", 1, is_whole=True), _RETRY.attempts),
        "delay": Key(Number("delay", 0), _RETRY.delay),
        "factor": Key(Number("factor", 1), _RETRY.factor),
        "cap": Key(Number("cap", 0), _RETRY.cap),
        "jitter": Key(Number("jitter", 0, 1), _RETRY.jitter),
        "give_up": Key(
            Many(named("error's name"), "give_up", is_bare=True),
            [],
        ),
    },
    short=_bare_attempts,
    form='an object such as {"attempts": 5, "delay": 2}, or the attempts alone',
    hints={"max_attempts": "did you mean 'attempts'?", "interval": "did you mean 'delay'?"},
)
_ACTIVITY = {
    "activity": Key(named("activity's name"), is_needed=True),
    "args": Key(Named(named("parameter's name"), ARGUMENT, "args"), {}),
    "retry": Key(RETRY),
    "timeout": Key(Duration()),
    "queue": Key(QUEUE),
    "at_most_once": Key(Flag(), default=False),
}
EFFECT = Node(
    "an effect",
    _ACTIVITY,
    hints={"result": "nothing reads the result of an effect: use `run` for awaited work"},
    form='an object such as {"activity": "send_mail"}',
)
RUN = Node(
    "an activity",
    _ACTIVITY | {"result": Key(Ref("type"))},
    form='an object such as {"activity": "charge_card"}',
)
TYPE = Node(
    "a type",
    {
        "type": Key(Word(TYPES), is_needed=True),
        "default": Key(Json()),
        "nullable": Key(Flag(), default=False),
        "enum": Key(Many(Json(), "enum", least=1)),
        "items": Key(Ref("type")),
        "properties": Key(Named(named("field's name"), Ref("type"), "properties")),
        "minimum": Key(Number("minimum")),
        "maximum": Key(Number("maximum")),
        "description": DESCRIPTION,
    },
    short=_bare_type,
    form='a type\'s name such as "integer", or an object such as {"type": "integer"}',
    hints={"required": 'a field without "default" is required', "const": "write 'enum': [value]"},
)
STORE = Named(named("field's name"), TYPE, "a store")

_HOOK = {"set": Key(SET, {}), "effect": Key(Many(EFFECT, "effect", is_bare=True), [])}
HOOK = Node(
    "a hook",
    _HOOK,
    hints={"to": "a hook leads nowhere: use an edge", "if": "a hook has no guard: use an edge"},
)
HOOKS = Many(HOOK, "a list of hooks", is_bare=True)
_EDGE = {
    "if": Key(GUARD),
    "unless": Key(GUARD),
    **_HOOK,
    "to": Key(TARGET_STATE),
    "description": DESCRIPTION,
}
_EDGE_HINTS = {
    "event": "only an edge under `on` has an event",
    "delay": "only an edge under `after` has a delay",
    "error": "only an edge under `failed` has an error",
    "target": "did you mean 'to'?",
    "guard": "did you mean 'if'?",
    "condition": "did you mean 'if'?",
    "actions": "did you mean 'effect'?",
    "run": "a state runs an activity: write `run` in the state, or `effect` here",
}
_APART = (("if", "unless"),)


def _edge(place: str, first: Mapping[str, Key], **options: Any) -> Node:
    hints = {key: hint for key, hint in _EDGE_HINTS.items() if key not in first}
    what = f"an edge under `{place}`"
    return Node(what, {**first, **_EDGE}, apart=_APART, hints=hints, **options)


def _edges(place: str, first: Mapping[str, Key]) -> Key:
    return Key(Many(_edge(place, first), f"`{place}`"), [])


# Without a target, a time that is up is an error: nothing is asked or changed any more.
_WITH_TARGET = dict.fromkeys(("if", "unless", "set", "effect"), ("to",))
_DELAY = {"delay": Key(Duration(), is_needed=True)}
EDGES = {
    "on": _edges("on", {"event": Key(EVENT, is_needed=True)}),
    "when": _edges("when", {}),
    "after": _edges("after", _DELAY),
    "done": _edges("done", {}),
    "failed": _edges("failed", {"error": Key(named("error's name"))}),
}
CHILD = Node(
    "a child",
    {
        "workflow": Key(MACHINE_NAME, is_needed=True),
        "input": Key(Named(Text("key"), ARGUMENT, "input"), {}),
    },
)
STATE_BODY = Node(
    "a state",
    {
        "on": EDGES["on"],
        "when": EDGES["when"],
        "after": EDGES["after"],
        "run": Key(RUN),
        "children": Key(Named(named("child's name"), CHILD, "children", least=1)),
        "join": Key(JoinShape(), "all"),
        "done": EDGES["done"],
        "failed": EDGES["failed"],
        "enter": Key(HOOKS, []),
        "exit": Key(HOOKS, []),
        "terminal": Key(Flag(), default=False),
        "forever": Key(Flag(), default=False),
        "description": DESCRIPTION,
    },
    apart=(("run", "children"),),
    together={
        "join": ("children",),
        "done": ("run", "children"),
        "failed": ("run", "children"),
    },
    hints={
        "on_enter": "did you mean 'enter'? `on_enter` is for the whole machine",
        "on_entry": "did you mean 'enter'?",
        "entry": "did you mean 'enter'?",
        "on_exit": "did you mean 'exit'? `on_exit` is for the whole machine",
        "final": "did you mean 'terminal'?",
        "stop": "did you mean 'terminal'?",
        "transitions": "edges stand under on, when, after, done or failed",
        "initial": 'the machine says it: "initial": STATE',
        "start": 'the machine says it: "initial": STATE',
    },
)
GROUP_BODY = Node(
    "a group",
    {
        "members": Key(Many(STATE_OF_THESE, "members", least=1), is_needed=True),
        "on": EDGES["on"],
        "when": EDGES["when"],
        "after": EDGES["after"],
        "failed": EDGES["failed"],
        "description": DESCRIPTION,
    },
    hints={
        "done": "write `done` in the state that runs the work",
        "states": "did you mean 'members'?",
    },
)
MACHINE = Node(
    "a machine",
    {
        "kind": Key(Word(("machine",)), "machine", unfolds=True),
        "name": Key(MACHINE_NAME, is_needed=True),
        "version": Key(Number("version", 1, is_whole=True), 1, unfolds=True),
        "initial": Key(STATE_OF_THESE, is_needed=True),
        "description": DESCRIPTION,
        "conflict": Key(Word(("error", "first")), "error"),
        "max_transitions": Key(Number("max_transitions", 1, is_whole=True), 100),
        "error": Key(STATE_OF_THESE),
        "external": Key(STORE, {}),
        "internal": Key(STORE, {}),
        "events": Key(Named(EVENT, STORE, "events"), {}),
        "states": Key(Named(STATE, STATE_BODY, "states", least=1), is_needed=True),
        "groups": Key(Named(named("group's name"), GROUP_BODY, "groups"), {}),
        "idle": Key(_edge("idle", _DELAY, short=_bare_delay, together=_WITH_TARGET)),
        "lifetime": Key(_edge("lifetime", _DELAY, short=_bare_delay, together=_WITH_TARGET)),
        "on_enter": Key(HOOKS, []),
        "on_exit": Key(HOOKS, []),
        "on_transition": Key(HOOKS, []),
        "validate": Key(GUARD),
    },
    hints={
        "on_entry": "did you mean 'on_enter'?",
        "start": "did you mean 'initial'?",
        "timeout": "did you mean 'lifetime' (since the start) or 'idle' (since it last moved)?",
    },
)
SHAPES: Mapping[str, Shape] = {"type": TYPE}
