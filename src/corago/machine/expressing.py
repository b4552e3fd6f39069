"""Are a document's expressions well written and well typed, each for its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corago.core.expressions import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    TEXT,
    Expression,
    ExpressionError,
    Record,
    Type,
    check,
    parse,
    schema_type,
)
from corago.core.expressions import Fault as Misfit
from corago.machine.faults import Fault
from corago.machine.places import Written, expressions_of, mapping
from corago.machine.valuing import is_sound

Document = Mapping[str, Any]

ERROR_FIELDS = ("kind", "type", "message", "where", "from")
"""What the record of a failure tells, each a text."""

_ELSEWHERE = {
    "event": "only `on` edges see the event: their guards, `set` and effects; keep what later "
    "steps need with `set`",
    "result": "only `done` edges see the result; keep what later steps need with `set`",
    "error": "only `failed` edges and the error state see the error",
}


class Scopes:
    """What the expressions of one document may read: their roots, with types."""

    def __init__(self, document: Document) -> None:
        """Take a document in its normal form."""
        self._document = document
        self._everywhere: dict[str, Type] = {
            "external": _record(document, "external"),
            "internal": _record(document, "internal"),
            "visits": Record(dict.fromkeys(mapping(document.get("states")), INTEGER)),
        }
        declared = mapping(document.get("events"))
        self._events = {name: _record(declared, name) for name in declared}

    def of(self, written: Written) -> dict[str, Type]:
        """The roots that one expression may read."""
        scope = dict(self._everywhere)
        if "event" in written.reads:
            name = written.move.body.get("event") if written.move else None
            scope["event"] = self._events.get(name or "", ANYTHING)
        if "result" in written.reads:
            scope["result"] = result_type(self._document, written.state)
        if "error" in written.reads:
            scope["error"] = Record(dict.fromkeys(ERROR_FIELDS, TEXT))
        return scope


def result_type(document: Document, state: str | None) -> Type:
    """What `result` is on the `done` edges of a state."""
    body = mapping(mapping(document.get("states")).get(state or ""))
    children = mapping(body.get("children"))
    if children and "run" not in body:
        child = Record({"status": TEXT, "result": ANYTHING})
        return Record(dict.fromkeys(children, child))
    return field_type(mapping(body.get("run")).get("result"))


def field_type(kind: Any) -> Type:
    """The type behind a document's TYPE; anything for one that is absent or broken."""
    return schema_type(kind) if is_sound(kind) else ANYTHING


def target_type(document: Document, target: str) -> Type | None:
    """The type of a `set` target such as "internal.x"; None if it is not declared."""
    store, _, name = target.partition(".")
    fields = mapping(document.get(store))
    return field_type(fields[name]) if name in fields else None


def _record(owner: Document, key: Any) -> Type:
    if key in owner and not isinstance(owner[key], Mapping):
        return ANYTHING
    return Record({name: field_type(kind) for name, kind in mapping(owner.get(key)).items()})


def check_expressions(document: Document) -> Iterator[Fault]:
    """Every expression parses, reads what there is, and gives what its place needs."""
    scopes = Scopes(document)
    for written in expressions_of(document):
        try:
            expression = parse(written.text)
        except ExpressionError as error:
            yield from (_told(written, each) for each in error.faults)
        else:
            yield from _misfits(document, written, expression, scopes.of(written))


def _misfits(
    document: Document, written: Written, expression: Expression, scope: dict[str, Type]
) -> Iterator[Fault]:
    roots = dict.fromkeys(path[0] for path in sorted(expression.paths) if path)
    for root in roots:
        if root in _ELSEWHERE and root not in scope:
            yield Fault(written.pointer, f"{root!r} can't be read here", _ELSEWHERE[root])
            scope[root] = ANYTHING
    expected: Type | None = BOOLEAN if written.role == "guard" else None
    if written.role == "set":
        expected = target_type(document, written.target)
    for misfit in check(expression, scope, expected)[1]:
        yield _told(written, misfit)


def _told(written: Written, misfit: Misfit) -> Fault:
    text, _, fix = str(misfit).partition("; ")
    return Fault(written.pointer, text, fix or f"mend {written.text!r}")


CHECKS = (check_expressions,)
