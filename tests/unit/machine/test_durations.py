"""Durations: every form in, ISO 8601 out."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago.errors import InvalidOptionError
from corago.machine.durations import duration_text, seconds_of


@pytest.mark.parametrize(
    ("written", "text", "seconds"),
    [
        ("48h", "PT48H", 172_800),
        ("90s", "PT90S", 90),
        ("2m", "PT2M", 120),
        ("3d", "P3D", 259_200),
        ("1d12h", "P1DT12H", 129_600),
        (" 1d 12h ", "P1DT12H", 129_600),
        ("2w", "P14D", 1_209_600),
        ("1w1d", "P8D", 691_200),
        ("1.5h", "PT1.5H", 5_400),
        ("PT48H", "PT48H", 172_800),
        ("P30D", "P30D", 2_592_000),
        ("PT0.5S", "PT0.5S", 0.5),
        ("pt02.50s", "PT2.5S", 2.5),
        ("P1DT0H5M", "P1DT5M", 86_700),
        (5, "PT5S", 5),
        (0.25, "PT0.25S", 0.25),
        (172_800, "P2D", 172_800),
        (timedelta(hours=1, seconds=2), "PT1H2S", 3_602),
        (timedelta(microseconds=1), "PT0.000001S", 1e-6),
    ],
)
def test_a_duration_keeps_the_units_it_was_written_in(
    written: Any, text: str, seconds: float
) -> None:
    assert duration_text(written) == text
    assert seconds_of(text) == pytest.approx(seconds)
    assert duration_text(text) == text


@pytest.mark.parametrize(
    "written",
    [
        *("", "P", "PT", "PT5", "5", "1h1d", "1.5h3m", "P1Y", "P1M", "soon", "٣d", "1e3s", "-1s"),
        *("0s", "PT0S", 0, -1, timedelta(0), math.nan, math.inf, 10**400, "99999w"),
        *(True, None, []),
    ],
)
def test_what_is_no_duration_is_refused_with_the_good_forms(written: Any) -> None:
    with pytest.raises(InvalidOptionError, match="such as '48h', '90s', '2m' or '1d12h'"):
        duration_text(written)


def test_a_text_is_measured_only_if_it_is_a_duration() -> None:
    with pytest.raises(InvalidOptionError, match="'tomorrow' is no duration; write an ISO 8601"):
        seconds_of("tomorrow")


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=36_000)))
def test_a_timedelta_comes_back_to_the_microsecond(given_: timedelta) -> None:
    text = duration_text(given_)
    assert timedelta(seconds=seconds_of(text)) == pytest.approx(
        given_, abs=timedelta(microseconds=1)
    )
    assert duration_text(text) == text
