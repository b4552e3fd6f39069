"""Bugs of the store in memory, which is the specification of all others."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_STORE = "stores/memory/store.py"
_TASKS = "stores/memory/tasks.py"
_PROCESSES = "stores/memory/processes.py"
_SUITE = ("tests/conformance/test_memory_store.py",)

MEMORY = (
    # -- the fence ---------------------------------------------------------------------------------
    Mutant(
        "anybody may write who knows the epoch: the owner is not in the fence",
        _STORE,
        "return append.seize or (fence.owner, fence.epoch) == (process.owner, process.epoch)",
        "return append.seize or fence.epoch == process.epoch",
        _SUITE,
    ),
    Mutant(
        "a worker that has lost a process and got it again writes what it meant before",
        _STORE,
        "return append.seize or (fence.owner, fence.epoch) == (process.owner, process.epoch)",
        "return append.seize or fence.owner == process.owner",
        _SUITE,
    ),
    Mutant(
        "a write is taken that was made for another position",
        _STORE,
        "if (fence.run, fence.position) != (process.run, process.position):",
        "if fence.run != process.run:",
        _SUITE,
    ),
    Mutant(
        "a write is taken that was made for the run before",
        _STORE,
        "if (fence.run, fence.position) != (process.run, process.position):",
        "if fence.position != process.position:",
        _SUITE,
    ),
    Mutant(
        "an abort takes a process without raising its epoch",
        _STORE,
        "            process.epoch += 1\n            owner, due_us =",
        "            owner, due_us =",
        _SUITE,
    ),
    Mutant(
        "a claim does not raise the epoch",
        _STORE,
        "            first.epoch += 1\n",
        "",
        _SUITE,
    ),
    # -- claims and workers ------------------------------------------------------------------------
    Mutant(
        "a claim takes a process that somebody holds",
        _STORE,
        "        process.owner, process.due_us = owner, None\n",
        "        process.owner = owner\n",
        _SUITE,
    ),
    Mutant(
        "processes are claimed while the store is paused",
        _STORE,
        "may_take = not self._paused and worker in self._workers\n        if may_take:",
        "may_take = worker in self._workers\n        if may_take:",
        _SUITE,
    ),
    Mutant(
        "tasks are claimed while the store is paused",
        _STORE,
        "may_take = not self._paused and worker in self._workers\n        now_us",
        "may_take = worker in self._workers\n        now_us",
        _SUITE,
    ),
    Mutant(
        "a worker is buried by whoever has seen an older beat of it",
        _STORE,
        "if peer is None or (beat is not None and beat != peer.beat):",
        "if peer is None or (beat is not None and beat > peer.beat):",
        _SUITE,
    ),
    Mutant(
        "a process is born into the hands of a worker that was struck off",
        _STORE,
        "new.owner if new.owner in self._workers else None",
        "new.owner",
        _SUITE,
    ),
    Mutant(
        "a lease for a time goes on when its process was let go of",
        _STORE,
        "process.owner, process.due_us, process.until_us = None, due_us, None",
        "process.owner, process.due_us = None, due_us",
        _SUITE,
    ),
    Mutant(
        "whoever takes up a process is not told that its worker vanished",
        _STORE,
        "        process.lost_owner = lost_owner\n        self._let_go(process, due_us)",
        "        self._let_go(process, due_us)",
        _SUITE,
    ),
    # -- messages ----------------------------------------------------------------------------------
    Mutant(
        "a process is parked over a message that came meanwhile",
        _STORE,
        "lets_go = append.parks or append.closes or append.renews is not None",
        "lets_go = append.closes or append.renews is not None",
        _SUITE,
    ),
    Mutant(
        "a run ends over a message that came meanwhile",
        _STORE,
        "lets_go = append.parks or append.closes or append.renews is not None",
        "lets_go = append.parks or append.closes",
        _SUITE,
    ),
    Mutant(
        "a message does not wake a process that waits for an instant",
        _STORE,
        "wakes = process.owner is None and not self._is_due(process)",
        "wakes = process.owner is None and process.due_us is None",
        _SUITE,
    ),
    Mutant(
        "the holder of a process is not told of a message",
        _STORE,
        '        self._tell("message", process)\n',
        "",
        (*_SUITE, "tests/runtime/test_signals.py"),
    ),
    Mutant(
        "messages are given out by their instants and not by their numbers",
        _PROCESSES,
        "messages=tuple(self.inbox),",
        "messages=tuple(sorted(self.inbox, key=lambda each: each.at_us)),",
        ("tests/stores/test_clock_runs_back.py",),
    ),
    Mutant(
        "what was not consumed is struck off with what was",
        _STORE,
        "process.inbox = [each for each in process.inbox if each.seq > process.consumed]",
        "process.inbox = []",
        _SUITE,
    ),
    Mutant(
        "the last message that was consumed comes again",
        _STORE,
        "process.inbox = [each for each in process.inbox if each.seq > process.consumed]",
        "process.inbox = [each for each in process.inbox if each.seq >= process.consumed]",
        _SUITE,
    ),
    Mutant(
        "a message to a closed process is acknowledged, and nobody will read it",
        _STORE,
        '            return Sent("closed", process.status)\n',
        '            return Sent("sent", process.status, self._sequence)\n',
        _SUITE,
    ),
    Mutant(
        "a key used again for something else passes for a repeat",
        _STORE,
        'return Sent("repeated" if is_same else "conflict", process.status)',
        'return Sent("repeated", process.status)',
        _SUITE,
    ),
    Mutant(
        "keys are not remembered, so that a repeat counts twice",
        _STORE,
        "            process.keys[message.key] = message.digest\n",
        "            pass\n",
        _SUITE,
    ),
    Mutant(
        "a process that goes on in another run loses the messages that wait",
        _PROCESSES,
        "        self.failures, self.unfit = 0, None\n",
        "        self.failures, self.unfit, self.inbox = 0, None, []\n",
        (*_SUITE, "tests/runtime/test_deciders.py"),
    ),
    # -- what goes with a commit -------------------------------------------------------------------
    Mutant(
        "a document is overwritten by whoever has read an older version",
        _STORE,
        "if write.expected != len(versions):",
        "if write.expected > len(versions):",
        _SUITE,
    ),
    Mutant(
        "documents are written though the append is refused",
        _STORE,
        "        if append.births and not self._may_bear(append.births):",
        "        self._documents.update(documents)\n"
        "        if append.births and not self._may_bear(append.births):",
        _SUITE,
    ),
    Mutant(
        "a child takes the place of a stranger who has its id",
        _STORE,
        "return len(ids) == len(births) and ids.isdisjoint(self._processes)",
        "return len(ids) == len(births)",
        _SUITE,
    ),
    Mutant(
        "large values that go with a commit are not kept",
        _STORE,
        "        self._keep(append.blobs)\n        self._change_tasks",
        "        self._change_tasks",
        _SUITE,
    ),
    Mutant(
        "a snapshot is said to stand before the event that it holds already",
        _STORE,
        "process.snapshot_position = process.position",
        "process.snapshot_position = process.position - 1",
        _SUITE,
    ),
    Mutant(
        "a run begins with the snapshot of the run before",
        _PROCESSES,
        '        self.snapshot, self.snapshot_tag, self.snapshot_position = None, "", 0\n',
        "",
        _SUITE,
    ),
    # -- tasks -------------------------------------------------------------------------------------
    Mutant(
        "the outcome of a task is taken that ran out of time in its worker's hands",
        _TASKS,
        "return None if is_late or kept.due_us is not None else kept",
        "return None if kept.due_us is not None else kept",
        _SUITE,
    ),
    Mutant(
        "the outcome of a task is taken from a worker that held it in an earlier epoch",
        _TASKS,
        "if kept is None or (kept.owner, kept.epoch) != (worker, task.epoch):",
        "if kept is None or kept.owner != worker:",
        _SUITE,
    ),
    Mutant(
        "a task that waits for somebody outside is handed to the next worker",
        _STORE,
        "        kept.owner = None\n        return True",
        "        kept.owner, kept.due_us = None, self._now_us()\n        return True",
        _SUITE,
    ),
    Mutant(
        "each heartbeat gives a task its whole time again",
        _TASKS,
        "        self.heard_us = now_us\n        self.beat_by_us",
        "        self.heard_us = now_us\n"
        "        self.run_by_us = None if self.run_us is None else now_us + self.run_us\n"
        "        self.beat_by_us",
        _SUITE,
    ),
    Mutant(
        "a heartbeat without a word wipes out what was said before",
        _STORE,
        "        if details is not None:\n            kept.details = details\n",
        '        kept.details = details or b""\n',
        _SUITE,
    ),
    Mutant(
        "a worker that vanished with a task is not counted",
        _STORE,
        "            task.losses += 1\n",
        "",
        _SUITE,
    ),
    Mutant(
        "what is to stop runs on with the next worker when its own has vanished",
        _TASKS,
        "        self.run_by_us = self.beat_by_us = None\n        if self.stops:",
        "        self.run_by_us = self.beat_by_us = None\n        if False:",
        _SUITE,
    ),
)
