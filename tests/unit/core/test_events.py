from __future__ import annotations

from datetime import UTC, datetime

import pytest

from corago.core import decisions as d
from corago.core import events as e

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (e.ActivityFailed(e.Failure("OSError", "disk")), "OSError: disk"),
        (e.ActivityAborted("no stock"), "ActivityAborted: no stock"),
        (e.ActivityAborted(), "ActivityAborted: 'buy' gave up"),
        (
            e.ActivityTimedOut(),
            "ActivityTimedOut: 'buy' ran into its start_to_close timeout",
        ),
        (
            e.ActivityTimedOut("heartbeat", 1.5),
            "ActivityTimedOut: 'buy' ran into its heartbeat timeout of 1.5 s",
        ),
        (e.ActivityCanceled(), "ActivityCanceled: 'buy' was canceled"),
        (e.ActivityCompleted(1), "None"),
    ],
)
def test_every_bad_end_of_an_activity_is_told_as_a_failure(
    result: e.ActivityResult, says: str
) -> None:
    assert str(e.failure_of(result, "buy")) == says


def test_a_failure_without_a_message_reads_as_its_type() -> None:
    assert str(e.Failure("KeyError", "")) == "KeyError"


def test_every_event_has_a_tag_of_its_own() -> None:
    tags = [kind.__struct_config__.tag for kind in e.AnyEvent.__args__]
    assert len(set(tags)) == len(tags) == 33


def test_the_statuses_end_with_those_of_the_closing_events() -> None:
    assert e.STATUSES[:4] == ("created", "running", "waiting", "suspended")
    assert set(e.STATUSES[4:]) == e.CLOSED_STATUSES


def test_an_answer_becomes_a_fact_once_its_place_is_known() -> None:
    bad = e.Failure("ValueError", "hm")
    assert d.Answered("a", 2, None, bad).event(7, NOW) == e.PredicateAnswered(
        position=7, at=NOW, path="a", question=2, error=bad
    )
    assert d.Answered("a", 0, answer=True).event(8, NOW).answer is True
