"""Where a process stands in its machine, as drawings show it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from corago.drawing.graph import Mark
from corago.machine.captions import Document, states_ways


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a process is with its machine.

    Attributes:
        state: the current state's name, empty before the first.
        counts: by the place of an edge in the document (`states/closed/on/0`), how often it was
            taken; edges that never were may be absent.
        failed: whether the process failed, or waits for a person to mend it.
        done: whether it has ended.
    """

    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
    failed: bool = False
    done: bool = False

    def marks(self, document: Document) -> dict[str, Mark]:
        """The sign of each state: those that were left are `done`, the others `pending`."""
        seen = self._seen(document)
        marks: dict[str, Mark] = {
            state: "done" if state in seen else "pending" for state in document["states"]
        }
        if self.state in marks:
            marks[self.state] = self._mark(document["states"][self.state])
        return marks

    def _mark(self, body: Document) -> Mark:
        if self.failed:
            return "failed"
        if self.done:
            return "done"
        return "running" if "run" in body or "children" in body else "waiting"

    def _seen(self, document: Document) -> AbstractSet[str]:
        """The states that the process is known to have been in."""
        seen = {document["initial"]} if self.state else set()
        for state, way in states_ways(document):
            if self.counts.get(way.place):
                seen.update(filter(None, (state, way.target)))
        return seen
