"""Elements that hold a step list: groups, loops, and views of a part of the State."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from corago.arguments.injection import Asked
from corago.arguments.signatures import name_of
from corago.steps.elements import Element, Scope, StepList, parameters_of


@dataclass(frozen=True, repr=False)
class Container(Element):
    """An element with one list in it."""

    steps: StepList = field(kw_only=True)

    @property
    def lists(self) -> tuple[StepList, ...]:
        """Its list."""
        return (self.steps,)

    def _details(self, scope: Scope) -> dict[str, Any]:
        return {"steps": self.steps.document(scope)}


@dataclass(frozen=True, repr=False)
class Group(Container):
    """A list with a name of its own."""

    kind: ClassVar[str] = "group"

    def _text(self) -> str:
        return f"step_group({self.name!r}, {self.steps!r})"


@dataclass(frozen=True, repr=False)
class Foreach(Container):
    """A list that is run for each item of State[key], `limit` of them at a time."""

    kind: ClassVar[str] = "foreach"
    key: str = ""
    into: str | None = None
    limit: int = 16

    def _details(self, scope: Scope) -> dict[str, Any]:
        told: dict[str, Any] = {"key": self.key, "limit": self.limit}
        if self.into is not None:
            told["into"] = self.into
        return told | super()._details(scope)

    def _text(self) -> str:
        return f"foreach({self.name!r}, {self.key!r}, {self.steps!r})"


@dataclass(frozen=True, repr=False)
class Focus(Container):
    """A list that sees State[key] as its State."""

    kind: ClassVar[str] = "focus"
    key: str = ""

    def _details(self, scope: Scope) -> dict[str, Any]:
        return {"key": self.key, **super()._details(scope)}

    def _text(self) -> str:
        return f"focussteps({self.key!r})({self.steps!r})"


@dataclass(frozen=True, repr=False)
class Lens(Container):
    """A list that sees what one function makes of the State; another puts it back."""

    kind: ClassVar[str] = "lens"
    get: Asked = field(kw_only=True, repr=False)
    set: Asked = field(kw_only=True, repr=False)

    def label(self, part: str) -> str:
        """What to call one of its functions in errors."""
        return f"{part} of lens {self.name!r}"

    def _details(self, scope: Scope) -> dict[str, Any]:
        told = {
            part: parameters_of(asked, self.label(part), scope)
            for part, asked in (("get", self.get), ("set", self.set))
        }
        return {**told, **super()._details(scope)}

    def _text(self) -> str:
        get, put = name_of(self.get.function), name_of(self.set.function)
        return f"steplens({get}, {put})({self.steps!r})"
