from __future__ import annotations

from datetime import UTC, datetime

import pytest

from corago.core import decisions as d
from corago.core import events as e
from corago.core.history import History, fold
from corago.errors import StoreCorruptError
from tests.properties.programs import Element, TableProgram, TableState, Track

NOW = datetime(2030, 1, 1, tzinfo=UTC)
STARTED = e.ProcessStarted(position=1, at=NOW, process_id="p", workflow="w", sha="0")
SIGNAL = e.SignalReceived(position=2, at=NOW, name="go")
CANCEL = e.CancelRequested(position=3, at=NOW)
WAITING = TableProgram(((Element("wait", signal="go"),),), d.CompleteProcess())


def test_a_history_reads_as_a_sequence_of_its_events() -> None:
    history = History([STARTED, SIGNAL, CANCEL])
    assert len(history) == 3
    assert history[0] is STARTED
    assert history[-1] is CANCEL
    assert history[1:] == (SIGNAL, CANCEL)
    assert list(history) == [STARTED, SIGNAL, CANCEL]
    assert repr(history) == "History(ProcessStarted, SignalReceived, CancelRequested)"


def test_a_history_gives_the_events_of_some_kinds_in_order() -> None:
    history = History([STARTED, SIGNAL, CANCEL])
    assert history.of(e.CancelRequested, e.SignalReceived) == (SIGNAL, CANCEL)
    assert history.of(e.TimerFired) == ()


@pytest.mark.parametrize("events", [[SIGNAL], [STARTED, CANCEL], [STARTED, STARTED]])
def test_a_history_with_a_missing_or_repeated_position_is_damaged(events: list[e.Event]) -> None:
    with pytest.raises(StoreCorruptError, match="history is damaged: position"):
        History(events)


def test_folding_moves_process_and_state_together() -> None:
    snapshot = fold(WAITING, [STARTED, SIGNAL])
    assert snapshot.process.position == 2
    assert snapshot.process.status == "running"
    assert snapshot.state == TableState((Track(at=1, visit=2),))
    assert snapshot.agenda is None


def test_folding_goes_on_from_a_snapshot() -> None:
    assert fold(WAITING, [SIGNAL], fold(WAITING, [STARTED])) == fold(WAITING, [STARTED, SIGNAL])
    assert fold(WAITING, [], fold(WAITING, [STARTED])) == fold(WAITING, [STARTED])


def test_a_history_that_does_not_begin_at_its_beginning_is_damaged() -> None:
    with pytest.raises(StoreCorruptError, match="begins with SignalReceived"):
        fold(WAITING, [SIGNAL])
    with pytest.raises(StoreCorruptError, match="holds no event"):
        fold(WAITING, [])


def test_a_fact_that_can_not_have_been_recorded_is_damage() -> None:
    stray = e.ActivityClosed(position=2, at=NOW, path="9.9", result=e.ActivityCompleted({}))
    with pytest.raises(StoreCorruptError, match="event 2, ActivityClosed, does not fit"):
        fold(WAITING, [STARTED, stray])
