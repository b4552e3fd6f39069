"""What goes out with a commit: children, messages and queued attempts as rows. Decides nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from corago.backends.local.definitions import Definitions
from corago.backends.local.packing import Packing
from corago.backends.local.tasks import queued
from corago.clock import to_us
from corago.core import events as e
from corago.core.commit import Birth, Commit, Send
from corago.core.messages import ChildRefused
from corago.core.process import Process
from corago.errors import InvalidInputError
from corago.ports.store import (
    Blob,
    Definition,
    NewProcess,
    Outgoing,
    Refusal,
    Store,
)


def input_sha(workflow: str, given: Any) -> str:
    """What tells two starts of one id apart: the workflow's name and the input."""
    return hashlib.sha256(msgspec.json.encode([workflow, given], order="sorted")).hexdigest()


async def parts(
    definitions: Definitions, packing: Packing, commit: Commit, blobs: list[Blob]
) -> dict[str, Any] | ChildRefused:
    """What a commit writes beside its process, by the names of an Append's fields.

    Or why a child can't be born.
    """
    found: dict[str, Any] = {}
    if commit.adopts:
        found["definition"] = definitions.id(commit.snapshot.process.sha)
    if commit.renews is not None:
        found |= {
            "renews": packing.event(commit.renews, blobs),
            "tags": commit.renews.tags,
        }
    if commit.births:
        births = []
        for birth in commit.births:
            definition = await definitions.latest(birth.workflow)
            if definition is None:
                text = (
                    f"no workflow is named {birth.workflow!r}: hand it to Engine(workflows=[...]) "
                    "once, then retry"
                )
                return ChildRefused(birth.path, e.Failure("WorkflowNotFoundError", text))
            program = definitions.program(definition)
            try:
                external = program.opening(program.check_input(birth.input))
            except InvalidInputError as error:
                return ChildRefused(birth.path, e.Failure("InvalidInputError", str(error)))
            births.append(born(packing, commit.snapshot.process, birth, definition, external))
        found["births"] = tuple(births)
    if commit.sends:
        found["sends"] = tuple(sent(packing, each) for each in commit.sends)
    if commit.queued:
        process = commit.snapshot.process
        found["tasks"] = tuple(queued(packing, process, each, blobs) for each in commit.queued)
    if commit.cancels or commit.drops:
        found |= {"cancels": commit.cancels, "drops": commit.drops}
    return found


async def there(store: Store, commit: Commit) -> ChildRefused | Refusal:
    """Which child could not be born, because a process of its id is there already."""
    for birth in commit.births:
        if await store.load(birth.child) is not None:
            text = f"a process {birth.child!r} is there already, and is no child of this one"
            return ChildRefused(birth.path, e.Failure("ProcessAlreadyExistsError", text))
    return Refusal.FENCED


def born(
    packing: Packing,
    parent: Process,
    birth: Birth,
    definition: Definition,
    external: dict[str, Any],
) -> NewProcess:
    """A child that is to be born with a commit of its parent."""
    blobs: list[Blob] = []
    event = e.ProcessStarted(
        position=1,
        at=parent.at,
        process_id=birth.child,
        workflow=definition.name,
        version=definition.version,
        sha=definition.sha,
        input=birth.input,
        external=external,
        tags=birth.tags,
        parent=parent.id,
        parent_path=birth.path,
        timeout=_timeout(birth, definition),
    )
    return NewProcess(
        process_id=birth.child,
        definition_id=definition.id,
        input_sha=input_sha(definition.name, birth.input),
        event=packing.event(event, blobs),
        at_us=to_us(parent.at),
        external=packing.text(msgspec.json.encode(external)),
        parent=parent.id,
        tags=birth.tags,
        blobs=tuple(blobs),
    )


def _timeout(birth: Birth, definition: Definition) -> float | None:
    if birth.timeout is not None:
        return birth.timeout
    timeout: float | None = msgspec.json.decode(definition.document).get("timeout")
    return timeout


def sent(packing: Packing, send: Send) -> Outgoing:
    """A message for another process."""
    blobs: list[Blob] = []
    data = packing.message(send.message, blobs)
    return Outgoing(send.process_id, data, reopens=send.reopens, blobs=tuple(blobs))
