"""Bugs of the runtime: turns, attempts, leases, crews, errands, and those who wait."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_TURN = "runtime/turn.py"
_WORKER = "runtime/worker.py"
_LEASE = "runtime/lease.py"
_WAKEUPS = "tests/runtime/test_wakeups.py"
_LATE = "tests/runtime/test_late_answers.py"
_LEASES = "tests/runtime/test_leases.py"
_LOSSES = "tests/runtime/test_queue_losses.py"
_CANCELS = "tests/runtime/test_cancel_abort.py"

RUNTIME = (
    # -- turns -------------------------------------------------------------------------------------
    Mutant(
        "a turn does not hear that the worker before it vanished",
        _TURN,
        "        if self.task.lost_owner is not None:\n            items.append",
        "        if False:\n            items.append",
        ("tests/runtime/test_at_most_once.py",),
    ),
    Mutant(
        "an outcome is lost when a message comes between it and its write",
        _TURN,
        "self._later = [*outcomes, *self._later]",
        "self._later = [*self._later]",
        (_WAKEUPS,),
    ),
    Mutant(
        "messages are lost when others come before they are written",
        _TURN,
        "self._mail = (*self._taken, *self._mail)",
        "self._mail = (*self._mail,)",
        (_WAKEUPS, "tests/runtime/test_signals.py"),
    ),
    Mutant(
        "what a commit did not take is consumed with what it took",
        _TURN,
        "consumed = max([consumed, *(place for place, _ in items[: commit.consumed])])",
        "consumed = max([consumed, *(place for place, _ in items)])",
        ("tests/runtime/test_poison.py",),
    ),
    Mutant(
        "a message that comes while a turn works does not end its rest",
        _TURN,
        "has_come = self._outcomes or self._later or self._mail or self.has_mail",
        "has_come = self._outcomes or self._later or self._mail",
        (_WAKEUPS, "tests/runtime/test_signals.py"),
    ),
    Mutant(
        "an outcome that comes while a turn writes does not end its rest",
        _TURN,
        "has_come = self._outcomes or self._later or self._mail or self.has_mail",
        "has_come = self._later or self._mail or self.has_mail",
        (_WAKEUPS, "tests/runtime/test_parallel.py", "tests/runtime/test_steps.py"),
    ),
    Mutant(
        "a timer fires before it is known whether a message has come before it",
        _TURN,
        "due = arrivals(process, arrived, self._read_at)",
        "due = arrivals(process, arrived, self.worker.clock.now())",
        ("tests/runtime/test_signals.py",),
    ),
    Mutant(
        "a turn sleeps until its timer is due, however the calendar jumps meanwhile",
        _TURN,
        "return min(max(0.0, seconds), GLANCE_SECONDS)",
        "return max(0.0, seconds)",
        ("tests/runtime/test_timeouts.py",),
    ),
    Mutant(
        "a step begins before its back-off is over",
        _TURN,
        "elif running is None and may_start and (known.due is None or known.due <= now):",
        "elif running is None and may_start:",
        ("tests/runtime/test_parallel.py", "tests/runtime/test_retry.py"),
    ),
    Mutant(
        "a cancel is forgotten while a step waits for its next attempt",
        _TURN,
        "            self.ended(m.Outcome(wish.path, wish.occurrence, number, never))\n",
        "            del never\n",
        (_CANCELS,),
    ),
    Mutant(
        "a step that is wanted no longer runs on",
        _TURN,
        "                    self.attempts.pop(path).drop()\n",
        "                    self.attempts.pop(path)\n",
        ("tests/runtime/test_reconcile.py",),
    ),
    Mutant(
        "a step that is wanted again is not begun again while its former visit runs",
        "runtime/attempt.py",
        "return (self.number, self.wish.occurrence) == (number, wish.occurrence)",
        "return self.number == number",
        ("tests/runtime/test_reconcile.py",),
    ),
    Mutant(
        "a turn that was fenced goes on with its work",
        _TURN,
        "        self.is_over = True\n        self._drop_all()\n\n    async def _follows",
        "        self.is_over = True\n\n    async def _follows",
        (_WAKEUPS,),
    ),
    Mutant(
        "two outcomes with documents that clash are written, or fail, together",
        _TURN,
        "        if len(writers) > 1:\n",
        "        if len(writers) > 2:\n",
        ("tests/runtime/test_documents.py",),
    ),
    Mutant(
        "a list is taken over though a step would be done again or left out",
        "runtime/following.py",
        "    if not found:\n        return m.Adopt",
        "    if not any(each.stops for each in found):\n        return m.Adopt",
        ("tests/runtime/test_changes.py",),
    ),
    # -- attempts ----------------------------------------------------------------------------------
    Mutant(
        "a retry has another idempotency key than the attempt before",
        "activity.py",
        'return f"{process}/{self.run}/{self.path}/{self.occurrence}"',
        'return f"{process}/{self.run}/{self.path}/{self.attempt}"',
        ("tests/runtime/test_retry.py",),
    ),
    Mutant(
        "a step that is done again in a loop has the idempotency key of the time before",
        "activity.py",
        'return f"{process}/{self.run}/{self.path}/{self.occurrence}"',
        'return f"{process}/{self.run}/{self.path}/1"',
        ("tests/runtime/test_commands.py",),
    ),
    Mutant(
        "an attempt that was given up ends once more when its thread comes back",
        "runtime/attempt.py",
        "        if self._is_over:\n            return\n"
        "        self._is_over = True\n        if self.wish.activity",
        "        self._is_over = True\n        if self.wish.activity",
        ("tests/runtime/test_listeners.py", "tests/runtime/test_timeouts.py"),
    ),
    Mutant(
        "an attempt that was dropped brings its outcome all the same",
        "runtime/attempt.py",
        "            self._tell(self._ears, None)\n        self._is_over = True\n",
        "            self._tell(self._ears, None)\n",
        ("tests/runtime/test_steps.py", "tests/runtime/test_reconcile.py"),
    ),
    Mutant(
        "the time of a sync step begins before its thread does",
        "runtime/attempt.py",
        "        began = self._arm if is_timed else None\n",
        "        began = self._arm() if is_timed else None\n",
        ("tests/runtime/test_timeouts.py",),
    ),
    Mutant(
        "an OS process that stood still beyond its lease begins what others have done meanwhile",
        "runtime/attempt.py",
        "return worker.lease.is_fresh and not is_late",
        "return not is_late",
        ("tests/runtime/test_standstill.py",),
    ),
    # -- leases ------------------------------------------------------------------------------------
    Mutant(
        "a worker trusts its lease after others may have buried it",
        _LEASE,
        "self.fresh_until = at + self.seconds * 2 / 3",
        "self.fresh_until = at + self.seconds * 4 / 3",
        (_LEASES,),
    ),
    Mutant(
        "a lease counts from the store's answer and not from the question",
        _LEASE,
        "                if is_known and not self.is_lost:\n"
        "                    self._renewed(before)",
        "                if is_known and not self.is_lost:\n"
        "                    self._renewed(self._loop.time())",
        ("tests/runtime/test_lease_time.py",),
    ),
    Mutant(
        "a peer is judged by how long the look at it took",
        _LEASE,
        "if peer.is_dead or before - since >= self.seconds:",
        "if peer.is_dead or after - since >= self.seconds:",
        ("tests/runtime/test_lease_time.py",),
    ),
    Mutant(
        "a peer is buried though it has beaten since it was looked at",
        _LEASE,
        "await self._backend.bury(peer.id, peer.beat)",
        "await self._backend.bury(peer.id)",
        ("tests/runtime/test_lease_time.py",),
    ),
    Mutant(
        "a peer is buried a lease after it was first seen, however it beats",
        _LEASE,
        "            if beat != peer.beat:\n",
        "            if beat < 0:\n",
        (_LEASES,),
    ),
    Mutant(
        "what a worker ran goes on when its lease is lost",
        _WORKER,
        "            self.ears.lease_lost(self.name)\n"
        "        for turn in list(self.turns.values()):\n            turn.lose()\n",
        "            self.ears.lease_lost(self.name)\n",
        (_LEASES,),
    ),
    Mutant(
        "an aborted process runs on where it was held",
        _WORKER,
        "            if turn is not None and not turn.is_closing:\n                turn.lose()\n",
        "            pass\n",
        (_CANCELS, _WAKEUPS),
    ),
    Mutant(
        "a process that is about to be born is taken for one whose start was not answered",
        _WORKER,
        "            for process_id in sorted(held - turns.keys() - begun - self._births.keys()):\n"
        "                task = await self.backend.resume(process_id, self.id)\n"
        "                if task is not None and process_id not in self._births:\n",
        "            for process_id in sorted(held - turns.keys() - begun):\n"
        "                task = await self.backend.resume(process_id, self.id)\n"
        "                if task is not None:\n",
        (_WAKEUPS,),
    ),
    Mutant(
        "a pause is undone by the older answer of a claim",
        _WORKER,
        "if pauses == self._pauses:  # else the answer is older than what is known",
        "if pauses <= self._pauses:  # else the answer is older than what is known",
        (_WAKEUPS,),
    ),
    Mutant(
        "steps start while the store is paused",
        _WORKER,
        "is_halted = self._is_draining or self._is_paused or self.patience.is_strained",
        "is_halted = self._is_draining or self.patience.is_strained",
        ("tests/runtime/test_pause.py",),
    ),
    Mutant(
        "a process whose claim was not answered is never looked for",
        _WORKER,
        "                self.adopt(task)\n        except BaseException:\n"
        "            self._must_take_back = True\n            raise\n        finally:",
        "                self.adopt(task)\n        finally:",
        (_LEASES, _WAKEUPS),
    ),
    Mutant(
        "a worker takes up what its former self was given before it was struck off",
        _WORKER,
        "        if task.owner != self.id:\n            return  # struck",
        "        if task.owner == 0:\n            return  # struck",
        (_WAKEUPS,),
    ),
    # -- answers that are lost ---------------------------------------------------------------------
    Mutant(
        "a commit whose answer was lost is taken for one that others refused",
        "runtime/appending.py",
        "        if written is Refusal.FENCED:\n"
        "            return await self._found(task, commit, hold, consumed)\n",
        "",
        (_WAKEUPS, "tests/runtime/test_documents.py"),
    ),
    Mutant(
        "what another worker has written passes for the commit whose answer was lost",
        "runtime/appending.py",
        "(row.epoch, row.run, row.position) == (task.epoch, run, position)",
        "(row.run, row.position) == (run, position)",
        ("tests/runtime/test_lost_answers.py",),
    ),
    Mutant(
        "an outcome is thrown away when the store is away for a moment",
        "runtime/errand.py",
        "            await self._surely(write, error)\n        if not is_wanted",
        "            del write, error\n        if not is_wanted",
        (_LOSSES,),
    ),
    Mutant(
        "the end of a process is looked for before somebody waits to be told of it",
        "runtime/waiting.py",
        "        self._waiters.setdefault(process_id, []).append(waiter)\n"
        "        self.are_there.set()\n        try:\n            process = await look()\n",
        "        self.are_there.set()\n        try:\n            process = await look()\n"
        "            self._waiters.setdefault(process_id, []).append(waiter)\n",
        ("tests/runtime/test_waiting.py",),
    ),
    Mutant(
        "a process whose adoption was not answered goes on by the definition that it has left",
        "runtime/appending.py",
        "            sha=row.sha,\n            program=found.program,\n",
        "",
        (_LATE,),
    ),
    Mutant(
        "the repeat of a start that is answered before the first uncovers it",
        _WORKER,
        "self._births[wish.process_id] += 1",
        "self._births[wish.process_id] = 1",
        (_LATE,),
    ),
    Mutant(
        "what is taken back by an old answer does again what has begun meanwhile",
        _WORKER,
        "held - turns.keys() - begun - self._births.keys()",
        "held - turns.keys() - self._births.keys()",
        (_LATE,),
    ),
    Mutant(
        "a timer is taken before the messages that came before it, if they are read later",
        _TURN,
        "self._read_at = task.read_at",
        "self._read_at = worker.clock.now()",
        (_LATE,),
    ),
    Mutant(
        "an outcome is thrown away as soon as the lease is late, and its task kept",
        "runtime/errand.py",
        "            if not self._is_mine:\n                return\n",
        "            return\n",
        (_LATE,),
    ),
    Mutant(
        "what ran at most once begins again when its process is let go on",
        "core/advancing.py",
        'if goes_on and has_begun and message.verb != "cancel":',
        "if False:",
        ("tests/runtime/test_at_most_once.py",),
    ),
    Mutant(
        "a result is taken after its limit, if it is quicker than the alarm",
        "runtime/attempt.py",
        "end = self._in_time(end)",
        "pass",
        ("tests/runtime/test_activity_limits.py",),
    ),
    # -- queues ------------------------------------------------------------------------------------
    Mutant(
        "a worker that is closed hands over what may run only once, to be run again",
        "runtime/crew.py",
        "[n for n, errand in running.items() if not errand.task.attempt.at_most_once]",
        "list(running)",
        (_LOSSES,),
    ),
    Mutant(
        "a step of a queue is not stopped when somebody has canceled its process",
        "runtime/crew.py",
        "                elif held[number]:\n                    errand.cancel()\n",
        "",
        ("tests/runtime/test_queue_ends.py",),
    ),
    Mutant(
        "a task that was taken by an answer that was lost stays taken",
        "runtime/crew.py",
        "            await self._give_back([number for number in held if number not in known])\n",
        "",
        (_LOSSES,),
    ),
    Mutant(
        "a task that is to stop, and may have run once, is said to have been canceled",
        "runtime/errand.py",
        "if task.stops and not (task.attempt.at_most_once and lost):",
        "if task.stops:",
        (_LOSSES,),
    ),
    Mutant(
        "a newer heartbeat is overwritten by an older one that has to be written again",
        "runtime/heartbeats.py",
        "self._word = word if self._word is None else self._word",
        "self._word = word",
        ("tests/runtime/test_heartbeats.py",),
    ),
    Mutant(
        "the last heartbeat is lost when it comes while another is written",
        "runtime/heartbeats.py",
        "        if self._has_news:  # what was said meanwhile told nobody",
        "        if False:  # what was said meanwhile told nobody",
        ("tests/runtime/test_heartbeats.py",),
    ),
    Mutant(
        "what an attempt said last is not told to the next one",
        "runtime/errand.py",
        "        is_lost=is_lost,\n        details=task.details,\n",
        "        is_lost=is_lost,\n",
        ("tests/runtime/test_queue_limits.py",),
    ),
    # -- deciders and operators --------------------------------------------------------------------
    Mutant(
        "a person is asked one failure of a decider too early",
        "runtime/batch.py",
        "if commit.failure is None or task.failures >= len(BACK_OFFS):",
        "if commit.failure is None or task.failures >= len(BACK_OFFS) - 1:",
        ("tests/runtime/test_decider_failures.py",),
    ),
    Mutant(
        "a loss is forgotten while a decider fails",
        "runtime/batch.py",
        "lost_owner = owners[0] if owners else None",
        "lost_owner = None",
        ("tests/runtime/test_decider_failures.py",),
    ),
    Mutant(
        "a command for a selection is given to what has moved on since",
        "runtime/operate.py",
        "if selected is None or selected == now:",
        "if selected is None or selected <= now:",
        ("tests/runtime/test_bulk.py",),
    ),
    Mutant(
        "a process is migrated under the worker that drives it",
        "runtime/migrating.py",
        "elif why is None and row.owner is not None:",
        "elif why is None and row.owner == 0:",
        ("tests/runtime/test_changes.py",),
    ),
    Mutant(
        "a decision is taken though its time is up",
        "runtime/sittings.py",
        "if not is_open or sitting.until <= self.clock.now():",
        "if not is_open or sitting.until < sitting.process.at:",
        ("tests/runtime/test_manual_leases.py",),
    ),
    # -- clocks that differ ------------------------------------------------------------------------
    Mutant(
        "a worker goes by its own machine's calendar, whatever the store's says",
        "clock.py",
        "if least <= most and not least <= self._ahead <= most:",
        "if False:",
        ("tests/runtime/test_clocks_that_differ.py",),
    ),
    Mutant(
        "a calendar is brought into line by an answer that was on its way when it went back",
        "clock.py",
        "if least <= most and not least <= self._ahead <= most:",
        "if not least <= self._ahead <= most:",
        ("tests/runtime/test_clocks_that_differ.py",),
    ),
    # -- at most once ------------------------------------------------------------------------------
    Mutant(
        "a decider's activity is begun again, at most once, after an error of ours",
        _WORKER,
        "has_begun = batch and any(",
        "has_begun = not batch and any(",
        ("tests/runtime/test_at_most_once.py",),
    ),
    Mutant(
        "what may run at most once is tried again when its time was up",
        "core/attempts.py",
        "if result.kind in _FINAL or wish.at_most_once:",
        "if result.kind in _FINAL:",
        ("tests/runtime/test_at_most_once.py",),
    ),
    Mutant(
        "a decider that is asked to stop needs nobody for what is in doubt",
        "core/process.py",
        "suspended=p.suspended if p.is_decided else (),",
        "suspended=(),",
        ("tests/runtime/test_at_most_once.py",),
    ),
    Mutant(
        "the thread of a stuck step is not replaced when many are",
        "runtime/executor.py",
        "is_replaced, lost = not self._is_closed, self._lost",
        "is_replaced, lost = self._lost < 5, self._lost",
        ("tests/runtime/test_executor.py",),
    ),
)
