from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.process import Process
from tests.properties.programs import LAW

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def process(
    timers: dict[str, float], deadline: float | None = None, status: str = "running"
) -> Process:
    return Process(
        id="p",
        workflow="w",
        sha="0",
        position=1,
        at=NOON,
        status=status,
        deadline=None if deadline is None else at(deadline),
        timers={name: at(minute) for name, minute in timers.items()},
    )


def order(who: Process, mail: dict[str, float], now: float = 60) -> str:
    arrived = [(at(minute), m.Signal(name)) for name, minute in mail.items()]
    names = []
    for message in arrivals(who, arrived, at(now)):
        match message:
            case m.Signal(name=name):
                names.append(name)
            case m.TimerDue(timer=timer, due=due):
                assert due == (who.timers[timer] if timer else who.deadline)
                names.append(timer or "DEADLINE")
    return " ".join(names)


def test_a_due_timer_stands_at_its_due_time_among_the_messages() -> None:
    assert order(process({"T": 5}), {"a": 1, "b": 9}) == "a T b"


def test_the_message_comes_first_when_a_timer_is_due_at_the_same_instant() -> None:
    assert order(process({"T": 5, "U": 5}), {"a": 5, "b": 5}) == "a b T U"


def test_timers_come_in_the_order_of_their_due_times() -> None:
    assert order(process({"U": 7, "T": 5}), {}) == "T U"


def test_a_timer_that_is_not_due_yet_does_not_come() -> None:
    assert order(process({"T": 5, "U": 7}), {"a": 1}, now=5) == "a T"
    assert order(process({"T": 5}), {"b": 2, "a": 1}, now=4.9) == "b a"


def test_the_inbox_keeps_its_own_order_even_if_the_clock_jumped_back() -> None:
    assert order(process({"T": 5}), {"a": 10, "b": 3}) == "T a b"
    assert order(process({"T": 5}), {"b": 3, "a": 10, "c": 4}) == "b T a c"


def test_the_deadline_comes_after_the_timers_of_the_same_instant() -> None:
    assert order(process({"T": 5, "U": 6}, deadline=5), {"a": 5, "b": 6}) == "a T DEADLINE b U"


def test_the_deadline_comes_only_when_it_is_reached_and_the_process_open() -> None:
    assert order(process({}, deadline=60), {}) == "DEADLINE"
    assert order(process({}, deadline=61), {}) == ""
    assert order(process({}, deadline=1, status="failed"), {"a": 2}) == "a"


_minutes = st.integers(0, 9)


@LAW
@given(st.lists(_minutes, max_size=6), st.lists(_minutes, max_size=6), _minutes)
def test_what_is_due_is_merged_without_loss_and_each_side_keeps_its_order(
    mail: list[int], timers: list[int], now: int
) -> None:
    who = process({f"T{index}": minute for index, minute in enumerate(timers)})
    arrived = [(at(minute), m.Signal(str(index))) for index, minute in enumerate(mail)]
    merged = arrivals(who, arrived, at(now))
    dues = [message.due for message in merged if isinstance(message, m.TimerDue)]
    assert [each for each in merged if isinstance(each, m.Signal)] == [each for _, each in arrived]
    assert dues == sorted(due for due in who.timers.values() if due <= at(now))
    if mail == sorted(mail):
        seen = [
            (each.due, 1) if isinstance(each, m.TimerDue) else (at(mail[int(each.name)]), 0)
            for each in merged
            if isinstance(each, (m.TimerDue, m.Signal))
        ]
        assert seen == sorted(seen)
