from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from corago.core.retry import CENTURY, Retry
from corago.errors import InvalidOptionError


def test_waits_grow_by_the_factor_up_to_the_cap() -> None:
    retry = Retry(attempts=9, delay=2, factor=3, cap=50, jitter=0)
    waits = [retry.wait(attempt, "p/1/a").total_seconds() for attempt in (1, 2, 3, 4, 5)]
    assert waits == [2, 6, 18, 50, 50]


def test_jitter_spreads_a_wait_by_its_fraction_and_no_more() -> None:
    retry = Retry(delay=100, jitter=0.1)
    waits = {retry.wait(1, f"p{number}/1/a").total_seconds() for number in range(200)}
    assert len(waits) == 200
    assert 90 <= min(waits) < 93
    assert 107 < max(waits) <= 110


def test_the_same_name_and_attempt_always_wait_equally_long() -> None:
    assert Retry().wait(1, "p/1/a") == Retry().wait(1, "p/1/a") != Retry().wait(1, "p/1/b")
    assert Retry(factor=1).wait(1, "p/1/a") != Retry(factor=1).wait(2, "p/1/a")


def test_waits_are_the_same_in_every_os_process() -> None:
    waits = [Retry(delay=100).wait(attempt, "p/1/a").total_seconds() for attempt in (1, 2)]
    assert waits == [107.431182, 198.496154]


def test_no_delay_means_no_wait_however_many_attempts_there_were() -> None:
    assert Retry(delay=0, factor=10.0).wait(5000, "p") == timedelta()


def test_a_growth_beyond_all_numbers_waits_the_cap() -> None:
    assert Retry(factor=10.0, cap=60, jitter=0).wait(5000, "p") == timedelta(seconds=60)
    assert Retry(factor=10, cap=60, jitter=0).wait(5000, "p") == timedelta(seconds=60)


def test_a_cap_beyond_all_dates_waits_a_century() -> None:
    retry = Retry(factor=10.0, cap=1e300, jitter=1)
    assert retry.wait(300, "p") == timedelta(seconds=CENTURY)


def test_attempts_count_the_first_one_too() -> None:
    retry = Retry(attempts=3)
    assert [retry.allows(attempt, "OSError") for attempt in (1, 2, 3)] == [True, True, False]


def test_what_is_given_up_on_is_not_tried_again() -> None:
    retry = Retry(give_up=(ValueError, "PermanentError"))
    assert retry.give_up == ("ValueError", "PermanentError")
    assert not retry.allows(1, "ValueError")
    assert not retry.allows(1, "PermanentError")
    assert retry.allows(1, "OSError")


@pytest.mark.parametrize("given", [ValueError, "ValueError", [ValueError], {ValueError}])
def test_errors_to_give_up_on_may_come_alone_or_in_any_collection(given: Any) -> None:
    assert Retry(give_up=given).give_up == ("ValueError",)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("attempts", 0),
        ("attempts", 1.5),
        ("delay", -1),
        ("delay", float("nan")),
        ("delay", "1 s"),
        ("delay", timedelta(seconds=1)),
        ("factor", 0.5),
        ("factor", float("inf")),
        ("cap", -1),
        ("cap", None),
        ("jitter", 1.5),
        ("jitter", -0.1),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=f"Retry: {option} must be .*, not "):
        Retry(**{option: value})


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidOptionError, match=r"attempts must be 1 or more, not 0; delay must"):
        Retry(attempts=0, delay=-1)


@pytest.mark.parametrize("given", [(3,), (int,), (ValueError("an error"),)])
def test_only_exceptions_can_be_given_up_on(given: Any) -> None:
    with pytest.raises(InvalidOptionError, match="give_up takes exception classes"):
        Retry(give_up=given)
