"""What authors do to a workflow from one version to the next, and what becomes of its names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from corago.core.process import renamed
from corago.errors import InvalidMachineError
from corago.machine import define
from corago.steps.program import StepsProgram
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import RandomWorkflow, Shape, coded

Json = dict[str, Any]
Names = Mapping[str, str]


def following(first: Names, second: Names) -> Names:
    """What became of names by the one change, and then by the other."""
    found = {old: renamed(new, second) for old, new in first.items()}
    return dict(second) | found


def back(names: Names) -> Names:
    """What becomes of names when a change is taken back."""
    return {new: old for old, new in names.items()}


# -- changed lists ---------------------------------------------------------------------------------


class Editor:
    """Changes a document of steps somewhere, as its author might."""

    def __init__(self, chance: random.Random, document: Json) -> None:
        self.document = deepcopy(document)
        self.names: Names = {}
        self._chance = chance
        self._lists = list(_lists(self.document["steps"][1:-1]))
        self._made = 0

    def edit(self, kinds: Iterable[str]) -> None:
        """Change something of one of these kinds."""
        getattr(self, f"_{self._chance.choice([*kinds])}")()

    def _place(self) -> tuple[list[Json], int]:
        """A list within the document, and a place in it."""
        found = [*self._lists, self.document["steps"]]
        elements = self._chance.choice(found)
        low, high = (1, len(elements) - 1) if elements is found[-1] else (0, len(elements))
        return elements, self._chance.randrange(low, max(high, low + 1))

    def _put(self) -> None:
        elements, place = self._place()
        self._made += 1
        kind = self._chance.choice(("step", "step", "sleep"))
        element: Json = {"kind": kind, "name": f"{kind} {self._chance.randrange(10**6)}"}
        if kind == "sleep":
            element["seconds"] = self._chance.choice((0.0, 1.0))
        elements.insert(place, element)

    def _drop(self) -> None:
        elements, place = self._place()
        if len(elements) > 1 and elements[place]["kind"] not in ("init", "done"):
            del elements[place]

    def _swap(self) -> None:
        elements, place = self._place()
        other = place + 1
        if other < len(elements) and elements[other]["kind"] != "done":
            elements[place], elements[other] = elements[other], elements[place]

    def _options(self) -> None:
        elements, place = self._place()
        element, chance = elements[place], self._chance
        if element["kind"] != "step":
            return
        match chance.choice(("queue", "at_most_once", "retry")):
            case "queue" if "queue" in element:
                del element["queue"]
            case "queue":
                element["queue"] = "gpu"
            case "at_most_once" if "retry" not in element:
                element["at_most_once"] = not element.get("at_most_once", False)
            case _ if not element.get("at_most_once"):
                element["retry"] = {"attempts": 6, "delay": chance.choice((0.1, 1.0, 3.0))}

    def _branch(self) -> None:
        elements, place = self._place()
        if elements[place]["kind"] == "parallel":
            name = f"step {self._chance.randrange(10**6)}"
            elements[place]["branches"].append([{"kind": "step", "name": name}])

    def _guard(self) -> None:
        elements, place = self._place()
        element = elements[place]
        if element["kind"] in ("init", "done"):
            return
        if element.pop("guards", None) is None:
            element["guards"] = ["maybe"]

    def _rename(self) -> None:
        elements, place = self._place()
        element = elements[place]
        before = _path(self.document, element)
        if before is None or element["kind"] in ("init", "done"):
            return
        element["name"] = f"{element['kind']} {self._chance.randrange(10**6)}"
        after = _path(self.document, element)
        assert after is not None
        self.names = following(self.names, {before: after})


def _lists(elements: Iterable[Json]) -> Iterator[list[Json]]:
    """The lists within elements."""
    for element in elements:
        inner = [element["steps"]] if "steps" in element else element.get("branches", ())
        for each in inner:
            yield each
            yield from _lists(each)


def _path(document: Json, element: Json) -> str | None:
    """Where an element stands; None if it has no place of its own."""
    nodes = StepsProgram(document).nodes.values()
    places = (each.path for each in nodes if each.element is element and each.place == each.path)
    return next(places, None)


LOUD = ("put", "put", "drop", "swap", "options", "options", "branch", "guard", "rename", "rename")
"""Changes of a list."""

QUIET = ("options",)
"""Those that leave what it comes to."""


def next_list(
    chance: random.Random,
    ledger: Ledger,
    before: RandomWorkflow,
    kinds: Iterable[str],
    version: int = 1,
) -> tuple[RandomWorkflow, Names]:
    """A list as it is after some changes, and what became of names."""
    editor = Editor(chance, {**before.document, "version": version})
    for _ in range(chance.randint(1, 3)):
        editor.edit(kinds)
    after = coded(chance, ledger, Shape(), editor.document, before.children)
    # the same question gets the same answer
    asked = {path: each for path, each in before.functions.items() if "?" in path}
    after.functions.update({path: asked[path] for path in asked.keys() & after.functions.keys()})
    return after, editor.names


# -- changed machines ------------------------------------------------------------------------------


def next_machine(
    chance: random.Random, before: Json, functions: Mapping[str, Any]
) -> tuple[Json, Names]:
    """A machine's document as it is after a change, and what became of the names of its states."""
    for _ in range(5):
        document = deepcopy(before)
        names = _change_machine(chance, document)
        try:
            define(document, functions)
        except InvalidMachineError:
            continue
        return document, names
    return before, {}


def _change_machine(chance: random.Random, document: Json) -> Names:
    states = document["states"]
    name = chance.choice([each for each in states if each.startswith("s")])
    state = states[name]
    match chance.choice(("rename", "rename", "edge", "guard", "after", "work", "store")):
        case "rename":
            new = f"state{chance.randrange(10**6)}"
            document["states"] = {
                new if each == name else each: told for each, told in states.items()
            }
            _put_in_place(document, name, new)
            return {name: new}
        case "edge":
            edge = {"event": chance.choice(("go", "pay")), "to": "end"}
            state.setdefault("on", []).append(edge)
        case "guard" if state.get("on"):
            state["on"][-1]["if"] = "internal.moves > 2"
            state["on"][-1].pop("unless", None)
        case "after":
            state.setdefault("after", []).append({"delay": "PT12H", "to": "end"})
        case "work" if "run" in state:
            for each in ("run", "done", "failed"):
                state.pop(each, None)
        case _:
            document["external"]["new"] = {"type": "integer", "default": 3}
    return {}


def _put_in_place(value: Any, old: str, new: str) -> None:
    """Give a state its new name wherever it is named."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("to", "initial") and each == old:
                value[key] = new
            elif key == "members":
                value[key] = [new if name == old else name for name in each]
            else:
                _put_in_place(each, old, new)
    elif isinstance(value, list):
        for each in value:
            _put_in_place(each, old, new)
