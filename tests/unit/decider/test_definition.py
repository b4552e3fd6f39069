"""A decider as an engine takes it: its document, its code, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago.core import codec, history
from corago.core import events as e
from corago.core.program import Snapshot
from corago.decider import (
    Activity,
    Answer,
    CancelProcess,
    CompleteProcess,
    Process,
    RecordMarker,
    Rules,
    ScheduleActivity,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
    rules,
)
from corago.decider.program import DeciderProgram
from corago.errors import DefinitionError, InvalidDecisionError, InvalidInputError
from corago.runtime.settings import Workflow as Wanted
from corago.steps import done, init, workflow
from corago.steps.program import StepsProgram
from corago.wiring import KINDS
from tests.unit.decider.drive import BIRTH, Drive


class Foo(Activity):
    version = 2
    queue = "q"
    input: int

    def execute(self) -> None: ...


@activity
def double(n: int) -> int:
    return n * 2


@workflow("Another door")
def steps() -> Any:
    return init >> done


class Order(Workflow):
    """An order.

    From payment to shipment.
    """

    version = 3
    activities = [Foo, double]
    children = [steps]
    timeout = timedelta(days=1)

    def decide(self, process: Process) -> Answer:
        return None


# -- what it is ------------------------------------------------------------------------------------


def test_a_class_is_what_an_engine_takes() -> None:
    taken: Wanted = Order
    assert (taken.name, taken.version, str(taken.timeout)) == ("Order", 3, "86400.0")
    assert (Order.kind, Order.description) == ("decider", "An order.")
    assert taken.children == (steps,)
    assert isinstance(taken.program, DeciderProgram)


def test_its_document_names_what_it_declares_and_holds_no_code() -> None:
    assert Order.document == {
        "kind": "decider",
        "name": "Order",
        "version": 3,
        "description": "An order.",
        "activities": [
            {"name": "Foo", "version": 2, "queue": "q", "input": "int"},
            {"name": "double", "input": "int"},
        ],
        "timeout": 86400.0,
    }
    assert json.loads(Order.canonical) == Order.document
    assert Order.sha == hashlib.sha256(Order.canonical).hexdigest()


def test_its_functions_are_found_by_name() -> None:
    assert set(Order.functions) == {"decide", "Foo@2", "double"}
    assert Order.functions["double"]({"input": 4}) == 8
    with pytest.raises(TypeError):
        Order.functions["more"] = print  # type: ignore[index]


def test_the_wiring_knows_its_kind() -> None:
    program = KINDS["decider"](json.loads(Order.canonical))
    assert isinstance(program, DeciderProgram)
    assert program.activities == {"Foo@2", "double"}


def test_its_name_may_be_another_than_the_class_s() -> None:
    made = type("Made", (Order,), {"name": "order"})
    assert issubclass(made, Workflow)
    assert (made.name, made.document["name"]) == ("order", "order")


def test_a_subclass_has_a_name_of_its_own_and_the_rest_of_its_parent() -> None:
    class Special(Order):
        activities = [Foo]

    assert (Special.name, Special.version, str(Special.timeout)) == ("Special", 3, "86400.0")
    assert Special.description == ""
    assert len(Order.document["activities"]) == 2


def test_a_class_that_decides_nothing_is_for_others_to_extend() -> None:
    class Base(Workflow):
        activities = [Foo]
        timeout = 5

    class Leaf(Base):
        def initiate(self, process: Process) -> Answer:
            return None

    assert not hasattr(Base, "program")
    assert (Leaf.timeout, Leaf.document["activities"][0]["name"]) == (5.0, "Foo")


def test_it_is_made_anew_for_each_decision() -> None:
    class Forgetful(Workflow):
        count = 0

        def decide(self, process: Process) -> Answer:
            self.count += 1
            return RecordMarker("count", self.count)

    drive = Drive(Forgetful).signal("x")
    assert [each.details for each in drive.of(e.MarkerRecorded)] == [1, 1]


@pytest.mark.parametrize("form", ["text", "svg", "dot", "mermaid"])
def test_it_draws_itself(form: str) -> None:
    assert "Foo@2" in getattr(Order, form)()


@pytest.mark.parametrize(
    ("attributes", "handles"),
    [
        ({}, False),
        ({"handles_cancel": True}, True),
        ({"respond_to_cancel_request": lambda self, process, event: None}, True),
        ({"stop": rules.cancel_requested()(lambda self, process: None)}, True),
        ({"heard": rules.signal()(lambda self, process: None)}, False),
    ],
)
def test_whoever_answers_a_request_to_stop_handles_it(attributes: Any, handles: bool) -> None:  # noqa: FBT001 - a case
    named = {name: each for name, each in attributes.items() if callable(each)}
    for name, each in named.items():
        each.__name__ = name
    made = type("Made", (Order,), attributes)
    assert issubclass(made, Workflow)
    assert made.handles_cancel is handles
    assert made.document.get("handles_cancel", False) is handles
    assert (e.CancelRequested in made.program.hears) is handles


# -- what is refused -------------------------------------------------------------------------------


async def later(self: Any, process: Any) -> None: ...


async def many(self: Any, process: Any) -> Any:
    yield None


FOO_AGAIN: Any = type("Foo", (Foo,), {})


def made(**attributes: Any) -> Any:
    return type("Made", (Workflow,), {"decide": lambda self, process: None, **attributes})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: made(decide=later), "Made: decide is async, and a decider answers at once: write"),
        (lambda: made(decide=many), "Made: decide is async"),
        (lambda: made(decide=classmethod(later)), "Made: decide is async"),
        (lambda: made(respond_to_timer=later), "Made: respond_to_timer is async"),
        (lambda: made(decide=lambda self: None), "write decide(self, process)"),
        (
            lambda: made(decide=lambda self, a, b: None),
            "decider 'Made': decide can't be called wit",
        ),
        (lambda: made(__init__=lambda self, a: None), "__init__ can't be called without arguments"),
        (lambda: made(name=""), "decider Made needs a name that is not empty"),
        (lambda: made(version="1"), "decider 'Made': version must be 1, 2, …, not '1'"),
        (lambda: made(timeout=-1), "decider 'Made': timeout must be more than 0 seconds"),
        (lambda: made(handles_cancel=1), "decider 'Made': handles_cancel must be True or False"),
        (lambda: made(activities=Foo), "`activities` are several: write activities = ["),
        (lambda: made(activities={Foo}), "write activities = ["),
        (lambda: made(activities=[print]), "decider 'Made': <built-in function print> is no acti"),
        (
            lambda: made(activities=[Foo, FOO_AGAIN]),
            "two activities are called 'Foo@2': rename one",
        ),
        (lambda: made(children=steps), "`children` are several: write children = ["),
        (lambda: made(children=["steps"]), "`children` are workflows, and 'steps' is none; one"),
        (lambda: made(rules=[]), "Made: `rules` is a set of rules, made with Rules(), not []"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(
    make: Callable[[], Any], says: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    assert says in str(caught.value)


def test_the_rules_of_one_class_are_not_another_s() -> None:
    own = Rules()

    @own.initiated
    def begin(process: Process) -> Answer:
        return CompleteProcess()

    first = type("First", (Workflow,), {"rules": own})
    second = made()
    assert issubclass(first, Workflow)
    assert Drive(first).status == "completed"
    assert Drive(second).status == "running"
    assert len(list(own)) == 1


# -- previews --------------------------------------------------------------------------------------


class Pay(Workflow):
    activities = [double]

    def decide(self, process: Process) -> Answer:
        news = process.unseen_events()[-1]
        if isinstance(news, e.ActivityClosed):
            return CompleteProcess([each.value for each in process.completed_activities()])
        if isinstance(news, e.SignalReceived):
            return CancelProcess()
        return [ScheduleActivity(double, process.input["n"]), StartTimer(5)]


NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


def test_a_preview_tells_what_a_new_process_would_decide() -> None:
    told = Pay.preview({"n": 4}, at=NOON)
    assert [type(each).__name__ for each in told.decisions] == ["ActivityScheduled", "TimerStarted"]
    assert (told.status, told.effects, told.path) == ("running", ("double",), ("double", "timer"))
    assert told.timers == {"timer": NOON + timedelta(seconds=5)}
    assert told.state == {
        "activities": {"double": "double"},
        "timers": {"timer": "2031-05-06T12:00:05+00:00"},
        "children": {},
    }
    (answer,) = told.answers
    assert [each["type"] for each in answer.value] == ["ScheduleActivity", "StartTimer"]


def test_a_preview_may_ask_what_follows_from_news() -> None:
    assert Pay.preview({"n": 4}, signal="stop").status == "canceled"
    assert Pay.preview({"n": 4}, cancel=True).status == "canceled"
    assert Pay.preview({"n": 4}, abort=True).status == "aborted"
    told = Pay.preview({"n": 4}, outcome=("double", 8))
    assert told.decisions[-1] == e.ProcessCompleted(
        position=5, at=told.decisions[-1].at, result=[8]
    )


def test_a_preview_goes_on_from_any_history() -> None:
    drive = Drive(Pay, {"n": 4})
    told = Pay.preview(history=drive.events, outcome=("double", 9), at=BIRTH)
    drive.done("double", 9)
    assert told.decisions == tuple(drive.events[3:])
    again = Pay.preview(history=drive.events)
    assert (again.status, again.decisions) == ("completed", ())


def test_a_history_that_has_followed_other_definitions_will_do() -> None:
    drive = Drive(Pay, {"n": 4})
    changed = e.DefinitionChanged(position=4, at=BIRTH, sha="other")
    told = Pay.preview(history=[*drive.events, changed], outcome=("double", 9))
    assert (told.status, len(told.decisions)) == ("completed", 2)


def test_a_preview_shows_why_nothing_could_be_decided() -> None:
    told = Pay.preview({"m": 1})
    assert told.status == "suspended"
    assert [str(each.why) for each in told.refused] == ["KeyError: 'n'"]


def test_a_preview_takes_what_json_can_hold() -> None:
    with pytest.raises(InvalidInputError, match="input is of type function"):
        Pay.preview(later)


# -- another definition ----------------------------------------------------------------------------


def standing(drive: Drive) -> Snapshot:
    return drive.snapshot


def program(*names: str, **more: Any) -> DeciderProgram:
    return DeciderProgram({"activities": [{"name": each} for each in names], **more})


class Open(Workflow):
    activities = [double]

    def initiate(self, process: Process) -> Answer:
        return [ScheduleActivity(double, id="d"), StartTimer(5), StartChildProcess("w")]


def changed(renames: dict[str, str]) -> e.DefinitionChanged:
    return e.DefinitionChanged(position=6, at=BIRTH, sha="x", renames=renames)


def test_a_process_goes_on_by_a_definition_that_knows_what_is_open() -> None:
    drive = Drive(Open, 1)
    before, after = drive.workflow.program, program("double", "other")
    assert after.differences(drive.state, before, {}) == ()
    assert after.adopt(drive.state, before, changed({})) is drive.state


def test_what_is_open_and_is_not_known_there_stands_between() -> None:
    drive = Drive(Open, 1)
    (told,) = program("other").differences(drive.state, drive.workflow.program, {})
    assert (told.path, told.stops) == ("d", False)
    assert "the activity 'double', which is open as 'd', is not among the new" in told.text
    assert (
        program("x").differences(Drive(Pay, {"n": 1}).done("double").state, Pay.program, {}) == ()
    )


def test_what_other_workers_know_need_not_be_declared() -> None:
    class Elsewhere(Workflow):
        def initiate(self, process: Process) -> Answer:
            return ScheduleActivity("Remote")

    state = Drive(Elsewhere).state
    assert program("other").differences(state, Elsewhere.program, {}) == ()


def test_ids_and_names_may_be_others_afterwards() -> None:
    drive = Drive(Open, 1)
    renames = {"d": "e", "double": "twice", "w": "v", "timer": "clock"}
    after = program("twice")
    assert after.differences(drive.state, Open.program, renames) == ()
    snapshot = history.change(Open.program, after, drive.snapshot, changed(renames))
    state = snapshot.state
    assert {each.id: each.activity for each in state.activities.values()} == {"e": "twice"}
    assert [*state.timers, *state.children] == ["clock", "v"]
    assert {each.path for each in state.wishes if hasattr(each, "path")} == {"e", "v"}
    assert snapshot.process.timers.keys() == state.timers.keys()


def test_what_was_another_kind_of_workflow_can_not_be_followed() -> None:
    state, before = Drive(Open, 1).state, StepsProgram(steps.document)
    (told,) = Open.program.differences(state, before, {})
    assert told.text == "it was no decider before"
    with pytest.raises(ValueError, match="it was no decider before"):
        Open.program.adopt(state, before, changed({}))


# -- the rest of a program -------------------------------------------------------------------------


def test_a_program_holds_the_values_of_what_is_open() -> None:
    class Holding(Workflow):
        def initiate(self, process: Process) -> Answer:
            return [ScheduleActivity("Foo", [1]), StartTimer(5, {"a": 1})]

    drive = Drive(Holding, {"n": 1})
    assert list(drive.workflow.program.held(drive.state)) == [{"n": 1}, [1], {"a": 1}]


def test_a_state_can_be_read_again_from_json() -> None:
    drive = Drive(Open, {"n": 1})
    text = codec.encode_snapshot(drive.snapshot)
    kept = codec.decode_snapshot(Open.program, text)
    assert kept is not None
    assert kept.state.wishes == drive.state.wishes


def test_an_invalid_decision_is_an_error_of_the_public_tree() -> None:
    assert InvalidDecisionError.code == "invalid_decision"
