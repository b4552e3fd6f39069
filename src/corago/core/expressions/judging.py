"""The judge of paths: what is read, what it is, and what may be missing or null on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from corago.core.expressions import nodes as n
from corago.core.expressions.facts import Known
from corago.core.expressions.faults import Fault, did_you_mean, shortened
from corago.core.expressions.sites import site
from corago.core.expressions.types import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    TEXT,
    Array,
    Choice,
    Record,
    Simple,
    Type,
    alternatives,
    is_nullable,
    is_part,
    union,
    widened,
    without_null,
)


@dataclass(frozen=True, slots=True)
class Judge(ABC):
    """Types what is read, and notes the faults."""

    text: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, node: n.Node, text: str) -> Type:
        """Note a fault of a part; gives ANYTHING, so that one fault brings no others."""
        at = site(self.text, node)
        self.faults.append(Fault(at.part, at.start, at.end, text))
        return ANYTHING

    def part(self, node: n.Node) -> str:
        """A part's text."""
        return shortened(site(self.text, node).part)

    def unwanted(self, node: n.Node, found: Type, expected: Type) -> None:
        """A fault for a value that is not what is wanted of the whole."""
        if is_part(without_null(found), expected) and is_nullable(found):
            self.fault(node, f"this may be null, but {expected} is wanted{self.null_fix(node)}")
        elif is_part(widened(found), widened(expected)):
            self.fault(node, f"this may be {widened(found)}, but only {expected} is wanted")
        else:
            self.fault(
                node, f"this is {found}, but {expected} is wanted{_wanted_fix(found, expected)}"
            )

    def null_fix(self, node: n.Node) -> str:
        """What to do about a part that may be null."""
        part = self.part(node)
        ask = f"; ask {part} != None first"
        return f"{ask}, or write default({part}, value)" if n.is_path(node) else ask

    def demand(self, node: n.Node, of: Type, kinds: tuple[str, ...], wanted: str) -> bool:
        """Whether the part is of one of the kinds whatever its value; else a fault."""
        for each in alternatives(widened(of)):
            kind = kind_name(each)
            if kind == "null":
                if of == NULL:
                    self.fault(node, f"this is null here, but must be {wanted}")
                else:
                    self.fault(node, f"this may be null, but must be {wanted}{self.null_fix(node)}")
                return False
            fits = kind in kinds or (each == INTEGER and "integer" in kinds)
            if kind != "anything" and not fits:
                self.fault(node, f"this is {each}, but must be {wanted}{_truth_fix(wanted, each)}")
                return False
        return True

    @abstractmethod
    def typed(self, node: n.Node, known: Known) -> Type:
        """The type of a part."""

    def path(self, node: n.Node, known: Known, *, may_lack: bool) -> Type:
        """The type of what is read; `may_lack`: `has` and `default` ask whether it is there."""
        match node:
            case n.Name(name=name):
                if name not in known.types:
                    return self.fault(
                        node, f"there is no name {name} here{did_you_mean(name, known.types)}"
                    )
                return known.facts.get((name,), known.types[name])
            case n.Field(base=base, name=name):
                owner = self.path(base, known, may_lack=may_lack)
                path = n.path_of(node)
                if path is not None and path in known.facts:
                    return known.facts[path]
                return self.field(node, owner, name, may_lack=may_lack)
            case n.Item(base=base, index=index):
                owner = self.path(base, known, may_lack=may_lack)
                place = self.typed(index, known)
                path = n.path_of(node)
                if path is not None and path in known.facts:
                    return known.facts[path]
                return self.item(node, owner, place, may_lack=may_lack)
            case _:
                return self.typed(node, known)

    def field(self, node: n.Field, owner: Type, name: str, *, may_lack: bool) -> Type:
        """The type of a field."""
        found = []
        for each in alternatives(owner):
            match each:
                case Record(fields=fields, is_open=is_open, optional=optional):
                    if name in fields:
                        if name in optional and not may_lack:
                            return self.lacking(node)
                        found.append(fields[name])
                    elif is_open:
                        found.append(ANYTHING)
                    else:
                        return self.fault(
                            node,
                            f"{self.part(node.base)} has no field {name}"
                            f"{did_you_mean(name, fields)}",
                        )
                case Simple(name="null"):
                    if not may_lack:
                        return self.ownerless(node)
                case Simple(name="anything"):
                    found.append(ANYTHING)
                case _:
                    wide = widened(each)
                    if isinstance(each, Choice) and isinstance(wide, Record):
                        found.append(ANYTHING)
                        continue
                    return self.fault(
                        node, f"{self.part(node.base)} is {wide}, so it has no field {name}"
                    )
        return union(*found) if found else NULL

    def lacking(self, node: n.Node) -> Type:
        """A fault for what may be missing."""
        part = self.part(node)
        return self.fault(
            node, f"this may be missing; ask has({part}) first, or write default({part}, value)"
        )

    def ownerless(self, node: n.Field | n.Item) -> Type:
        """A fault for a field of what may be null."""
        base, part = self.part(node.base), self.part(node)
        return self.fault(
            node,
            f"{base} may be null; ask {base} != None first, or write default({part}, value)",
        )

    def item(self, node: n.Item, owner: Type, place: Type, *, may_lack: bool) -> Type:
        """The type of an item by an index that is worked out."""
        found = []
        for each in alternatives(owner):
            match each:
                case Array(items=items):
                    if not self.demand(node.index, place, ("integer",), "an integer"):
                        return ANYTHING
                    found.append(items)
                case Record(fields=fields, is_open=is_open):
                    if not self.demand(node.index, place, ("text",), "a text"):
                        return ANYTHING
                    found.append(ANYTHING if is_open or not fields else union(*fields.values()))
                case Simple(name="null"):
                    if not may_lack:
                        return self.ownerless(node)
                case Simple(name="anything"):
                    found.append(ANYTHING)
                case _:
                    return self.fault(
                        node,
                        f"{self.part(node.base)} is {widened(each)}, which has no items"
                        + ("; compare texts with starts_with" if widened(each) == TEXT else ""),
                    )
        return union(*found) if found else NULL


_KINDS = {"integer": "number"}


def kind_name(of: Type) -> str:
    """The kind of a plain type: number, text, boolean, array, object, null or anything."""
    match of:
        case Simple(name=name):
            return _KINDS.get(name, name)
        case Array():
            return "array"
        case Record():
            return "object"
        case _:
            return "anything"


def _truth_fix(wanted: str, of: Type) -> str:
    if wanted != "true or false":
        return ""
    return {
        "number": "; write != 0",
        "text": '; write != ""',
        "array": "; write len(…) > 0",
        "object": "; write len(…) > 0",
    }.get(kind_name(of), "")


def _wanted_fix(found: Type, expected: Type) -> str:
    wanted = "true or false" if expected == BOOLEAN else ""
    return _truth_fix(wanted, alternatives(widened(found))[0])
