"""What a document's functions are to look like: one paste-ready file for all that are missing.

Seed: Impresario, which answered a missing function with its stub.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from corago.core.expressions import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    Union,
    check,
    nullable,
    parse,
    union,
)
from corago.core.expressions.types import widened
from corago.machine.expressing import Scopes, result_type, target_type
from corago.machine.places import Called, CallRole, Written, calls_of, expressions_of

Document = Mapping[str, Any]

_WIDTH = 88
_LONGEST = 60
_LISTED = 6
_TITLES = {"guard": "A guard", "set": "New values", "activity": "An activity"}
_NAMES = {BOOLEAN: "bool", INTEGER: "int", NUMBER: "float", TEXT: "str", NULL: "None"}


class Needed(msgspec.Struct, frozen=True):
    """A Python function that a document names, with every place that names it.

    `args` are the parameters that an activity gets at every place, with their expressions;
    `optional` those that it gets at some places only.
    """

    name: str
    role: CallRole
    calls: tuple[Called, ...]
    args: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is named, as pointers into the normal form, without the leading slash."""
        return tuple(call.pointer[1:] for call in self.calls)


def missing(document: Document, functions: Iterable[str] | None) -> tuple[Needed, ...]:
    """The functions that a document in normal form names and `functions` lacks, in its order."""
    known = frozenset(functions or ())
    found: dict[str, list[Called]] = {}
    for called in calls_of(document):
        if called.name not in known:
            found.setdefault(called.name, []).append(called)
    return tuple(_needed(name, calls) for name, calls in found.items())


def _needed(name: str, calls: list[Called]) -> Needed:
    every = tuple(dict.fromkeys(parameter for call in calls for parameter in call.args))
    always = tuple(each for each in every if all(each in call.args for call in calls))
    some = tuple(each for each in every if each not in always)
    return Needed(name, calls[0].role, tuple(calls), always, some)


def stubs(document: Document, needed: Iterable[Needed]) -> str:
    """A Python file with a stub for each, and the mapping `functions` for `define` at its end.

    Guards answer False, `set` functions give nothing, and activities raise NotImplementedError.
    """
    wanted = tuple(needed)
    written = {each.pointer: each for each in expressions_of(document)}
    bodies = [_stub(document, each, written) for each in wanted]
    code = "\n\n\n".join(bodies)
    names = [name for name in ("Any", "Literal") if name in _words(code)]
    title = f'"""The functions of the machine {document["name"]}, version {document["version"]}."""'
    imports = f"\n\nfrom typing import {', '.join(names)}" if names else ""
    lines = "".join(f'    "{each.name}": {each.name},\n' for each in wanted)
    mapping = f"functions = {{\n{lines}}}" if wanted else "functions: dict[str, object] = {}"
    blocks = [f"{title}{imports}", code, mapping] if wanted else [title, mapping]
    return ("\n\n\n" if wanted else "\n\n").join(blocks) + "\n"


def _words(code: str) -> set[str]:
    kept = "".join(each if each.isidentifier() or each.isdigit() else " " for each in code)
    return set(kept.split())


def _stub(document: Document, needed: Needed, written: Mapping[str, Written]) -> str:
    answer, last = _answer(document, needed)
    parameters = list(_parameters(document, needed, written))
    head = f"def {needed.name}({', '.join(parameters)}) -> {answer}:"
    if len(head) > _WIDTH:
        lines = "".join(f"    {each},\n" for each in parameters)
        head = f"def {needed.name}(\n{lines}) -> {answer}:"
    return f"{head}\n{_docstring(needed)}\n    {last}"


def _docstring(needed: Needed) -> str:
    places = needed.places
    title = _TITLES[needed.role]
    single = f'    """{title}, for {places[0]}."""'
    if len(places) == 1 and len(single) <= _WIDTH:
        return single
    shown = [f"    * {place}\n" for place in places[:_LISTED]]
    if len(places) > _LISTED:
        shown.append(f"    * and {len(places) - _LISTED} more\n")
    return f'    """{title}, for:\n\n{"".join(shown)}    """'


def _answer(document: Document, needed: Needed) -> tuple[str, str]:
    """The annotation of what a function gives, and its last line."""
    if needed.role == "guard":
        return "bool", "return False"
    if needed.role == "set":
        targets = {call.target for call in needed.calls}
        if "" in targets:
            return "dict[str, Any]", "return {}"
        types = [target_type(document, target) or ANYTHING for target in sorted(targets)]
        return annotation(nullable(union(*types))), "return None"
    last = f'raise NotImplementedError("write {needed.name}")'
    awaited = [call.state for call in needed.calls if call.move is None]
    if not awaited:
        return "None", last
    return annotation(union(*(result_type(document, state) for state in awaited))), last


def _parameters(
    document: Document, needed: Needed, written: Mapping[str, Written]
) -> Iterator[str]:
    if needed.role != "activity":
        yield "external: dict[str, Any]"
        yield "internal: dict[str, Any]"
        reads = [call.move.reads if call.move else () for call in needed.calls]
        for root in dict.fromkeys(reads[0]):
            if all(root in each for each in reads):
                yield f"{root}: Any" if root == "result" else f"{root}: dict[str, Any]"
        return
    for name in needed.args:
        yield f"{name}: {annotation(_type_of(document, needed, name, written))}"
    for name in needed.optional:
        kind = annotation(nullable(_type_of(document, needed, name, written)))
        yield f"{name}: {kind} = None"


def _type_of(
    document: Document, needed: Needed, parameter: str, written: Mapping[str, Written]
) -> Type:
    """What an activity's parameter may get, over all its places."""
    found: list[Type] = []
    scopes = Scopes(document)
    for call in needed.calls:
        if parameter in call.args:
            place = written[f"{call.pointer}/args/{parameter}"]
            kind = check(parse(place.text), scopes.of(place))[0]
            is_field = place.text.replace(".", "_").isidentifier()
            found.append(kind if is_field else widened(kind))
    return union(*found)


def annotation(kind: Type) -> str:
    """A type of the expression language as a Python annotation, `Any` where it would be long."""
    text = _annotation(kind)
    return text if len(text) <= _LONGEST else "Any"


def _annotation(kind: Type) -> str:
    match kind:
        case Array():
            return f"list[{_annotation(kind.items)}]"
        case Record():
            return "dict[str, Any]"
        case Choice() if all(isinstance(each, (str, int, type(None))) for each in kind.values):
            return f"Literal[{', '.join(map(_literal, kind.values))}]"
        case Union():
            members = dict.fromkeys(map(_annotation, kind.members))
            return "Any" if "Any" in members else " | ".join(members)
        case _:
            return _NAMES.get(kind, "Any")  # type: ignore[arg-type]


def _literal(value: Any) -> str:
    is_plain = isinstance(value, str) and '"' not in value
    return json.dumps(value, ensure_ascii=False) if is_plain else repr(value)
