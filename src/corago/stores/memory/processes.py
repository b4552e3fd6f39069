"""A process as the store in memory keeps it, and as it is told. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from corago.ports.store import Arrived, Definition, Instance, Loaded, NewProcess, Query


@dataclass(slots=True)
class KeptProcess:
    """A process with all that belongs to it, but for its tasks."""

    born: NewProcess
    definition: Definition
    instance: int
    status: str
    owner: int | None
    epoch: int
    due_us: int | None
    updated_us: int
    external: bytes
    events: list[bytes]
    tags: tuple[str, ...]
    run: int = 1
    past: list[list[bytes]] = field(default_factory=list)
    consumed: int = 0
    inbox_head: int = 0
    inbox: list[Arrived] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    snapshot: bytes | None = None
    snapshot_tag: str = ""
    snapshot_position: int = 0
    lost_owner: str | None = None
    unfit: int | None = None
    failures: int = 0
    until_us: int | None = None

    @property
    def id(self) -> str:
        """The process's id."""
        return self.born.process_id

    @property
    def position(self) -> int:
        """The position of its last event."""
        return len(self.events)

    def events_of(self, run: int | None) -> list[bytes]:
        """The events of a run, or of the one that it is at."""
        runs = [*self.past, self.events]
        run = self.run if run is None else run
        return runs[run - 1] if 0 < run <= len(runs) else []

    def renew(self, event: bytes) -> None:
        """Begin the next run."""
        self.past.append(self.events)
        self.events, self.run = [event], self.run + 1
        self.snapshot, self.snapshot_tag, self.snapshot_position = None, "", 0
        self.failures, self.unfit = 0, None

    def row(self, owner_name: str | None) -> Instance:
        """Its row; only the store knows the name of its owner."""
        return Instance(
            instance=self.instance,
            process_id=self.id,
            run=self.run,
            definition_id=self.definition.id,
            workflow=self.definition.name,
            version=self.definition.version,
            sha=self.definition.sha,
            status=self.status,
            position=self.position,
            epoch=self.epoch,
            owner=self.owner,
            owner_name=owner_name,
            consumed=self.consumed,
            inbox_head=self.inbox_head,
            due_us=self.due_us,
            created_us=self.born.at_us,
            updated_us=self.updated_us,
            tags=self.tags,
            parent=self.born.parent,
            unfit=self.unfit,
            failures=self.failures,
        )

    def loaded(self, owner_name: str | None) -> Loaded:
        """All that is needed to take it up."""
        return Loaded(
            row=self.row(owner_name),
            snapshot=self.snapshot,
            snapshot_tag=self.snapshot_tag,
            events=tuple(self.events[self.snapshot_position :]),
            messages=tuple(self.inbox),
            external=self.external,
            lost_owner=self.lost_owner,
        )


def matches(query: Query, row: Instance) -> bool:
    """Whether all conditions of a query hold for a row."""
    return (
        (query.workflow is None or row.workflow == query.workflow)
        and (query.status is None or row.status == query.status)
        and (query.tag is None or query.tag in row.tags)
        and (query.since_us is None or row.created_us >= query.since_us)
        and (query.until_us is None or row.created_us < query.until_us)
        and (query.owner is None or row.owner == query.owner)
    )
