"""What a machine says it would do, from any state that one can think of, without an engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.errors import InvalidInputError
from corago.machine import Event, Machine, State, after, child, define, hook, previous

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class DeclinedError(Exception):
    pass


def charge(amount: int) -> str:
    return f"c{amount}"


class Order(Machine):
    class External:
        amount: int

    class Internal:
        tries: int = 0
        receipt: str = ""
        trouble: str = ""
        entered: int = 0

    class Cancel(Event):
        reason: str

    @staticmethod
    def is_good(event: Cancel) -> bool:
        return event.reason == "good"

    new = State(initial=True)
    paying = State()
    shipping = State()
    done = State(terminal=True)
    gone = State(terminal=True)
    trouble = State(error=True)

    new.on("pay").when("external.amount > 10").to(paying)
    new.on(Cancel).when(is_good).to(gone)
    new.on("tired").when("visits.new > 3").to(gone)
    new.when("external.amount < 0").to(gone)
    new.after("2h").to(gone)
    paying.enter(set={"internal.tries": "visits.paying"})
    paying.run(charge, amount="external.amount")
    paying.done().set({"internal.receipt": "result"}).to(shipping)
    paying.failed(DeclinedError).to(gone)
    shipping.children(parcel=child("parcel", amount="external.amount"))
    shipping.done().to(done)
    trouble.on("note").set({"internal.trouble": "error.message"}).stay()
    trouble.on("resume").to(previous())
    on_enter = hook(set={"internal.entered": "internal.entered + 1"})
    idle = after("30d").to(gone)


def preview(state: State | str | None = None, **question: Any) -> Any:
    question.setdefault("external", {"amount": 12})
    return Order.preview(state, at=NOW, **question)


def test_the_door_of_the_handbook_unlocks() -> None:
    door = define(
        {
            "name": "door",
            "initial": "closed",
            "external": {"badge_ok": {"type": "boolean", "default": False}},
            "states": {
                "closed": {"on": [{"event": "lock", "to": "locked"}]},
                "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
            },
        }
    )
    assert door.preview("locked", external={"badge_ok": True}, event="unlock").state == "closed"
    refused = door.preview(state="locked", event="unlock")
    assert refused.state == "locked"
    assert [each.path for each in refused.refused] == ["states/locked/on/0"]
    assert "external.badge_ok" in refused.refused[0].why


def test_without_a_state_it_is_started() -> None:
    seen = preview()
    assert (seen.status, seen.state, seen.path) == ("waiting", "new", ("new",))
    assert seen.external == {"amount": 12}
    assert seen.timers == {"new/after/0@1": NOW + timedelta(hours=2), "idle@1": NOW + timedelta(30)}
    assert preview(external={"amount": -1}).state == "gone"


def test_an_event_leads_on_and_shows_what_would_run() -> None:
    seen = preview(Order.new, event="pay")
    assert (seen.state, seen.effects) == ("paying", ("paying/charge",))
    assert seen.internal["tries"] == 1
    assert preview("new", event="pay", external={"amount": 3}).state == "new"


def test_an_event_is_given_by_name_with_data_or_as_its_class() -> None:
    assert preview("new", event=("cancel", {"reason": "good"})).state == "gone"
    assert preview("new", event=Order.Cancel(reason="good")).state == "gone"
    assert preview("new", event=Order.Cancel(reason="bad")).state == "new"
    with pytest.raises(InvalidInputError, match="reason"):
        preview("new", event=Order.Cancel)


def test_the_stores_are_as_they_are_told_to_be() -> None:
    seen = preview(Order.paying, internal={"tries": 7}, visits={"paying": 7})
    assert seen.internal == {"tries": 7, "receipt": "", "trouble": "", "entered": 0}
    assert preview("new", visits={"new": 4}, event="tired").state == "gone"
    assert preview("new", visits={"new": 3}, event="tired").state == "new"


def test_an_update_wakes_it() -> None:
    assert preview("new", update={"amount": -1}).state == "gone"


def test_work_comes_to_a_result_or_to_an_error() -> None:
    seen = preview("paying", outcome="r1")
    assert (seen.state, seen.internal["receipt"]) == ("shipping", "r1")
    assert preview("paying", outcome=DeclinedError("no")).state == "gone"
    assert preview("paying", outcome=ValueError("no")).state == "trouble"
    assert preview("shipping", outcome={}).state == "done"
    assert preview("shipping", outcome=ValueError("lost")).state == "trouble"


def test_the_error_state_knows_what_failed_and_leads_back() -> None:
    seen = preview("trouble", error=ValueError("oh"), event="note")
    assert seen.internal["trouble"] == "oh"
    assert preview("trouble", previous=Order.new, event="resume").state == "new"


def test_nothing_that_is_asked_about_changes_the_machine() -> None:
    before = preview("new", event="pay")
    preview("paying", outcome="r1", internal={"tries": 3})
    assert preview("new", event="pay") == before
    entered = [each for each in before.decisions if isinstance(each, e.Transitioned)]
    assert [each.edge for each in entered] == ["states/new/on/0"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"state": "payin"}, "there is no state 'payin'; did you mean 'paying'?"),
        ({"event": "pai"}, "takes no event 'pai' in any state; did you mean 'pay'?"),
        ({"internal": {"trie": 1}}, "there is no internal field 'trie'; did you mean 'tries'?"),
        ({"internal": {"tries": "x"}}, "internal.tries"),
        ({"external": {"amount": "x"}}, "amount"),
        ({"external": {}}, "amount"),
        ({"state": "new", "external": {"amount": "x"}}, "amount"),
        ({"state": "new", "external": {"amuont": 1}}, "amuont"),
        ({"state": "paying", "external": {}}, "can't stand in state 'paying' with these stores"),
        ({"visits": {"paid": 1}}, "there is no state 'paid'"),
        ({"outcome": 1}, "an outcome is of what a state runs"),
        ({"state": "new", "outcome": None}, "there is nothing in state 'new'"),
        ({"state": "new", "error": "x"}, "`error` is for the error state 'trouble'"),
        ({"state": "trouble", "previous": "nwe"}, "there is no state 'nwe'; did you mean 'new'?"),
    ],
)
def test_what_the_machine_has_not_is_refused_by_name(question: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        preview(**question)
    assert told in str(caught.value)
