"""Why a process stands where it stands: a table of rules, the first that holds answers. Pure.

A new case is a new `Rule` in `RULES`, at the place where it must win over those below it: when it
holds, and what it tells.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from datetime import datetime

from corago.clock import from_us
from corago.core import attempts, commands
from corago.core import decisions as d
from corago.core.program import NOTHING, Agenda
from corago.ports.backend import Description
from corago.runtime.cases import SHOWN, Case, Rule, Surroundings, Told, brief, some
from corago.runtime.views import Explanation, Way
from corago.runtime.waits import Wait, stamp, times, waits_of
from corago.runtime.worker import LANE_LOSSES

WHOLE = "the process"

DECISION = "decision"
"""The path of the incident that a decider leaves which gave up by itself."""

_MENDS = "the same code and State would meet it again, so mend one of them first"

HINTS = {
    **dict.fromkeys(attempts.HOPELESS, _MENDS),
    "DecideLimit": "it would go round again, so mend the workflow first",
    "MissingFunctionError": "run a worker whose file has it first",
}
"""What to do before another attempt, by the type of the failure."""


def explain(description: Description, agenda: Agenda | None, around: Surroundings) -> Explanation:
    """Say why a process stands where it stands."""
    waits = waits_of(description, agenda or NOTHING, around.now, around.tasks)
    case = Case(description, agenda, around, waits)
    rule = next(rule for rule in RULES if rule.holds(case))
    told = rule.tells(case)
    row = case.row
    stands = f" in state {case.state!r}" if case.state else ""
    sentence = f"process {row.process_id!r} ({row.workflow}){stands} {told.text}"
    return Explanation(
        reason=rule.reason,
        since=from_us(row.updated_us),
        sentence="; ".join([sentence, *(_notes(case, rule.reason) if not case.is_closed else ())]),
        waits=waits,
        holder=row.owner_name,
        missing=told.missing,
        ways=tuple(told.ways),
    )


def damaged(process_id: str, error: Exception, now: datetime) -> Explanation:
    """What can be said of a process whose rows can't be understood."""
    said = brief(str(error))
    text = f"process {process_id!r} is left alone, because its rows can't be understood: {said}"
    ways = (
        Way("corago db check", "looks for more damage"),
        Way(shlex.join(["corago", "abort", process_id]), "takes it from the workers for good"),
    )
    return Explanation("damaged", now, text, ways=ways)


def _notes(case: Case, reason: str) -> Iterable[str]:
    """What else is true of an open process."""
    if reason == "waiting" and (refused := case.foretold.refused):
        ways = some(f"{at} ({brief(why)})" for at, why in refused)
        yield f"what does not lead on yet: {ways}"
    if reason == "waiting" and case.of("queue"):
        if not case.around.workers:
            yield "no worker is running"
        for name in case.around.codeless:
            yield (
                f"the worker {case.around.own} serves the queue of {name!r}, but has no code for "
                "it: hand it to Engine(activities=[...])"
            )
    if reason == "suspended" and (waiting := case.foretold.waiting):
        events = "an event waits" if len(waiting) == 1 else f"{len(waiting):,} events wait"
        yield f"{events} until a person has acted: {some(map(repr, waiting), ', ')}"
    if reason == "suspended" and (since := case.process.undecided):
        yield f"what has come from event {since} on still waits for its answer"
    if case.process.cancel_requested and not case.is_held:
        yield "it was asked to stop"
    if case.orders and not case.is_held:
        said = [f"{each.verb}{f' by {each.actor}' * bool(each.actor)}" for each in case.orders]
        yield f"not taken up yet: {some(said)}"
    if case.process.deadline is not None:
        yield f"it may run until {stamp(case.process.deadline)}"
    if case.around.is_paused and reason != "paused":
        yield "the store is paused, so nothing further starts until `corago unpause`"


# -- ended -----------------------------------------------------------------------------------------


def _ended(status: str) -> Callable[[Case], bool]:
    return lambda case: case.is_closed and case.process.status == status


def _asked(said: str) -> Callable[[Case], Told]:
    def tells(case: Case) -> Told:
        way = Way(case.command("history"), "tells who asked for it, and why")
        return Told(f"{said} at {case.since}", [way])

    return tells


def _completed(case: Case) -> Told:
    return Told(f"completed at {case.since}", [Way(case.command("show"), "shows its result")])


def _timed_out(case: Case) -> Told:
    text = f"ran longer than its timeout and was ended at {case.since}"
    return Told(f"{text}: start it anew under another id, or with more time")


def _failed(case: Case) -> Told:
    text = f"failed at {case.since}: {_incidents(case)}"
    refused = commands.unfit(case.process, "retry", case.around.now)
    if refused is not None:
        return Told(f"{text}; {refused}")
    return Told(text, _ways_past(case))


# -- a person is needed ----------------------------------------------------------------------------


