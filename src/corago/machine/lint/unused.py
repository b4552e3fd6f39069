"""What a document declares and doesn't use: fields, events, and what events bring."""

from __future__ import annotations

from collections.abc import Iterator

from corago.core.expressions import Expression
from corago.machine.lint.chart import Chart, Document
from corago.machine.lint.findings import Finding
from corago.machine.lint.updates import Updates, read, writers

Path = tuple[str, ...]


class Reading:
    """Every path that some expression reads, and where functions read whatever they like."""

    def __init__(self, chart: Chart) -> None:
        self.paths: set[Path] = set()
        self.is_opaque = False
        self.events: dict[str, set[Path]] = {}
        """By event, what its edges read of it; the empty path for all of it."""
        for _, told in writers(chart):
            self._told(told)
        for _, body in (*chart.states.items(), *chart.groups.items()):
            self._asks(body)
        self._guard(chart.document.get("validate"))

    def _told(self, told: Document) -> None:
        found: set[Path] = set()
        kept, self.paths = self.paths, found
        was_opaque, self.is_opaque = self.is_opaque, False
        for guard in ("if", "unless"):
            self._guard(told.get(guard))
        given = told.get("set", {})
        for text in given.values() if "call" not in given else [given]:
            self._guard(text)
        for effect in told.get("effect", ()):
            self._texts(effect.get("args", {}))
        if "event" in told:
            mine = self.events.setdefault(told["event"], set())
            mine |= {path[1:] for path in found if path[0] == "event"}
            if self.is_opaque:
                mine.add(())
        self.paths = kept | found
        self.is_opaque = self.is_opaque or was_opaque

    def _asks(self, body: Document) -> None:
        if "run" in body:
            self._texts(body["run"].get("args", {}))
        for child in body.get("children", {}).values():
            self._texts(child.get("input", {}))

    def _texts(self, texts: Document) -> None:
        for text in texts.values():
            self._guard(text)

    def _guard(self, told: object) -> None:
        if told is None:
            return
        found: Expression | None = read(told)
        if found is None:
            self.is_opaque = True
        else:
            self.paths |= found.paths

    def reads(self, store: str, name: str) -> bool:
        """Whether a field of a store is read."""
        return self.is_opaque or any(path[:2] in {(store,), (store, name)} for path in self.paths)


def unused(chart: Chart, updates: Updates) -> Iterator[Finding]:
    """Fields and events that nothing uses."""
    reading = Reading(chart)
    for store in ("internal", "external"):
        for name in chart.document.get(store, {}):
            is_read = reading.reads(store, name)
            is_written = updates.is_opaque or (store, name) in updates.of
            yield from _field(store, name, is_read=is_read, is_written=is_written)
    for name, fields in chart.document.get("events", {}).items():
        if name not in reading.events:
            yield Finding(
                "unused-event",
                "warning",
                f"events/{_key(name)}",
                f"no edge takes the event {name!r}",
                "add an edge for it, or remove it",
            )
            continue
        for field in fields:
            if not any(path[:1] in {(), (field,)} for path in reading.events[name]):
                yield Finding(
                    "unused-payload",
                    "note",
                    f"events/{_key(name)}/{field}",
                    f"nothing reads {field!r} of the event {name!r}",
                    "it stands in the history; remove it if nobody looks there",
                )


def _field(store: str, name: str, *, is_read: bool, is_written: bool) -> Iterator[Finding]:
    place, told = f"{store}/{name}", f"{store}.{name}"
    if is_read and (is_written or store == "external"):
        return
    if is_read:
        text = f"nothing writes {told}: it is always as it begins"
    else:
        text = f"nothing reads {told}" if is_written else f"nothing reads or writes {told}"
    # Outside code writes the external store, and people may look at what a machine noted.
    if store == "external" or is_written:
        fix = "people may look at it; remove it if nobody does"
        yield Finding("unused-field", "note", place, text, fix)
    else:
        yield Finding("unused-field", "warning", place, text, "use it, or remove it")


def _key(name: str) -> str:
    """A name as part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
