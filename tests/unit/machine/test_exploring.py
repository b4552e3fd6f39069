"""Where a machine can go: all events, outcomes and timers, to a depth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from corago.errors import InvalidInputError
from corago.machine import Event, Machine, Retry, State, child, define

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class DeclinedError(Exception):
    pass


def charge() -> str:
    return "c1"


class Order(Machine):
    class External:
        amount: int = 12

    class Cancel(Event):
        reason: Literal["bad", "good"]

    class Internal:
        receipt: str = ""

    new = State(initial=True)
    paying = State()
    shipping = State()
    done = State(terminal=True)
    gone = State(terminal=True)
    unhappy = State(terminal=True)

    new.on("pay").to(paying)
    new.on(Cancel).when("event.reason == 'good'").to(gone)
    new.after("2h").to(gone)
    new.after("1h").when("external.amount > 100").to(unhappy)
    paying.run(charge, retry=Retry(attempts=9), result=str)
    paying.done().set({"internal.receipt": "result"}).to(shipping)
    paying.failed(DeclinedError).to(gone)
    shipping.children(parcel=child("parcel"))
    shipping.done().to(done)
    shipping.failed().to(unhappy)


def test_every_state_is_found_with_a_shortest_path_to_it() -> None:
    found = Order.explore(at=NOW)
    assert found.is_complete
    assert found.states == {
        "new": (),
        "paying": ("event pay",),
        "gone": ("event pay", "charge fails with DeclinedError"),
        "shipping": ("event pay", 'charge is ""'),
        "done": ("event pay", 'charge is ""', "shipping is null"),
        "unhappy": ("event pay", 'charge is ""', "shipping fails with Exception"),
    }
    assert "states/new/after/0" in found.edges


def test_what_is_refused_tells_why() -> None:
    branches = {each.trigger: each for each in Order.explore(at=NOW).root.branches}
    refused = branches['event cancel {"reason":"bad"}']
    assert (refused.state, refused.is_known) == ("new", True)
    assert "event.reason" in refused.refused


def test_timers_fire_in_their_order_and_time_goes_on() -> None:
    text = str(Order.explore(at=NOW))
    assert "time is up for new/after/1 → new (" in text
    assert "  time is up for new/after/0 → gone" in text


def test_events_and_outcomes_are_tried_with_what_is_given() -> None:
    found = Order.explore(
        at=NOW,
        events={"cancel": [{"reason": "good"}]},
        outcomes={"charge": ["r1", "r2"]},
    )
    triggers = {path[-1].trigger for path in found.root.walk()}
    assert {'event cancel {"reason":"good"}', 'charge is "r1"', 'charge is "r2"'} <= triggers
    assert not any("DeclinedError" in each for each in triggers)
    receipts = {path[-1].internal["receipt"] for path in found.root.walk()}
    assert receipts == {"", "r1", "r2"}


def test_a_depth_and_a_limit_cut_it_off_and_say_so() -> None:
    shallow = Order.explore(at=NOW, depth=1)
    assert not shallow.is_complete
    assert "shipping" not in shallow.states
    assert "event pay → paying …" in str(shallow)
    few = Order.explore(at=NOW, limit=2)
    assert not few.is_complete
    assert sum(1 for _ in few.root.walk()) == 2


def test_a_machine_that_never_repeats_itself_comes_to_an_end_here() -> None:
    counting = define(
        {
            "name": "counting",
            "initial": "a",
            "internal": {"n": "integer"},
            "states": {"a": {"on": [{"event": "up", "set": {"internal.n": "internal.n + 1"}}]}},
        }
    )
    found = counting.explore(at=NOW, depth=5)
    assert not found.is_complete
    assert max(path[-1].internal["n"] for path in found.root.walk()) == 5


def test_it_begins_where_it_is_told_to() -> None:
    found = Order.explore(Order.shipping, internal={"receipt": "r"}, at=NOW)
    assert set(found.states) == {"shipping", "done", "unhappy"}
    assert all(path[-1].internal == {"receipt": "r"} for path in found.root.walk())


def test_a_function_that_is_not_here_is_told_where_it_is_needed() -> None:
    asking = define(
        {
            "name": "asking",
            "initial": "a",
            "states": {"a": {"on": [{"event": "x", "if": {"call": "ask"}, "to": "b"}]}, "b": {}},
        },
        code=False,
    )
    (branch,) = asking.explore(at=NOW).root.branches
    assert branch.state == "a"
    assert "ask" in branch.refused


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"events": {"cancle": [1]}}, "did you mean 'cancel'?"),
        ({"events": {"cancel": [{}]}}, "reason"),
        ({"outcomes": {"chrage": [1]}}, "did you mean 'charge'?"),
        ({"state": "nwe"}, "did you mean 'new'?"),
    ],
)
def test_samples_of_what_the_machine_has_not_are_refused(
    question: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Order.explore(**question)
    assert told in str(caught.value)
