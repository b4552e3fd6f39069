"""What stands in rows, from strangers: random bytes, mutated rows, facts that make no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago import (
    State,
    begin,
    conditional,
    done,
    foreach,
    init,
    parallel,
    sleep,
    step,
    step_group,
    wait_for,
)
from corago.backends.local.definitions import Definitions
from corago.clock import SystemClock
from corago.core import codec, history, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.program import Program, Snapshot
from corago.errors import StoreCorruptError, StoreError, UnknownEventError
from corago.ports.store import Definition
from corago.steps.program import StepsProgram
from corago.stores.memory import MemoryStore
from corago.testing import load_history
from corago.wiring import KINDS
from tests.fuzz.strange import Case, as_text, cases, fuzz, mutants
from tests.machines.corpus import document
from tests.unit.core.test_codec import EVENTS, NOW
from tests.unit.decider.samples import Bar
from tests.unit.steps.samples import is_large, made

GOOD = [json.loads(codec.encode_event(each)) for each in EVENTS]
MESSAGES = [
    json.loads(codec.encode_message(each))
    for each in (
        m.Signal("go", {"n": 1}, "k", "ann", "so"),
        m.Update({"x": 1}, "k"),
        m.Command("retry", {"a": 3}, None),
        m.Outcome("a", 1, 2, e.ActivityFailed(e.Failure("OSError", "disk"))),
    )
]


@step("Back")
def back(state: State) -> State:
    return {}


@step("Look", undo=back)
def look(x: int = 0) -> State:
    return {}


LIST = made(
    init,
    look,
    conditional(is_large)(sleep(5)),
    wait_for("go", timeout=5),
    foreach("Each", "a", look),
    parallel("Both", look, begin >> sleep(1) >> look),
    step_group("Group", look),
    done,
)
DOCUMENTS: dict[str, Any] = {
    "steps": LIST.document,
    "machine": document("order"),
    "decider": Bar.document,
}
binary = st.binary(max_size=60) | st.sampled_from(
    [b"", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5_000, b"1e999999", b'"\xff"', b"\0", b"null"]
)


def row_of(value: Any) -> bytes:
    """As text, strict or not."""
    return as_text(value).encode()


rows = binary | st.sampled_from(GOOD).flatmap(mutants).map(row_of)


@fuzz(150)
@given(rows)
def test_an_events_row_is_an_event_or_damaged_or_a_newer_ones(row: bytes) -> None:
    try:
        event = codec.decode_event(row)
    except (StoreCorruptError, UnknownEventError):
        return
    assert codec.decode_event(codec.encode_event(event)) == event


@fuzz(60)
@given(binary | st.sampled_from(MESSAGES).flatmap(mutants).map(row_of))
def test_an_inbox_row_is_a_message_or_damaged(row: bytes) -> None:
    try:
        message = codec.decode_message(row)
    except StoreCorruptError:
        return
    assert codec.decode_message(codec.encode_message(message)) == message


# -- programs, snapshots, histories ----------------------------------------------------------------


def program_of(kind: str) -> Program[Any]:
    return KINDS[kind](DOCUMENTS[kind])


def started(kind: str) -> e.ProcessStarted:
    given_ = {"a": [{"x": 1}], "amount": 1} if kind == "steps" else None
    external = {"amount": 5} if kind == "machine" else {}
    return e.ProcessStarted(
        position=1, at=NOW, process_id="p", workflow="w", sha="0", input=given_, external=external
    )


def snapshots() -> st.SearchStrategy[tuple[str, Any]]:
    """A good one of every door, mutated."""
    found = []
    for kind in DOCUMENTS:
        snapshot = history.begin(program_of(kind), started(kind))
        good = json.loads(codec.encode_snapshot(snapshot))
        found.append(st.tuples(st.just(kind), mutants(good)))
    return st.one_of(found)


@fuzz(60)
@given(cases(snapshots()))
def test_a_mutated_snapshot_is_one_or_is_folded_anew(case: Case) -> None:
    kind, given_ = case.value
    found = codec.decode_snapshot(program_of(kind), row_of(given_))
    assert found is None or isinstance(found, Snapshot)


@fuzz(80)
@given(cases(st.sampled_from(sorted(DOCUMENTS)).flatmap(lambda kind: mutants(DOCUMENTS[kind]))))
def test_a_mutated_definition_is_a_program_or_damaged_or_a_newer_ones(case: Case) -> None:
    clock = SystemClock()
    definitions = Definitions(MemoryStore(clock), KINDS)
    try:
        program = definitions.program(Definition("w", 1, "0", row_of(case.value)))
    except StoreError as error:
        refusal = str(error)
    else:
        assert program.decide_limit > 0
        return
    assert "version 1" in refusal


PATHS: dict[str, tuple[str, ...]] = {
    "steps": (*StepsProgram(DOCUMENTS["steps"]).nodes, "Each[0]/Look", "Each[99]/Look", ""),
    "machine": (*DOCUMENTS["machine"]["states"], "run/paying", "idle", "lifetime", ""),
    "decider": ("Foo", "timer", "child", ""),
}


@st.composite
def facts(draw: st.DrawFn) -> tuple[str, tuple[e.Event, ...]]:
    """Events in order, well typed, that tell nothing sensible."""
    kind = draw(st.sampled_from(sorted(DOCUMENTS)))
    paths = st.sampled_from([*PATHS[kind], *(f"{each}@1" for each in PATHS[kind][:3])])
    found: list[e.Event] = [started(kind)]
    templates = st.sampled_from(FACTS)
    for position in range(2, draw(st.integers(2, 9)) + 1):
        told = json.loads(codec.encode_event(draw(templates)))
        for name in ("path", "timer", "child", "to", "source", "target", "edge"):
            if name in told:
                told[name] = draw(paths)
        for name in ("paths", "resolved"):
            if name in told:
                told[name] = [draw(paths)]
        told["position"] = position
        found.append(codec.decode_event(row_of(told)))
    return kind, tuple(found)


ERROR = e.Failure("OSError", "disk")
AT: dict[str, Any] = {"position": 2, "at": NOW}
RESULTS: tuple[e.ActivityResult, ...] = (
    e.ActivityCompleted({"x": 1}),
    e.ActivityCompleted([1]),
    e.ActivityFailed(ERROR),
    e.ActivityTimedOut(),
    e.ActivityCanceled(),
)
FACTS: tuple[e.Event, ...] = (
    e.ProcessReopened(**AT, paths=("a",)),
    e.SignalReceived(**AT, name="go", data=[1]),
    e.SignalReceived(**AT, name="cancel", data={"reason": 5}),
    e.ExternalUpdated(**AT, changes={"amount": "text"}),
    e.TimerStarted(**AT, timer="t", due=NOW),
    e.TimerFired(**AT, timer="t"),
    e.TimerCanceled(**AT, timer="t"),
    e.ActivityScheduled(**AT, path="a", activity="Foo", queue="q"),
    e.ActivityCancelRequested(**AT, path="a"),
    e.ActivityStarted(**AT, path="a", attempt=9),
    e.ActivityRetried(**AT, path="a", error=ERROR, due=NOW),
    *(e.ActivityClosed(**AT, path="a", result=each) for each in RESULTS),
    e.ChildStarted(**AT, path="a", child="c", workflow="w"),
    e.ChildStartFailed(**AT, path="a", child="c", error=ERROR),
    e.ChildClosed(**AT, path="a", child="c", status="completed", result=[1]),
    e.ChildClosed(**AT, path="a", child="c", status="odd"),
    e.MessageSent(**AT, path="a", to="c", command="cancel"),
    e.MarkerRecorded(**AT, name="m"),
    e.StepSkipped(**AT, path="a"),
    e.PredicateAnswered(**AT, path="a", question=5, answer=True),
    e.PredicateAnswered(**AT, path="a", error=ERROR),
    e.ItemsChosen(**AT, path="a", count=3),
    e.CommandRefused(**AT, command="retry", why="no"),
    e.Transitioned(
        **AT,
        source="a",
        target="b",
        edge="/states/a/on/0",
        effects=(e.Effect("effect/1", "x"), e.Effect("run/1", "x", "run")),
    ),
    e.Transitioned(**AT, source="a", target="b", edge="x", stays=True, resolved=("a",)),
    e.LeaseLost(**AT, losses=2),
    e.ProcessSuspended(**AT, path="a", error=ERROR),
    e.ProcessSuspended(**AT, error=ERROR, undecided=1),
    e.ProcessResumed(**AT, paths=("a",)),
    e.CancelRequested(**AT),
    e.ContinuedAsNew(**AT, following=2),
    e.ProcessCompleted(**AT),
    e.ProcessFailed(**AT, path="a", error=ERROR),
    e.ProcessCanceled(**AT),
    e.ProcessAborted(**AT),
    e.ProcessTimedOut(**AT),
    e.ProcessStarted(position=2, at=NOW, process_id="q", workflow="v", sha="1"),
)


@fuzz(100)
@given(cases(facts()))
def test_facts_that_make_no_sense_are_folded_or_known_as_damage(case: Case) -> None:
    kind, events = case.value
    program = program_of(kind)
    try:
        snapshot = history.fold(program, events)
    except StoreCorruptError as error:
        refusal = str(error)
    else:
        kernel.advance(program, snapshot, (), NOW, LiveCalls({}))
        return
    assert "does not fit" in refusal


@fuzz(50)
@given(cases(st.lists(rows, max_size=4), binary))
def test_a_file_of_a_history_holds_one_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    file = tmp_path_factory.getbasetemp() / "history.jsonl"
    lines = case.value if isinstance(case.value, list) else [case.value]
    good = codec.encode_event(EVENTS[0])
    for text in (
        b"\n".join([good, *lines]),
        b"[" + b",".join([good, *lines]) + b"]",
        lines[0] if lines else b"",
    ):
        file.write_bytes(text)
        try:
            found = load_history(file)
        except ValueError as error:
            refusal = str(error)
        else:
            assert isinstance(found[0], e.ProcessStarted)
            continue
        assert str(file) in refusal


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[", "version 1 is damaged (DecodeError"),
        (b"[]", "version 1 is damaged (TypeError"),
        (b'{"kind": "steps"}', "version 1 is damaged (KeyError: 'steps')"),
        (b'{"kind": "saga"}', "a newer one wrote it"),
    ],
)
def test_a_stored_definition_that_can_not_be_read_is_told_by_name(text: bytes, says: str) -> None:
    definitions = Definitions(MemoryStore(SystemClock()), KINDS)
    with pytest.raises(StoreError) as refused:
        definitions.program(Definition("w", 1, "0", text))
    assert says in str(refused.value)


@pytest.mark.parametrize("text", [b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_text_or_without_end_is_named(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(text)
    with pytest.raises(ValueError, match="history.jsonl holds no history"):
        load_history(file)
