"""Do a document's names fit together: states, groups, targets, functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corago.machine.faults import Fault, choice, listed, meant, pointer
from corago.machine.names import PREVIOUS
from corago.machine.places import EDGE_KINDS, calls_of, entries, mapping, moves

Document = Mapping[str, Any]

_WAYS = (*EDGE_KINDS, "run", "children")


def check_ends(document: Document) -> Iterator[Fault]:
    """The initial state and the error state."""
    states = mapping(document.get("states"))
    initial, error = document.get("initial"), document.get("error")
    for key, name in (("initial", initial), ("error", error)):
        if isinstance(name, str) and states and name not in states:
            yield Fault(
                pointer(key),
                f"the {key} state {name!r} is no state",
                choice(name, states, "valid states"),
            )
    if error is not None and error == initial:
        fix = "let the machine begin elsewhere: nothing leads to the error state but a failure"
        yield Fault("/error", f"{error!r} is the initial state and the error state", fix)


def check_targets(document: Document) -> Iterator[Fault]:
    """Every edge leads to a state, and none to the error state."""
    states, groups = mapping(document.get("states")), mapping(document.get("groups"))
    error = document.get("error")
    for move in moves(document):
        target = move.body.get("to")
        if not isinstance(target, str) or target == PREVIOUS:
            continue
        at, origin = f"{move.pointer}/to", _origin(move.state, move.group, move.kind)
        if target not in states:
            fix = choice(target, states, "valid states")
            if target in groups:
                members = mapping(groups[target]).get("members") or ()
                fix = f"{target!r} is a group; lead to one of its states: {listed(members)}"
            yield Fault(at, f"{origin} leads to {target!r}, which is no state", fix)
        elif target == error:
            yield Fault(
                at, f"{origin} leads to the error state {target!r}", _way_to_error(move.kind)
            )


def _origin(state: str | None, group: str | None, kind: str) -> str:
    if state is not None:
        return f"the state {state!r}"
    return f"`{kind}`" if group is None else f"the group {group!r}"


def _way_to_error(kind: str) -> str:
    if kind in ("idle", "lifetime"):
        return f"leave 'to' out: `{kind}` without it leads to the error state"
    return "lead to another state: the error state is entered when something fails, and only then"


def check_terminals(document: Document) -> Iterator[Fault]:
    """Nothing leads out of a state that is marked terminal."""
    for state, body in mapping(document.get("states")).items():
        if mapping(body).get("terminal") is not True:
            continue
        for key in _WAYS:
            if key in body:
                fix = f"take 'terminal' away, or {key!r}"
                yield Fault(
                    pointer("states", state, key), f"{state!r} is terminal, but has {key!r}", fix
                )


def check_groups(document: Document) -> Iterator[Fault]:
    """Members are states, each in one group."""
    states = mapping(document.get("states"))
    owners: dict[str, str] = {}
    for group, body in mapping(document.get("groups")).items():
        for index, member in enumerate(mapping(body).get("members") or ()):
            if not isinstance(member, str):
                continue
            at = pointer("groups", group, "members", index)
            if member not in states:
                fix = choice(member, states, "valid states")
                yield Fault(at, f"the group {group!r} has {member!r}, which is no state", fix)
            elif member in owners:
                where = "twice" if owners[member] == group else f"in {owners[member]!r} too"
                fix = "a state is in at most one group: name it once"
                yield Fault(at, f"{member!r} is in the group {group!r} {where}", fix)
            elif mapping(states[member]).get("terminal") is True:
                fix = "take it out of the group, whose edges could never leave it"
                yield Fault(at, f"{member!r} is terminal and in the group {group!r}", fix)
            owners.setdefault(member, group)


def check_joins(document: Document) -> Iterator[Fault]:
    """No more children are waited for than there are."""
    for state, body in mapping(document.get("states")).items():
        join, children = mapping(body).get("join"), mapping(mapping(body).get("children"))
        if isinstance(join, int) and children and join > len(children):
            fix = f"write a number from 1 to {len(children)}, 'any', or leave it out for all"
            yield Fault(
                pointer("states", state, "join"),
                f"{state!r} waits for {join} children and has {len(children)}",
                fix,
            )


def check_functions(document: Document) -> Iterator[Fault]:
    """A function is a guard, a `set` function or an activity, never two of them."""
    firsts: dict[str, tuple[str, str]] = {}
    for called in calls_of(document):
        role, place = firsts.setdefault(called.name, (called.role, called.pointer))
        if role != called.role:
            yield Fault(
                called.pointer,
                f"{called.name!r} is {_ROLES[called.role]} here and {_ROLES[role]} at {place}",
                "one function can't be both: name two",
            )


_ROLES = {"guard": "a guard", "set": "a function for `set`", "activity": "an activity"}


def check_set_targets(document: Document) -> Iterator[Fault]:
    """What is set is declared."""
    fields = [
        f"{store}.{name}"
        for store in ("internal", "external")
        for name in mapping(document.get(store))
    ]
    for move in moves(document):
        for target in mapping(move.body.get("set")):
            store, _, name = target.partition(".")
            if target in fields or store not in ("internal", "external") or not name.isidentifier():
                continue
            question = meant(target, fields)
            fix = f"declare it under {store!r}, or set one of: {listed(fields)}"
            yield Fault(
                f"{move.pointer}{pointer('set', target)}",
                f"{target!r} is no declared field",
                f"{question} Or {fix}" if question else fix,
            )


def check_doubles(document: Document) -> Iterator[Fault]:
    """No two edges of one place are certain to hold at once and differ."""
    if document.get("conflict") == "first":
        return
    for owner in ("states", "groups"):
        for name, body in mapping(document.get(owner)).items():
            for kind in ("when", "on", "done", "failed"):
                yield from _doubles(kind, mapping(body).get(kind), pointer(owner, name, kind))


def _doubles(kind: str, edges: Any, at: str) -> Iterator[Fault]:
    firsts: dict[Any, tuple[int, Any]] = {}
    for index, edge in entries(edges):
        if "if" in edge or "unless" in edge:
            continue
        cause = edge.get("event") if kind == "on" else edge.get("error")
        if kind == "on" and cause is None:
            continue
        effect = (edge.get("to"), edge.get("set"), edge.get("effect"))
        first, known = firsts.setdefault(cause, (index, effect))
        if first != index and known != effect:
            yield Fault(
                f"{at}/{index}",
                f"{_CAUSES[kind].format(cause=cause)}, this edge and {at}/{first} both hold",
                'give them guards that exclude each other, or write "conflict": "first"',
            )


_CAUSES = {
    "on": "on the event {cause!r}",
    "when": "without a guard",
    "done": "when the work is done",
    "failed": "on the error {cause!r}",
}


def check_cycles(document: Document) -> Iterator[Fault]:
    """No unconditional eventless edges go round for ever."""
    sure = _sure_ways(document)
    told: set[str] = set()
    for start in sure:
        path: list[str] = []
        here = start
        while here in sure and here not in path and here not in told:
            path.append(here)
            here = sure[here][1]
        if here in path:
            round_ = [*path[path.index(here) :], here]
            yield Fault(
                sure[here][0],
                f"this leads round for ever, with no guard on the way: {' → '.join(round_)}",
                "give an edge of the round a guard, an event or a delay",
            )
        told.update(path)


def _sure_ways(document: Document) -> dict[str, tuple[str, str]]:
    """From a state that can't rest to the edge that it is certain to take, and its target."""
    first_wins = document.get("conflict") == "first"
    states = mapping(document.get("states"))
    found: dict[str, tuple[str, str]] = {}
    shared = {
        member: (pointer("groups", name, "when"), body)
        for name, body in mapping(document.get("groups")).items()
        for member in mapping(body).get("members") or ()
        if isinstance(member, str)
    }
    for state, body in states.items():
        if mapping(body).get("terminal") is True:
            continue
        own = (pointer("states", state, "when"), body)
        for at, source in (own, shared.get(state, own)):
            edges = list(entries(mapping(source).get("when")))
            sure = [each for each in edges if "if" not in each[1] and "unless" not in each[1]]
            if not edges:
                continue
            if sure and (not first_wins or sure[0] == edges[0]):
                target = sure[0][1].get("to", state)
                if target in states:
                    found[state] = (f"{at}/{sure[0][0]}", target)
            break
    return found


CHECKS = (
    check_ends,
    check_targets,
    check_terminals,
    check_groups,
    check_joins,
    check_functions,
    check_set_targets,
    check_doubles,
    check_cycles,
)