def _needs_person(case: Case) -> bool:
    """Whether there is something to act on; without the code, the recorded status has to do."""
    is_known = bool(case.incidents) or case.agenda is None
    return case.process.standing == "suspended" and is_known and not case.orders


def _suspended(case: Case) -> Told:
    text = f"has been suspended since {case.since}: {_incidents(case)}"
    return Told(text, _ways_past(case))


def _incidents(case: Case) -> str:
    """What went wrong, and what to do before another attempt."""
    found = case.incidents
    if not found and case.process.error is not None:
        found = (d.Incident(case.process.error_path, 0, case.process.error),)
    said = [f"{_culprit(case, each.path)} met {brief(str(each.error))}" for each in found]
    hints = dict.fromkeys(HINTS[each.error.type] for each in found if each.error.type in HINTS)
    return "; ".join([some(said), *hints])


def _culprit(case: Case, path: str) -> str:
    """Who met what went wrong."""
    if not case.is_decider:
        return f"step {path!r}" if path else WHOLE
    if path == commands.POISON:
        return "its decider" if case.process.undecided else WHOLE
    return "its decider gave up, and" if path == DECISION else f"activity {path!r}"


def _ways_past(case: Case) -> Iterable[Way]:
    """The commands for what went wrong."""
    found = [each.path for each in case.incidents]
    if not found:
        return
    if commands.POISON in found:
        yield Way(case.command("retry"), "lets it go on")
        return
    is_one = len(found) == 1
    step = () if is_one else ("--step", found[0])
    yield Way(case.command("retry"), "tries it again" if is_one else "tries all of them again")
    yield Way(case.command("skip", *step), "goes on without it")
    if case.incidents[0].takes_result:
        yield Way(case.command("set-result", "JSON", *step), "puts a result in its place")


# -- open ------------------------------------------------------------------------------------------

_WAITS = ("incident", "retry", "signal", "sleep", "timer", "child", "queue", "work", "token")
"""The kinds of waits that let a process stand open in nobody's hands."""


def _stands_paused(case: Case) -> bool:
    is_still = case.is_due or not case.of(*_WAITS)
    return case.around.is_paused and not case.is_held and is_still


def _paused(case: Case) -> Told:
    text = f"stands still since {case.since}, because the store is paused"
    return Told(text, [Way("corago unpause", "lets it go on")])


def _is_left(case: Case) -> bool:
    return case.is_held and case.row.owner_name not in case.around.workers


def _left(case: Case) -> Told:
    text = (
        f"was held by worker {case.row.owner_name}, which is gone, since {case.since}: any worker "
        f"that has the code of {case.code} takes it over"
    )
    return Told(text, () if case.around.workers else [_START], missing="worker")


def _is_stopping(case: Case) -> bool:
    """Whether it has been asked to stop and waits for what still runs."""
    is_quiet = not case.is_due and case.process.standing == "suspended"
    return case.process.cancel_requested and (case.is_held or is_quiet)


def _stopping(case: Case) -> Told:
    who = f"worker {case.row.owner_name}" if case.is_held else "it"
    text = f"was asked to stop; {who} waits for {_steps(case)} to end"
    return Told(text, [Way(case.command("abort"), "ends it at once")])


def _running(case: Case) -> Told:
    at = f", at {_steps(case)}," * bool(case.of("step"))
    return Told(f"has been held by worker {case.row.owner_name}{at} since {case.since}")


def _steps(case: Case) -> str:
    waits = case.of("step", "queue", "work", "token")
    return some((repr(wait.path) for wait in waits), ", ") or "its steps"


def _is_waiting(case: Case) -> bool:
    is_quiet = not (case.is_held or case.is_due) and case.agenda is not None
    return is_quiet and bool(case.of(*_WAITS))


def _waiting(case: Case) -> Told:
    waits = case.of(*_WAITS)
    text = f"has been waiting since {case.since}: {some(brief(str(wait)) for wait in waits)}"
    ways = (_way_on(case, wait) for wait in waits[:SHOWN])
    return Told(text, dict.fromkeys(way for way in ways if way is not None))


def _puzzled(case: Case) -> Told:
    text = (
        f"could not be decided about {times(case.row.failures)} since {case.since}: its `decide` "
        "raised, or made no sense, as the log of the workers tells; it is asked again at "
        f"{case.due}"
    )
    return Told(text, [Way(case.command("preview", "--code", "FILE"), "says what it meets")])


def _listens(case: Case) -> Told:
    text = f"has been waiting since {case.since}: nothing of it is open, so it waits for a signal"
    ends = Way(case.command("cancel"), "asks it to stop")
    if case.process.cancel_requested:
        ends = Way(case.command("abort"), "ends it by force")
    return Told(text, [Way(case.command("signal", "NAME"), "sends one"), ends])


def _at_rest(case: Case) -> Told:
    ways = [
        Way(case.command("migrate", "--dry-run"), "says what a newer definition would mean"),
        Way(
            case.command("update", '{"FIELD": VALUE}'),
            "wakes it, if a guard reads the external store",
        ),
        Way(case.command("abort"), "ends it"),
    ]
    text = f"has stood still since {case.since}: nothing leads on from there"
    return Told(f"{text}, unless a definition with a way out takes it over", ways)


