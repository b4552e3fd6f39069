"""Step lists to draw: some with everything in them, and any."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from corago.core.retry import Retry
from corago.steps import (
    Element,
    State,
    StepList,
    Workflow,
    abort,
    begin,
    child,
    conditional,
    done,
    focussteps,
    foreach,
    init,
    parallel,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
    workflow,
)


@step("Reserve")
def reserve() -> State:
    return {"reserved": True}


@step("Check", retry=Retry(attempts=2, delay=10, jitter=0), timeout=90)
def check() -> State:
    return {"checked": True}


@step("Charge", at_most_once=True)
def charge() -> State:
    return {"charged": True}


def is_large(*, large: bool = False) -> bool:
    return large


def is_late(*, late: bool = False) -> bool:
    return late


def made(steps: Element | StepList) -> Workflow:
    @workflow("For a test", version=2)
    def tried() -> StepList:
        return init >> steps >> done

    return tried


EVERYTHING = made(
    reserve
    >> conditional(is_large)(parallel("Ends", check >> reserve, parallel("Both", charge, check)))
    >> reserve
    >> sleep(timedelta(days=1, minutes=90))
    >> wait_for("go", timeout=2.5, into="answer")
    >> conditional(is_large)(conditional(is_late)(abort))
)


@step("Label", queue="printers", undo=reserve)
def label() -> State:
    return {}


def view(state: State) -> State:
    return state


NESTED = made(
    step_group("Prepare", reserve >> conditional(is_large)(step_group("Check all", check)))
    >> foreach("Ports", "ports", label >> parallel("Ends", charge >> check, reserve), into="made")
    >> focussteps("billing")(charge)
    >> conditional(is_late)(steplens(view, view)(parallel("Both", step_group("In", label))))
    >> child("create_dns", into="dns")
    >> child("other").named("Another")
)


LEAVES = st.sampled_from([begin >> reserve, begin >> charge, begin >> sleep(1)]) | st.uuids().map(
    lambda name: begin >> wait_for(str(name))
)


def joined(parts: list[StepList]) -> StepList:
    whole = begin
    for part in parts:
        whole = whole >> part
    return whole


def beside(parts: list[StepList]) -> StepList:
    return begin >> parallel("Both", *parts)


def under_condition(part: StepList) -> StepList:
    return conditional(is_large)(part)


def grown(inner: st.SearchStrategy[StepList]) -> st.SearchStrategy[StepList]:
    several = st.lists(inner, min_size=1, max_size=3)
    return (
        several.map(joined)
        | several.map(beside)
        | inner.map(under_condition)
        | inner.map(lambda part: begin >> step_group("Within", part))
        | inner.map(lambda part: begin >> foreach("Each", "items", part))
        | inner.map(lambda part: begin >> focussteps("part")(part))
        | inner.map(lambda part: begin >> steplens(view, view)(part))
    )


LISTS = st.recursive(LEAVES, grown, max_leaves=8)
