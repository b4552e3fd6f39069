"""Bugs of the pure core: the kernel, the folds, retries, arrivals, children and previews."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_KERNEL = "tests/unit/core/test_kernel.py"
_BATCHES = "tests/unit/core/test_kernel_batches.py"
_LOSSES = "tests/unit/core/test_kernel_losses.py"
_PROCESS = "tests/unit/core/test_process.py"
_QUEUEING = "tests/unit/core/test_queueing.py"
_ARRIVALS = "tests/unit/core/test_arrivals.py"

CORE = (
    # -- outcomes ----------------------------------------------------------------------------------
    Mutant(
        "the late outcome of an older attempt ends the one that runs now",
        "core/advancing.py",
        "return wish if attempt == message.attempt else None",
        "return wish if attempt >= message.attempt else None",
        (_KERNEL,),
    ),
    Mutant(
        "the outcome of an earlier visit to a step ends the step's next occurrence",
        "core/advancing.py",
        "if wish.path == path and wish.occurrence == occurrence:",
        "if wish.path == path:",
        (_KERNEL,),
    ),
    Mutant(
        "an activity's outcome is recorded twice",
        "core/advancing.py",
        "        self._apply(event)\n        if message.documents",
        "        self._apply(event)\n        self._apply(event)\n        if message.documents",
        (_KERNEL,),
    ),
    Mutant(
        "documents of an attempt that failed are written all the same",
        "core/advancing.py",
        "if message.documents and type(result) is e.ActivityCompleted:",
        "if message.documents:",
        (_KERNEL,),
    ),
    Mutant(
        "what comes after the end of a process is consumed and lost",
        "core/kernel.py",
        "            if not freeing:\n                break\n            consumed += freeing",
        "            consumed += freeing or 1",
        (_KERNEL,),
    ),
    Mutant(
        "instants run back in a history when the clock does",
        "core/advancing.py",
        "self.now = max(now, self.process.at)",
        "self.now = now",
        (_KERNEL,),
    ),
    # -- retries -----------------------------------------------------------------------------------
    Mutant(
        "one attempt more is made than the policy allows",
        "core/retry.py",
        "return attempt < self.attempts and",
        "return attempt <= self.attempts and",
        ("tests/unit/core/test_retry.py",),
    ),
    Mutant(
        "an attempt counts for less than it is, so that a policy is never used up in time",
        "core/attempts.py",
        "spent = message.attempt - process.activity(wish.path, message.occurrence).first + 1",
        "spent = message.attempt - process.activity(wish.path, message.occurrence).first",
        (_KERNEL,),
    ),
    Mutant(
        "the next attempt is due at once, whatever the back-off says",
        "core/attempts.py",
        "due = later(now, wait.total_seconds())",
        "due = now",
        (_KERNEL,),
    ),
    Mutant(
        "a cancel is forgotten while a step fails: it is tried again",
        "core/attempts.py",
        "if wish.retry is None or wish.cancel:",
        "if wish.retry is None:",
        (_KERNEL,),
    ),
    Mutant(
        "an operator's retry gets no new budget of attempts",
        "core/process.py",
        "_replace(known, due=None, position=0, first=known.attempt, queued=0)",
        "_replace(known, due=None, position=0, queued=0)",
        (_PROCESS,),
    ),
    Mutant(
        "the next attempt of a step has the number of the one before",
        "core/process.py",
        "        event.attempt + 1,\n        known.first,",
        "        event.attempt,\n        known.first,",
        (_PROCESS,),
    ),
    Mutant(
        "the jitter of a wait is another one in another OS process",
        "core/retry.py",
        'f"{name}#{attempt}".encode()',
        'f"{hash(name)}#{attempt}".encode()',
        ("tests/unit/core/test_retry.py",),
    ),
    # -- timers and messages -----------------------------------------------------------------------
    Mutant(
        "a timer fires before its time",
        "core/arriving.py",
        "for name, at in process.timers.items() if at <= now]",
        "for name, at in process.timers.items()]",
        (_ARRIVALS,),
    ),
    Mutant(
        "a timer stays open when it has fired, and fires again",
        "core/process.py",
        "        timers=_without(process.timers, event.timer),\n        timer_data=_without(data",
        "        timers=process.timers,\n        timer_data=_without(data",
        (_PROCESS,),
    ),
    Mutant(
        "a timer fires that was canceled",
        "core/advancing.py",
        "elif at is not None and at <= max(due, self.now):",
        "else:",
        (_KERNEL,),
    ),
    Mutant(
        "timers outlive the end of their process",
        "core/process.py",
        "status=status, timers={}, timer_data={}, activities=activities)",
        "status=status, activities=activities)",
        (_PROCESS,),
    ),
    Mutant(
        "a timer that is due goes before a message that came before it",
        "core/arriving.py",
        "merged[index - 1][0] >= at:",
        "merged[index - 1][0] > at:",
        (_ARRIVALS,),
    ),
    Mutant(
        "messages are taken by their instants and not in the order in which they came",
        "core/arriving.py",
        "while index and merged[index - 1][1] != 0 and merged[index - 1][0] >= at:",
        "while index and merged[index - 1][0] >= at:",
        (_ARRIVALS,),
    ),
    Mutant(
        "a process that is closed runs into its deadline",
        "core/arriving.py",
        " and process.deadline <= now and not process.is_closed:",
        " and process.deadline <= now:",
        (_ARRIVALS,),
    ),
    # -- losses ------------------------------------------------------------------------------------
    Mutant(
        "what may run only once is started before that is recorded",
        "core/advancing.py",
        "elif wish.at_most_once or losses:",
        "elif losses:",
        (_LOSSES,),
    ),
    Mutant(
        "it is forgotten that an attempt has started, so that its loss is harmless",
        "core/process.py",
        "        started=True,\n",
        "",
        (_PROCESS,),
    ),
    Mutant(
        "lost workers are not counted, so that a poisonous process kills one after the other",
        "core/advancing.py",
        "losses = self.process.losses + 1",
        "losses = 1",
        (_LOSSES,),
    ),
    Mutant(
        "a process is poison one loss too late",
        "core/advancing.py",
        "if losses >= queueing.LOSS_LIMIT:",
        "if losses > queueing.LOSS_LIMIT:",
        (_LOSSES,),
    ),
    Mutant(
        "progress does not forgive the losses before it",
        "core/process.py",
        "return _step(process, event, activities=activities, losses=0, suspended=resolved)",
        "return _step(process, event, activities=activities, suspended=resolved)",
        (_PROCESS,),
    ),
    # -- queues ------------------------------------------------------------------------------------
    Mutant(
        "the next attempt of a step in a queue may be taken at once, whatever the back-off says",
        "core/queueing.py",
        "delay = 0.0 if known.due is None else max(0.0, (known.due - now).total_seconds())",
        "delay = 0.0",
        (_QUEUEING,),
    ),
    Mutant(
        "what is wanted for a moment only is put into its queue",
        "core/queueing.py",
        "return tuple(each for path, each in queued.items() if path in wanted)",
        "return tuple(queued.values())",
        (_QUEUEING,),
    ),
    Mutant(
        "what may have run once in a queue is run again by the next worker",
        "core/queueing.py",
        "if attempt.at_most_once and losses:",
        "if attempt.at_most_once and losses > 1:",
        (_QUEUEING,),
    ),
    Mutant(
        "a step that is wanted no longer stays in its queue",
        "core/queueing.py",
        "return tuple(sorted(before - (standing(process) & wanted)))",
        "return tuple(sorted(before - standing(process)))",
        (_QUEUEING,),
    ),
    # -- families and runs -------------------------------------------------------------------------
    Mutant(
        "a child that is to be ended with its parent is only asked to stop",
        "core/children.py",
        '"terminate": "abort"}',
        '"terminate": "cancel"}',
        (_BATCHES,),
    ),
    Mutant(
        "a process that goes on in another run tells its parent that it has ended",
        "core/batches.py",
        "children.farewell(self.process, tells_parent=False)",
        "children.farewell(self.process)",
        (_BATCHES, "tests/unit/decider/test_endings.py"),
    ),
    Mutant(
        "a child is asked to stop again and again",
        "core/process.py",
        'child = Child(event.to, event.command == "cancel", policy)',
        "child = Child(event.to, policy=policy)",
        (_PROCESS, "tests/runtime/test_families.py"),
    ),
    Mutant(
        "the end of a former child closes the one that has its place now",
        "core/process.py",
        "if known is None or known.id != event.child:",
        "if known is None:",
        (_PROCESS, "tests/unit/steps/test_child_processes.py"),
    ),
    Mutant(
        "a child of the next run is named as one of the run before",
        "core/children.py",
        'run = "" if process.run == 1 else f":{process.run}"',
        'run = ""',
        ("tests/unit/decider",),
    ),
    Mutant(
        "the next run has the number of the one before",
        "core/unasked.py",
        "run=process.run + 1,",
        "run=process.run,",
        (_BATCHES,),
    ),
    Mutant(
        "the next run has no limit of time any more",
        "core/unasked.py",
        "        timeout=timeout,\n",
        "",
        (_BATCHES, "tests/unit/decider/test_endings.py"),
    ),
    # -- deciders ----------------------------------------------------------------------------------
    Mutant(
        "a decider is asked again about what it has answered to",
        "core/batches.py",
        "self.unheard = self.process.position + 1",
        "self.unheard = self.process.position",
        (_BATCHES,),
    ),
    Mutant(
        "a decider that could not answer never hears of what it was asked about",
        "core/batches.py",
        "self._record(e.ProcessSuspended, error=error, undecided=self.unheard)",
        "self._record(e.ProcessSuspended, error=error)",
        (_BATCHES,),
    ),
    Mutant(
        "a decider is asked though nothing has come that concerns it",
        "core/batches.py",
        "        if not unseen and since > 1:\n            return\n",
        "",
        (_BATCHES,),
    ),
    # -- looking -----------------------------------------------------------------------------------
    Mutant(
        "a gap in a history is not noticed",
        "core/history.py",
        "if event.position != expected:",
        "if event.position < expected:",
        ("tests/unit/core/test_history.py",),
    ),
    Mutant(
        "a preview leaves out what waits in the inbox",
        "core/preview.py",
        "first = arrivals(snapshot.process, waiting, now)",
        "first = arrivals(snapshot.process, (), now)",
        ("tests/unit/core/test_preview.py", "tests/runtime/test_preview.py"),
    ),
    Mutant(
        "a preview shows the secrets of the State",
        "core/preview.py",
        "state=masked(program.view(snapshot.state)),",
        "state=program.view(snapshot.state),",
        ("tests/runtime/test_secrets.py", "tests/unit/decider/test_secrets.py"),
    ),
    Mutant(
        "a history is shown with the secrets in it",
        "core/codec.py",
        "return decode_event(masked_text(row)) if is_sealed(row) else event",
        "return event",
        ("tests/unit/core/test_sealing.py",),
    ),
    Mutant(
        "a stale command is taken: what it was meant for was tried again since",
        "core/commands.py",
        "        if found[path] != position:\n"
        '            return f"step {path!r} was tried again since the command was given"\n',
        "",
        ("tests/unit/core/test_commands.py",),
    ),
)
