"""Permit applications against their deadlines: a step list over the log of a town hall.

Each row of the log says that somebody did something for an application. Every application becomes
a process: its rows are read and judged, its pace is measured, its deadline is checked, and one
that is late is escalated. The result holds a `summary`. Run it over the whole log:

    corago run examples/permits.py:permit --each receipt.csv \
        --group-by case:concept:name --url sqlite:///permits.db

Kill it whenever you like and give the same command again: what was done stays done, and every
application goes on at its next step. With CORAGO_PERMITS_LOG=FILE each step notes in that file when
it begins and when it ends; that is how the tests prove it.
"""

import functools
import os
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

from corago import State, begin, conditional, current, done, init, parallel, step, workflow

Verdict = StrEnum("Verdict", ["IN_TIME", "OPEN", "LATE"])
EUROS_A_DAY = (Decimal(20), Decimal(30), Decimal(40))  # of delay, for two weeks each
OrEmpty = BeforeValidator(lambda text: text or None)


class Event(BaseModel):
    """What a row says of itself. AwareDatetime refuses an instant without a time zone."""

    activity: str = Field(alias="concept:name", min_length=1)
    resource: str = Field(alias="org:resource", min_length=1)
    at: AwareDatetime = Field(alias="time:timestamp")


class Application(BaseModel):
    """What every row says of its application; while that is open, `ended` is empty."""

    responsible: str = Field(alias="case:responsible", min_length=1)
    deadline: AwareDatetime = Field(alias="case:deadline")
    ended: Annotated[AwareDatetime | None, OrEmpty] = Field(alias="case:enddate")


class Summary(BaseModel):
    """What is left of an application; `overdue` is negative before the deadline."""

    case: str
    verdict: Verdict
    events: int
    handovers: int
    span: timedelta
    longest_wait: timedelta
    overdue: timedelta
    penalty: Decimal = Decimal(0)
    reference: str | None = None


def noted(function):
    """Note when a step begins and ends, in the file that CORAGO_PERMITS_LOG names."""

    def note(what):
        if path := os.environ.get("CORAGO_PERMITS_LOG"):
            here = current()
            fields = here.process_id, here.path, str(here.attempt), str(os.getpid()), what
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(file, ("\t".join(fields) + "\n").encode())  # one write: lines never mix
            os.close(file)

    @functools.wraps(function)
    def noting(**arguments):
        note("begin")
        result = function(**arguments)
        note("end")
        return result

    return noting


@step("Read rows")
@noted
def read_rows(key: str, rows: Annotated[list[dict], Field(min_length=1)]) -> State:
    events, about = [], {}
    for number, row in enumerate(rows, 1):
        try:
            event, about = Event.model_validate(row), Application.model_validate(row).model_dump()
        except ValidationError as error:
            faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
            raise ValueError(f"row {number} of {key}: {faults}") from error
        if events and event.at < events[-1].at:
            raise ValueError(f"row {number} of {key} is earlier than the row before it")
        events.append(event)
    return {"events": events, **about}


@step("Measure pace")
@noted
def measure_pace(events: list[Event]) -> State:
    waits = [after.at - before.at for before, after in pairwise(events)] or [timedelta()]
    return {"longest_wait": max(waits), "span": sum(waits, timedelta())}


@step("Count handovers")
@noted
def count_handovers(events: list[Event]) -> State:
    return {"handovers": sum(a.resource != b.resource for a, b in pairwise(events))}


@step("Check deadline")
@noted
def check_deadline(events: list[Event], deadline: datetime, ended: datetime | None) -> State:
    overdue = (ended or events[-1].at) - deadline
    in_time = Verdict.IN_TIME if ended else Verdict.OPEN
    return {"overdue": overdue, "verdict": Verdict.LATE if overdue > timedelta() else in_time}


def is_late(verdict: Verdict) -> bool:
    return verdict is Verdict.LATE


@step("Estimate penalty")
@noted
def estimate_penalty(overdue: timedelta) -> State:
    days = -(-overdue // timedelta(days=1))  # every day begun counts, for six weeks at most
    return {"penalty": sum(EUROS_A_DAY[day // 14] for day in range(min(days, 42)))}


@step("Escalate")
@noted
def escalate(responsible: str, penalty: Decimal) -> State:
    reference = current().idempotency_key  # the same, should a crash make this step run again
    return {"reference": reference, "letter": f"{responsible}: late, up to {penalty} euros"}


@step("Summarise")
@noted
def summarise(key: str, state: State) -> State:
    facts = {**state, "case": key, "events": len(state["events"])}
    return {"summary": Summary.model_validate(facts)}


@workflow("Check a permit application against its deadline")
def permit():
    measure = parallel("Measure", measure_pace, count_handovers)
    escalation = conditional(is_late)(begin >> estimate_penalty >> escalate)
    return init >> read_rows >> measure >> check_deadline >> escalation >> summarise >> done
