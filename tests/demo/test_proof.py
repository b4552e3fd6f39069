"""The proof at the end of the demo: each of its sums would notice the lie it is there for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corago.core import events as e
from corago.demo.proof import Attempt, Note, Proof, in_flight, notes, prove, recorded

FIRST, SECOND = 100, 200
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DONE, FLYING = Attempt("p", "Done early", 1), Attempt("p", "In flight", 1)


def closed(attempt: Attempt, position: int = 1) -> e.Event:
    result = e.ActivityCompleted({})
    return e.ActivityClosed(
        position=position, at=NOON, path=attempt.step, attempt=attempt.number, result=result
    )


def retried(attempt: Attempt) -> e.Event:
    error = e.Failure("ValueError", "no")
    return e.ActivityRetried(
        position=1, at=NOON, path=attempt.step, attempt=attempt.number, error=error, due=NOON
    )


def note(what: str, attempt: Attempt, worker: int, key: str = "") -> Note:
    return Note(what, attempt, key or attempt.step, worker)


HONEST = [
    note("began", DONE, FIRST),
    note("ended", DONE, FIRST),
    note("began", FLYING, FIRST),
    note("began", FLYING, SECOND),
    note("ended", FLYING, SECOND),
]


def proven(noted: list[Note] = HONEST, after: list[e.Event] | None = None) -> Proof:
    ends = [closed(DONE), closed(FLYING, 2)] if after is None else after
    return prove({"p": [closed(DONE)]}, {"p": ends}, noted, FIRST)


def test_a_recovery_as_it_should_be_holds() -> None:
    found = proven()
    assert found.holds
    assert (found.recorded_before, found.in_flight, found.run_again) == (1, 1, 1)
    assert found.had_effect == 0


def test_an_effect_that_was_not_recorded_is_counted_and_is_no_fault() -> None:
    found = proven([*HONEST[:3], note("ended", FLYING, FIRST), *HONEST[3:]])
    assert found.holds
    assert found.had_effect == 1


@pytest.mark.parametrize(
    ("lie", "field"),
    [
        ({"noted": [*HONEST, note("began", DONE, SECOND)]}, "run_again_though_recorded"),
        ({"after": [closed(DONE), closed(DONE, 2), closed(FLYING, 3)]}, "recorded_twice"),
        ({"noted": [*HONEST, note("began", FLYING, SECOND, "k")]}, "run_again_under_another_key"),
        ({"after": [closed(DONE)]}, "unrecorded_after"),
    ],
)
def test_each_lie_is_noticed(lie: dict[str, Any], field: str) -> None:
    found = proven(**lie)
    assert getattr(found, field) == 1
    assert not found.holds


def test_an_attempt_that_is_tried_again_counts_as_recorded_too() -> None:
    assert recorded({"p": [retried(DONE)], "q": []}) == [DONE]
    assert in_flight(HONEST, [DONE]) == {FLYING}


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "outside.jsonl"
    assert notes(file) == []
    line = '{"what": "began", "process": "p", "step": "s", "attempt": 1, "key": "k", "worker": 1}'
    file.write_text(f'{line}\n{{"what": "en')
    assert notes(file) == [Note("began", Attempt("p", "s", 1), "k", 1)]
