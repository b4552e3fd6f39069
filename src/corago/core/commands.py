"""What an operator's command comes to: events, or a refusal with its reason.

A pure table over command and status.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Activity, Process
from corago.core.program import Agenda

Answer = list[tuple[type[e.Event], dict[str, Any]]]

POISON = ""
"""The path of an incident that concerns the whole process."""

REOPENING = ("retry", "skip", "set_result")
"""The commands that open a failed process again."""

VERBS = (*REOPENING, "cancel")
"""The commands that reach a process through its inbox; `abort` needs neither inbox nor program."""

TAKEN = (*VERBS, "abort")
"""The commands that are taken from there: a parent's `abort` goes out with the parent's end."""


def incidents(process: Process, agenda: Agenda) -> dict[str, d.Incident]:
    """What a person can act on, by path, the whole process's own incident included."""
    found = {incident.path: incident for incident in agenda.incidents}
    if process.poison is not None:
        found[POISON] = d.Incident(POISON, process.poison_position, process.poison, suspended=True)
    return found


def backing_off(process: Process, agenda: Agenda, now: datetime) -> dict[str, Activity]:
    """The activities that wait for their next attempt, by path."""
    found = {}
    for wish in agenda.activities:
        known = process.activity(wish.path, wish.occurrence)
        if known.due is not None and known.due > now:
            found[wish.path] = known
    return found


def target(
    process: Process, agenda: Agenda, verb: str, step: str | None, now: datetime
) -> dict[str, int] | str:
    """The targets of a command given now, or why it does not fit.

    Each with the position of the event that made it one: it names this occurrence and no other.
    """
    refused = unfit(process, verb, now)
    if refused is not None or verb not in REOPENING:
        return refused or {}
    found = {path: incident.position for path, incident in incidents(process, agenda).items()}
    if verb == "set_result":
        found.pop(POISON, None)
        closed = {each.path for each in agenda.incidents if not each.takes_result}
        if step in closed or (closed and closed >= found.keys()):
            return "what has failed has no result that could be set: retry or skip it"
        found = {path: position for path, position in found.items() if path not in closed}
    waits = {} if verb == "set_result" else backing_off(process, agenda, now)
    waiting = {path: known.position for path, known in waits.items()}
    if step is not None:
        for table in (found, waiting):
            if step in table:
                return {step: table[step]}
        stands = ", ".join(map(repr, [*found, *waiting])) or "nothing"
        return f"step {step!r} has not failed; what can be acted on: {stands}"
    chosen = found or waiting
    if not chosen:
        return _nothing(process)
    if verb != "retry" and len(chosen) > 1:
        return f"several steps have failed, so name one: {', '.join(map(repr, chosen))}"
    return chosen


def answer(process: Process, agenda: Agenda, command: m.Command, now: datetime) -> Answer:
    """The events that a command causes now."""
    if command.targets == m.ANY:
        stands = {path: each.position for path, each in incidents(process, agenda).items()}
        command = msgspec.structs.replace(command, targets=stands)
        refused = _stale(process, agenda, command, now) if stands else _nothing(process)
    else:
        refused = _stale(process, agenda, command, now)
    if refused is not None:
        return [(e.CommandRefused, {"command": command.verb, "why": refused})]
    if command.verb in _AT_ONCE:
        return [(_AT_ONCE[command.verb], {})]
    paths = tuple(command.targets)
    if command.verb == "retry":
        return [(e.ProcessReopened if process.is_closed else e.ProcessResumed, {"paths": paths})]
    opened: Answer = [(e.ProcessReopened, {})] if process.is_closed else []
    occurrences = {wish.path: wish.occurrence for wish in agenda.activities}
    occurrences |= {incident.path: incident.occurrence for incident in agenda.incidents}
    for path in paths:
        if path == POISON:
            opened.append((e.ProcessResumed, {"paths": (POISON,)}))
        elif command.verb == "skip":
            opened.append((e.StepSkipped, {"path": path, "occurrence": occurrences[path]}))
        else:
            fields = {
                "path": path,
                "occurrence": occurrences[path],
                "attempt": process.activity(path, occurrences[path]).attempt,
                "result": e.ActivityCompleted(command.value),
            }
            opened.append((e.ActivityClosed, fields))
    return opened


_AT_ONCE: dict[str, type[e.Event]] = {"cancel": e.CancelRequested, "abort": e.ProcessAborted}


def frees(answer: Answer) -> bool:
    """Whether a closed process is open again after this, or one that was set aside goes on."""
    kind, fields = answer[0]
    resumes = kind is e.ProcessResumed and POISON in fields["paths"]
    return resumes or kind in (e.ProcessReopened, e.CancelRequested, e.ProcessAborted)


def _stale(process: Process, agenda: Agenda, command: m.Command, now: datetime) -> str | None:
    refused = unfit(process, command.verb, now) if command.verb in TAKEN else _unknown(command.verb)
    if refused is not None or command.verb not in REOPENING:
        return refused
    if not command.targets:
        return "it names no step"
    found = {path: each.position for path, each in backing_off(process, agenda, now).items()}
    found |= {path: incident.position for path, incident in incidents(process, agenda).items()}
    for path, position in command.targets.items():
        if path not in found:
            return f"step {path!r} has moved on since the command was given"
        if found[path] != position:
            return f"step {path!r} was tried again since the command was given"
    return None


def _nothing(process: Process) -> str:
    if process.is_closed:
        return "what its steps had done was taken back, so there is nothing to go on from"
    return f"nothing in it has failed (it is {process.standing})"


def unfit(process: Process, verb: str, now: datetime) -> str | None:
    """Why no command of this kind fits the process as it stands."""
    if verb not in TAKEN:
        return _unknown(verb)
    if process.is_closed and (process.status != "failed" or verb == "cancel"):
        return f"it is {process.status} already"
    if verb == "cancel" and process.cancel_requested:
        return "it was asked to stop already"
    end = process.deadline
    if process.is_closed and verb in REOPENING and end is not None and end <= now:
        return (
            f"its time was up at {end:%Y-%m-%d %H:%M:%S} UTC, so it would time out at once; "
            "start it anew under another id"
        )
    return None


def _unknown(verb: str) -> str:
    return f"unknown command {verb!r}"
