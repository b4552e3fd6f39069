"""Texts of the command line made values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago import InvalidInputError
from corago.cli.values import duration, instant, json_object, json_value

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("250ms", 0.25), ("10m", 600), ("1h30m", 5400), ("2d", 172800)],
)
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert duration(text, "--since") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "10x", "1h 30", "-5s", "h", "9" * 30 + "w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--since"):
        duration(text, "--since")


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    """Law: `duration("{h}h{m}m{s}s")` is the duration of so many hours, minutes and seconds."""
    found = duration(f"{hours}h{minutes}m{seconds}s", "x")
    assert found == timedelta(hours=hours, minutes=minutes, seconds=seconds)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, None),
        ("2h", NOW - timedelta(hours=2)),
        ("2030-01-31T08:00", datetime(2030, 1, 31, 8, tzinfo=UTC)),
        ("2030-01-31T08:00+02:00", datetime(2030, 1, 31, 6, tzinfo=UTC)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
    ],
)
def test_instants_are_utc_unless_they_have_a_zone_and_durations_are_before_now(
    text: str | None, found: datetime | None
) -> None:
    assert instant(text, "--since", NOW) == found


def test_a_duration_may_lie_ahead() -> None:
    assert instant("90s", "--at", NOW, is_ahead=True) == NOW + timedelta(seconds=90)
    assert instant("2030-01-31", "--at", NOW, is_ahead=True) == datetime(2030, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(("is_ahead", "said"), [(False, "before now"), (True, "from now")])
def test_what_is_no_instant_is_refused(is_ahead: bool, said: str) -> None:  # noqa: FBT001 - a case
    for text in ("yesterday", "9999999w"):
        with pytest.raises(InvalidInputError, match=f"neither an instant.*duration {said}"):
            instant(text, "--since", NOW, is_ahead=is_ahead)


def test_json_comes_from_the_text_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": "ü"}', "utf-8")
    assert json_value('{"a": [1, null]}', "--data") == {"a": [1, None]}
    assert json_value(f"@{tmp_path}/x.json", "--data") == {"a": "ü"}
    assert json_value(None, "--data") is None


@pytest.mark.parametrize("text", ["word", "{", "NaN", "[" * 100_000, "@", "@/"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"--data|/"):
        json_value(text, "--data")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        json_value(f"@{tmp_path}/x.json", "--data")


def test_an_object_is_asked_for_where_one_is_needed() -> None:
    with pytest.raises(InvalidInputError, match="must be a JSON object"):
        json_object("[]", "--changes")