def _way_on(case: Case, wait: Wait) -> Way | None:
    """What ends a wait before its time."""
    match wait.kind:
        case "signal":
            return Way(case.command("signal", wait.detail), "sends it")
        case "retry":
            return Way(case.command("retry", "--step", wait.path), "tries it at once")
        case "incident":
            return Way(case.command("retry", "--step", wait.path), "tries it again")
        case "child":
            return Way(shlex.join(["corago", "explain", wait.detail]), "says what that waits for")
        case "token":
            return Way(shlex.join(["corago", "complete", wait.detail, "JSON"]), "completes it")
        case "queue":
            serving = ["corago", "worker", "FILE", "--queue", wait.detail]
            return Way(shlex.join(serving), "starts one")
        case _:
            return None


# -- due, and not yet taken ------------------------------------------------------------------------

_START = Way("corago worker FILE", "starts one")


def _queued(case: Case) -> Told:
    losses = case.process.losses
    alone = (
        f"; its workers vanished {losses} times in a row, so it runs alone"
        if losses >= LANE_LOSSES
        else ""
    )
    return Told(f"has been due since {case.due} and waits for a free slot of a worker{alone}")


def _unmanned(case: Case) -> Told:
    return Told(
        f"has been due since {case.due}, but no worker is running", [_START], missing="worker"
    )


def _differs(case: Case) -> bool:
    """Whether only the newer definition keeps it from going on."""
    return bool(case.around.differences) and not case.around.has_code and bool(case.around.workers)


def _changed(case: Case) -> Told:
    differences = case.around.differences
    text = (
        f"has been due since {case.due}, and can't simply go on by the newer definition of "
        f"{case.row.workflow} ({case.around.newer}): {some(each.text for each in differences)}"
    )
    # a new name for what is gone is all that a person can add where something stops it
    words = ["--map", "OLD=NEW"] if any(each.stops for each in differences) else []
    ways = [
        Way(case.command("migrate", "--dry-run", *words), "says what following it would mean"),
        Way(
            "corago worker FILE", f"lets it go on as it began, if FILE has the code of {case.code}"
        ),
    ]
    return Told(text, ways, missing=case.code)


def _without_functions(case: Case) -> Told:
    names = ", ".join(map(repr, case.around.lacks))
    text = (
        f"has been due since {case.due}, but the only worker that is running "
        f"({case.around.own}) lacks what the definition of {case.code} names: {names}; hand it a "
        f"{case.row.workflow}, of whatever version, with functions of these names"
    )
    return Told(text, [Way("corago worker FILE", "runs a file that has them")], missing=names)


def _without_code(case: Case) -> Told:
    if case.around.lacks:
        return _without_functions(case)
    text = (
        f"has been due since {case.due}, but the only worker that is running "
        f"({case.around.own}) has not the code of {case.code}: hand it the workflow as it was when "
        "the process started"
    )
    return Told(text, [Way("corago worker FILE", "runs a file that has it")], missing=case.code)


def _not_taken(case: Case) -> Told:
    workers = case.around.workers
    text = (
        f"has been due since {case.due}, but not yet taken by any of the {len(workers)} workers "
        f"that are running ({some(workers, ', ')}): one of them must have the code of "
        f"{case.code}, and a slot free"
    )
    way = Way("corago worker FILE", "runs a file that has the code, as it was at the start")
    return Told(text, [way], missing=case.code)


RULES: tuple[Rule, ...] = (
    Rule("completed", _ended("completed"), _completed),
    Rule("failed", _ended("failed"), _failed),
    Rule("canceled", _ended("canceled"), _asked("was canceled")),
    Rule("aborted", _ended("aborted"), _asked("was aborted")),
    Rule("timed_out", _ended("timed_out"), _timed_out),
    Rule("suspended", _needs_person, _suspended),
    Rule("paused", _stands_paused, _paused),
    Rule("queued", _is_left, _left),
    Rule("running", _is_stopping, _stopping),
    Rule("running", lambda c: c.is_held, _running),
    Rule("waiting", lambda c: c.is_puzzled and not (c.is_held or c.is_due), _puzzled),
    Rule("waiting", _is_waiting, _waiting),
    Rule("waiting", lambda c: c.is_at_rest and c.is_decider, _listens),
    Rule("waiting", lambda c: c.is_at_rest, _at_rest),
    Rule("queued", lambda c: c.around.has_code, _queued),
    Rule("definition_changed", _differs, _changed),
    Rule("queued", lambda c: not c.around.workers, _unmanned),
    Rule("missing_code", lambda c: list(c.around.workers) == [c.around.own], _without_code),
    Rule("queued", lambda _: True, _not_taken),
)
"""Read from the top: what has ended, needs a person, is held back, is held, waits, is due."""
