"""Bugs of the local backend: values that become rows, and rows that become values."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_DECISIONS = "backends/local/decisions.py"
_BACKEND = "backends/local/backend.py"
_TASKS = "backends/local/tasks.py"
_SUITE = ("tests/conformance/test_memory_backend.py",)

LOCAL = (
    Mutant(
        "what came before a change of definition is folded by the definition after it",
        "backends/local/definitions.py",
        "first = programs[shas[0]] if shas else None",
        "first = programs[shas[-1]] if shas else None",
        ("tests/runtime/test_changes.py",),
    ),
    Mutant(
        "a snapshot is read whatever codec has written it",
        _DECISIONS,
        "if loaded.snapshot_tag == _tag(row.sha):",
        "if loaded.snapshot_tag:",
        ("tests/runtime/test_snapshots.py",),
    ),
    Mutant(
        "a history that goes on while it is read passes for damage",
        _DECISIONS,
        "rows = await self._store.events(row.process_id, 0, row.position, row.run)",
        "rows = await self._store.events(row.process_id)",
        ("tests/runtime/test_snapshots.py",),
    ),
    Mutant(
        "a row that does not stand where its history ends is not noticed",
        _DECISIONS,
        '        ("position", row.position, process.position),\n',
        "",
        ("tests/fuzz/test_rows.py",),
    ),
    Mutant(
        "what was parked here is taken up as it was, though somebody has moved it on",
        "backends/local/warm.py",
        "(process.run, process.position, known.sha) == (row.run, row.position, row.sha)",
        "(process.run, known.sha) == (row.run, row.sha)",
        ("tests/unit/backends/test_warm.py",),
    ),
    Mutant(
        "a process of a new run is taken up as it was in the run before",
        "backends/local/warm.py",
        "(process.run, process.position, known.sha) == (row.run, row.position, row.sha)",
        "(process.position, known.sha) == (row.position, row.sha)",
        ("tests/unit/backends/test_warm.py",),
    ),
    Mutant(
        "messages that were seen already are handed over again",
        _DECISIONS,
        "await self._store.messages(task.instance, task.seen)",
        "await self._store.messages(task.instance, task.consumed)",
        ("tests/runtime/test_signals.py", *_SUITE),
    ),
    Mutant(
        "a process that is parked is never due",
        _DECISIONS,
        '"due_us": None if hold.due is None else to_us(hold.due),',
        '"due_us": None,',
        _SUITE,
    ),
    Mutant(
        "who takes a process up for a turn is not told again of the loss before it",
        _DECISIONS,
        '        "lost_owner": hold.lost_owner,\n',
        "",
        (*_SUITE, "tests/runtime/test_decider_failures.py", "tests/runtime/test_changes.py"),
    ),
    Mutant(
        "a change of the external store is not in its column",
        _DECISIONS,
        "if process.external is not task.snapshot.process.external:",
        "if process.external is task.snapshot.process.external:",
        (*_SUITE, "tests/runtime/test_machines.py"),
    ),
    Mutant(
        "a key stands for another signal when another person sends it",
        _BACKEND,
        "content = msgspec.structs.replace(message, actor=None, reason=None)",
        "content = message",
        _SUITE,
    ),
    Mutant(
        "a key stands for any signal of that name",
        _BACKEND,
        'return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()',
        "return hashlib.sha256(type(content).__name__.encode()).hexdigest()",
        _SUITE,
    ),
    Mutant(
        "an input is another one when its keys come in another order",
        "backends/local/outgoing.py",
        'msgspec.json.encode([workflow, given], order="sorted")',
        "msgspec.json.encode([workflow, given])",
        (*_SUITE, "tests/runtime/test_start.py"),
    ),
    Mutant(
        "a child forgets the time that its workflow may take",
        "backends/local/outgoing.py",
        "timeout=_timeout(birth, definition),",
        "timeout=birth.timeout,",
        _SUITE,
    ),
    Mutant(
        "an abort leaves the children of its process alone",
        _BACKEND,
        "sends=tuple(outgoing.sent(self._packing, to) for to in farewell(end)),",
        "",
        _SUITE,
    ),
    Mutant(
        "the token of an older attempt ends the one that runs now",
        _TASKS,
        "if row is None or row.epoch != int(found[2]):",
        "if row is None:",
        _SUITE,
    ),
    Mutant(
        "the time within which a task must be taken counts from before its back-off",
        _TASKS,
        "to_us(later(due, start_in))",
        "to_us(later(process.at, start_in))",
        ("tests/runtime/test_queue_limits.py",),
    ),
    Mutant(
        "large values are cut out of a row and kept nowhere",
        "backends/local/packing.py",
        "        at.append(path)\n        blobs.append(blob)\n",
        "        at.append(path)\n",
        ("tests/unit/backends/test_packing.py",),
    ),
)
