from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from corago.core import codec, history
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.errors import StoreCorruptError, UnknownEventError
from tests.properties.programs import Element, TableProgram

NOW = datetime(2030, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
ERROR = e.Failure("OSError", "disk", "the traceback")
HEAD = b'"position":2,"at":"2030-01-01T12:30:00.123456Z"'
EVENTS = (
    e.ProcessStarted(
        position=1,
        at=NOW,
        process_id="p",
        workflow="w",
        sha="0",
        input={"a": [1, 2.5, None, "é"]},
        external={"x": 1},
        tags=("t",),
        parent="q",
        timeout=1.5,
    ),
    e.SignalReceived(position=2, at=NOW, name="go", data={"n": 1}, key="k", actor="ann"),
    e.TimerStarted(position=2, at=NOW, timer="t", due=NOW, reason="so"),
    e.ActivityClosed(position=2, at=NOW, path="a", result=e.ActivityFailed(ERROR)),
    e.ActivityClosed(position=2, at=NOW, path="a", result=e.ActivityCompleted({"n": 1})),
    e.ActivityRetried(position=2, at=NOW, path="a", attempt=3, error=ERROR, due=NOW),
    e.ProcessSuspended(position=2, at=NOW, error=ERROR),
)


@pytest.fixture
def upcasters() -> Iterator[dict[str, codec.Upcaster]]:
    kept = dict(codec.UPCASTERS)
    yield codec.UPCASTERS
    codec.UPCASTERS.clear()
    codec.UPCASTERS.update(kept)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event: e.Event) -> None:
    row = codec.encode_event(event)
    assert codec.decode_event(row) == event == codec.decode_event(row.decode())


def test_what_is_not_said_is_not_written() -> None:
    row = codec.encode_event(e.CancelRequested(position=2, at=NOW))
    assert row == b'{"type":"CancelRequested",' + HEAD + b"}"


def test_an_old_event_is_lifted_to_its_successor(upcasters: dict[str, codec.Upcaster]) -> None:
    def first(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "type": "Rang.2", "clock": fields["bell"]}

    def second(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "type": "TimerFired", "timer": fields["clock"]}

    upcasters["Rang"] = first
    upcasters["Rang.2"] = second
    event = codec.decode_event(b'{"type":"Rang",' + HEAD + b',"bell":"noon","actor":"ann"}')
    assert event == e.TimerFired(position=2, at=NOW, timer="noon", actor="ann")


def test_upcasters_that_go_round_in_a_circle_end(upcasters: dict[str, codec.Upcaster]) -> None:
    upcasters["A"] = lambda fields: {**fields, "type": "B"}
    upcasters["B"] = lambda fields: {**fields, "type": "A"}
    with pytest.raises(UnknownEventError, match="'A'"):
        codec.decode_event(b'{"type":"A",' + HEAD + b"}")


@pytest.mark.parametrize(
    "row",
    [b'{"type":"Invented",' + HEAD + b"}", b"{}", b"5", b'{"type":["list"]}', b'{"type":null}'],
)
def test_an_event_of_an_unknown_kind_asks_for_a_newer_corago(row: bytes) -> None:
    with pytest.raises(UnknownEventError, match="is unknown to this corago"):
        codec.decode_event(row)


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b'{"type":"CancelReq',
        b'{"type":"TimerFired",' + HEAD + b"}",
        b'{"type":"TimerFired",' + HEAD + b',"timer":5}',
        b'{"type":"ActivityClosed",' + HEAD + b',"path":"a","result":{"type":"Invented"}}',
        b'{"type":"TimerFired",' + HEAD + b',"timer":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_row_is_a_corrupt_store(row: bytes) -> None:
    with pytest.raises(StoreCorruptError, match="corago db check"):
        codec.decode_event(row)


@pytest.mark.parametrize(
    "message",
    [
        m.Signal("go", {"n": [1]}, key="k", actor="ann", reason="so"),
        m.Update({"a": None}),
        m.Command("retry", {"a": 3}, actor="ann"),
        m.Command("set_result", {"a": 3}, {"n": 1}),
    ],
)
def test_a_message_comes_back_as_it_was(message: m.Inbound) -> None:
    assert codec.decode_message(codec.encode_message(message)) == message


@pytest.mark.parametrize("row", [b"", b'{"type":"Signal"}', b'{"type":"Signal","name":"\xff"}'])
def test_a_damaged_message_is_a_corrupt_store(row: bytes) -> None:
    with pytest.raises(StoreCorruptError, match="an inbox row is damaged"):
        codec.decode_message(row)


def test_a_snapshot_comes_back_without_its_agenda() -> None:
    program = TableProgram(((Element("pause", seconds=5),),), d.CompleteProcess())
    started = e.TimerStarted(position=2, at=NOW, timer="0.0@1", due=NOW)
    snapshot = history.fold(program, [EVENTS[0], started])
    row = codec.encode_snapshot(snapshot)
    assert codec.decode_snapshot(program, row) == snapshot
    assert codec.decode_snapshot(program, row.decode()) == snapshot
    assert snapshot.agenda is None


@pytest.mark.parametrize("row", [b"", b"{}", b'{"process":{},"state":{}}', b'"\xff"'])
def test_a_snapshot_that_does_not_fit_is_folded_anew(row: bytes) -> None:
    program = TableProgram((), d.CompleteProcess())
    assert codec.decode_snapshot(program, row) is None
