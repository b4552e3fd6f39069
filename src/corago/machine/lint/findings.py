"""What may be wrong with a machine: the closed list of codes, and one finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Level = Literal["error", "warning", "note"]
"""An `error` can't be meant, a `warning` asks for a second look, a `note` only tells."""


class Code(NamedTuple):
    """What a code means, in one sentence, and the levels that its findings may have."""

    means: str
    levels: tuple[Level, ...]


CODES: Mapping[str, Code] = {
    "unreachable": Code("No path leads from the initial state to this state.", ("warning",)),
    "dead-end": Code(
        "Nothing leads out of this state, and it isn't marked as terminal.", ("warning",)
    ),
    "trap": Code(
        "From here no terminal state can be reached, and no state is marked `forever`.",
        ("warning",),
    ),
    "nothing-left": Code(
        "`previous()` is said where no state has been left, ever or on the first visit.",
        ("error", "warning"),
    ),
    "stuck": Code(
        "The machine stays in this state for ever: whatever happens, or once its work is done.",
        ("error",),
    ),
    "eventless-cycle": Code(
        "Edges without events lead round in a circle: always, or for some values.",
        ("error", "warning"),
    ),
    "overlap": Code(
        "Two edges of one state and trigger can hold together, an error at run time.", ("error",)
    ),
    "gap": Code(
        "For some values no edge holds, and nothing else can happen: the machine waits.",
        ("warning",),
    ),
    "never-true": Code("No values make this guard true.", ("warning",)),
    "hidden": Code("Whenever this edge could be taken, another one is taken first.", ("warning",)),
    "no-timeout": Code(
        "No timer ends the wait for this state's event or (a note) for its work.",
        ("warning", "note"),
    ),
    "retry-budget": Code(
        "The waits between the attempts are longer than the state lasts.", ("warning",)
    ),
    "unused-field": Code(
        "Nothing reads this field, nothing writes it, or neither.",
        ("warning", "note"),
    ),
    "unused-event": Code("An event is declared that no edge takes.", ("warning",)),
    "unused-payload": Code("No expression reads this field of an event.", ("note",)),
    "unknown": Code(
        "Whether guards hold together can't be told: they call a function, or ask too much.",
        ("note",),
    ),
}
"""Every code there is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transition of a witness: how a state can be reached."""

    source: str
    trigger: str
    target: str
    place: str

    def __str__(self) -> str:
        return f"{self.source} --{self.trigger}--> {self.target}"


Witness = tuple[Step, ...]
"""A shortest path from the initial state; empty for that state itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `pointer` is its place in the document, `fix` says what to do about it.

    `example` is what shows it: values of the stores and the event, a path, or nothing.
    """

    code: str
    level: Level
    pointer: str
    text: str
    fix: str
    example: Mapping[str, Any] | Witness | None = None

    def __str__(self) -> str:
        return f"{self.level} [{self.code}] {self.pointer}: {self.text}; {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON document."""
        return {
            "code": self.code,
            "level": self.level,
            "pointer": self.pointer,
            "text": self.text,
            "fix": self.fix,
            "example": path_json(self.example) if isinstance(self.example, tuple) else self.example,
        }


def path_json(path: Witness) -> list[dict[str, str]]:
    """A witness as JSON, step by step."""
    return [{name: getattr(step, name) for name in Step.__slots__} for step in path]


def shown(example: Mapping[str, Any]) -> str:
    """Values as a person reads them: `external.amount is 1001, event.by is 'x'`."""
    told = [f"{name} is {value!r}" for root in example for name, value in _leaves(root, example)]
    return ", ".join(told) or "any values"


def _leaves(name: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    root = holder[name]
    if isinstance(root, Mapping):
        for field, value in root.items():
            yield f"{name}.{field}", value
    else:
        yield name, root
