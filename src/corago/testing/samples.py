"""Values to try on a machine: those that its types allow and its guards tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from corago.core.expressions import unfit
from corago.machine.lint.ranges import Uses
from corago.machine.model import ZEROS, Model

MOST = 16
"""Of one event, so many kinds of data are tried at most."""


class Samples:
    """Values for the fields of one machine."""

    def __init__(self, model: Model) -> None:
        """Look at what its guards compare."""
        guards = [edge.guard for edge in model.edges()]
        self._model = model
        self._uses = Uses(
            guard.expression.root
            for guard in guards
            if guard is not None and guard.expression is not None
        ).of

    def field(self, root: str, name: str, kind: Mapping[str, Any]) -> list[Any]:
        """Values of a field of a store or of an event: its default first, if it has one."""
        found = list(values(kind))
        use = self._uses.get((root, name))
        for constant in () if use is None else use.constants:
            near: tuple[Any, ...] = (constant,)
            if isinstance(constant, int | float) and not isinstance(constant, bool):
                near = (constant, constant + 1, constant - 1)
            found += [each for each in near if unfit(each, kind) is None]
        return _once(found)

    def events(self, name: str) -> list[dict[str, Any] | None]:
        """Data for an event; one that declares none comes without."""
        fields = self._model.events.get(name)
        if not fields:
            return [None]
        columns = [self.field("event", each, kind) for each, kind in fields.items()]
        rows = islice(product(*columns), MOST)
        return [dict(zip(fields, row, strict=True)) for row in rows]

    def updates(self) -> Iterator[dict[str, Any]]:
        """Changes of the external store, one field at a time, of those that guards look at."""
        for name, kind in self._model.external.items():
            if ("external", name) in self._uses:
                for value in self.field("external", name, kind):
                    yield {name: value}

    def opening(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """An input: what is given, and some value for each field that has no default."""
        missing = {
            name: self.field("external", name, kind)[0]
            for name, kind in self._model.external.items()
            if name not in given and "default" not in kind
        }
        return {**missing, **given}

    def results(self, kind: Mapping[str, Any]) -> list[Any]:
        """What an activity may return."""
        fields = kind.get("properties")
        if kind["type"] != "object" or not fields:
            return list(values(kind))
        columns = [self.field("result", each, of) for each, of in fields.items()]
        rows = islice(product(*columns), MOST)
        return [dict(zip(fields, row, strict=True)) for row in rows]


def values(kind: Mapping[str, Any]) -> Iterator[Any]:
    """A few values of a type: its default, its choices, both truths, its bounds, the empty one."""
    found = [kind["default"]] if "default" in kind else []
    found += kind.get("enum", ())
    if kind["type"] == "boolean" and not kind.get("enum"):
        found += [False, True]
    found += [kind[bound] for bound in ("minimum", "maximum") if bound in kind]
    if kind["type"] == "object" and kind.get("properties"):
        fields = kind["properties"]
        found.append({name: next(values(each), None) for name, each in fields.items()})
    found.append(ZEROS[kind["type"]])
    found += [None] if kind.get("nullable") else []
    yield from _once([each for each in found if unfit(each, kind) is None])


def _once(found: Sequence[Any]) -> list[Any]:
    kept: list[Any] = []
    for each in found:
        if not any(type(each) is type(other) and each == other for other in kept):
            kept.append(each)
    return kept
