"""Durations in words."""

from __future__ import annotations

from corago.core.durations import in_words


def test_durations_lose_nothing() -> None:
    told = [in_words(seconds) for seconds in (0.25, 59, 60, 3661, 90_000, 172_800, 61.5)]
    assert told == ["0.25 s", "59 s", "1 min", "1 h 1 min 1 s", "1 d 1 h", "2 d", "61.5 s"]
