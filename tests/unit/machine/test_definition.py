"""Machines of documents: what `define` makes of them, and the code that goes with them."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from corago.activity import ActivityFunction
from corago.core.sealing import token_of
from corago.errors import DefinitionError, InvalidMachineError, StepArgumentError, StepResultError
from corago.machine import Machine, State, define
from corago.secrecy import Vault, using

DOOR: dict[str, Any] = {
    "name": "door",
    "initial": "closed",
    "states": {
        "closed": {"on": [{"event": "open", "to": "opened"}]},
        "opened": {"on": [{"event": "close", "to": "closed"}]},
    },
}

ORDER: dict[str, Any] = {
    "name": "order",
    "initial": "new",
    "external": {"amount": "integer"},
    "internal": {"id": "string", "n": "integer"},
    "states": {
        "new": {"when": [{"if": {"call": "is_large"}, "to": "paying"}]},
        "paying": {
            "run": {"activity": "charge", "args": {"amount": "external.amount"}},
            "done": [{"set": {"internal.id": {"call": "id_of"}}, "to": "paid"}],
            "failed": [{"set": {"call": "reset"}, "effect": [{"activity": "tell"}], "to": "new"}],
        },
        "paid": {},
    },
}

VALUES: dict[str, Any] = {
    "external": {"amount": 12},
    "internal": {"id": "", "n": 0},
    "visits": {"new": 1, "paying": 0, "paid": 0},
    "event": None,
    "result": {"id": "c1"},
    "error": None,
    "state": "paying",
    "to": "paid",
}


def is_large(external: dict[str, int]) -> bool:
    return external["amount"] > 10


def charge(amount: int, currency: str = "EUR") -> dict[str, Any]:
    return {"id": f"{amount}{currency}"}


def id_of(result: dict[str, str], state: str, to: str | None) -> str:
    return f"{result['id']} {state} {to}"


def reset() -> dict[str, Any]:
    return {"internal.n": 0}


async def tell() -> int:
    return 3


CODE: dict[str, Callable[..., Any]] = {
    "is_large": is_large,
    "charge": charge,
    "id_of": id_of,
    "reset": reset,
    "tell": tell,
}


def faults_of(document: Any, functions: Any = None) -> str:
    with pytest.raises(InvalidMachineError) as caught:
        define(document, functions)
    return str(caught.value)


def changed(document: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy in which the value at a dotted place is another one."""
    made = copy.deepcopy(document)
    here: Any = made
    *path, last = place.split(".")
    for part in path:
        here = here[int(part) if isinstance(here, list) else part]
    here[last] = value
    return made


def test_a_document_makes_a_workflow() -> None:
    door = define(DOOR)
    assert (door.kind, door.name, door.version, door.description) == ("machine", "door", 1, "")
    assert door.document == {"kind": "machine", "version": 1, **DOOR}
    assert json.loads(door.canonical) == door.document
    assert door.sha == hashlib.sha256(door.canonical).hexdigest()
    assert (dict(door.functions), door.children, door.timeout) == ({}, (), None)
    assert repr(door) == "<machine 'door' version 1: 2 states>"


def test_a_machine_is_called_one_everywhere() -> None:
    door = define(DOOR)
    assert isinstance(door, Machine)
    assert issubclass(door, Machine)
    assert not isinstance(Machine, Machine)
    assert not isinstance(DOOR, Machine)
    with pytest.raises(DefinitionError, match=r"door is a machine and is not called: start"):
        door()


def test_the_given_document_is_left_alone() -> None:
    given = changed(DOOR, "lifetime", 60)
    before = copy.deepcopy(given)
    door = define(given)
    assert given == before
    assert door.document["lifetime"] == {"delay": "PT1M"}


def test_a_lifetime_without_a_target_is_the_engine_s_to_keep() -> None:
    assert define(changed(DOOR, "lifetime", "PT1H")).timeout == 3600
    with_target = changed(DOOR, "lifetime", {"delay": "PT1H", "to": "closed"})
    assert define(with_target).timeout is None


def test_what_is_no_document_is_refused_with_its_faults() -> None:
    strange: Any
    for strange in (None, [], "door", {}):
        with pytest.raises(InvalidMachineError):
            define(strange)


# -- code ------------------------------------------------------------------------------------------


def test_functions_stand_by_what_they_are_for() -> None:
    order = define(ORDER, CODE)
    assert set(order.functions) == {"is_large?", "charge", "id_of=", "reset=", "tell"}
    assert order.code == CODE
    work = order.functions["charge"]
    assert isinstance(work, ActivityFunction)
    assert (work.path, work.is_async) == ("charge", False)
    assert work({"amount": 3}) == {"id": "3EUR"}
    assert order.functions["is_large?"](VALUES) is True
    assert order.functions["id_of="](VALUES) == "c1 paying paid"
    assert order.functions["reset="](VALUES) == {"internal.n": 0}


def test_an_async_activity_is_awaited_and_may_return_any_json() -> None:
    work = define(ORDER, CODE).functions["tell"]
    assert isinstance(work, ActivityFunction)
    assert work.is_async
    assert asyncio.run(work({})) == 3


def test_an_async_activity_is_seen_through_its_decorator() -> None:
    @functools.wraps(tell)
    def decorated() -> Any:
        return known.pop() if known else tell()

    known = [7]
    work = define(ORDER, {**CODE, "tell": decorated}).functions["tell"]
    assert isinstance(work, ActivityFunction)
    assert [asyncio.run(work({})) for _ in range(2)] == [7, 3]


def test_what_lint_calls_an_error_is_refused_unless_it_is_only_looked_at() -> None:
    edges = [
        {"event": "go", "if": f"external.amount > {least}", "to": to}
        for least, to in ((1, "paid"), (2, "new"))
    ]
    document = changed(ORDER, "states.paid.on", edges)
    message = faults_of(document, CODE)
    assert "/states/paid/on/1: two edges lead out of 'paid' on event 'go'" in message
    looked_at = define(document, code=False)
    assert "overlap" in {each.code for each in looked_at.lint() if each.level == "error"}


def test_all_missing_functions_are_told_at_once_with_one_file_of_stubs() -> None:
    message = faults_of(ORDER, {"charge": charge})
    assert "4 functions are missing: " in message
    _, _, stubs = message.partition("\n\n")
    names: dict[str, Any] = {}
    exec(stubs, names)  # noqa: S102 - what was told to paste is pasted
    assert {"is_large", "id_of", "reset", "tell"} <= names.keys()
    assert "charge" not in names


def test_a_file_of_stubs_is_all_that_a_document_needs() -> None:
    _, _, stubs = faults_of(ORDER).partition("\n\n")
    names: dict[str, Any] = {}
    exec(stubs, names)  # noqa: S102 - as above
    assert define(ORDER, {name: names[name] for name in CODE}).document["name"] == "order"


def test_a_document_that_is_only_looked_at_needs_no_code() -> None:
    order = define(ORDER, code=False)
    assert order.sha == define(ORDER, CODE).sha
    assert dict(order.functions) == {}
    assert "is_large" in order.text()


def test_a_document_that_names_no_function_needs_none_and_takes_more() -> None:
    assert dict(define(DOOR, CODE).code) == {}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (
            "states.paying.run.args",
            {},
            "/states/paying/run: activity 'charge' needs the parameter 'amount'",
        ),
        (
            "states.paying.run.args.amout",
            "3",
            "/states/paying/run/args/amout: activity 'charge' has no parameter 'amout'; did you",
        ),
    ],
)
def test_arguments_and_parameters_must_fit(place: str, value: Any, told: str) -> None:
    assert told in faults_of(changed(ORDER, place, value), CODE)


def test_functions_that_do_not_fit_are_told_with_all_other_faults() -> None:
    def is_large(externl: Any) -> bool:
        return True

    async def id_of() -> str:
        return ""

    def reset(*values: Any) -> dict[str, Any]:
        return {}

    code = {**CODE, "is_large": is_large, "id_of": id_of, "reset": reset, "tell": 3}
    message = faults_of(changed(ORDER, "states.paid.on", [{"event": "x", "to": "payd"}]), code)
    for told in (
        "/states/new/when/0/if: guard 'is_large' asks for 'externl', which is not there; did you",
        "/states/paying/done/0/set/internal.id: function 'id_of' is async; write a plain `def`",
        "/states/paying/failed/0/set: function 'reset': `*values` names no key",
        "/states/paying/failed/0/effect/0: activity 'tell' needs a function, not 3",
        "/states/paid/on/0/to: ",
    ):
        assert told in message, message


def test_a_value_that_does_not_fit_its_parameter_is_told_by_name() -> None:
    order = define(ORDER, CODE)
    with pytest.raises(StepArgumentError, match=r"activity 'charge' can't make its argument 'amou"):
        order.functions["charge"]({"amount": "much"})


def test_a_result_that_json_can_not_hold_is_told_by_name() -> None:
    def charge(amount: int) -> object:
        return object()

    order = define(ORDER, {**CODE, "charge": charge})
    with pytest.raises(StepResultError, match=r"activity 'charge'"):
        order.functions["charge"]({"amount": 1})


def test_every_call_has_values_of_its_own() -> None:
    def is_large(external: dict[str, int]) -> bool:
        external["amount"] = 0
        return True

    order = define(ORDER, {**CODE, "is_large": is_large})
    assert order.functions["is_large?"](VALUES) is True
    assert VALUES["external"] == {"amount": 12}


def test_a_secret_is_sealed_in_results_and_opened_where_it_is_asked_for() -> None:
    def charge(amount: SecretStr) -> dict[str, Any]:
        return {"token": SecretStr(amount.get_secret_value() + "!")}

    order = define(changed(ORDER, "external.amount", "any"), {**CODE, "charge": charge})
    work = order.functions["charge"]
    with using(Vault([b"k" * 32])):
        first = work({"amount": "hush"})
        assert token_of(first["token"]) is not None
        again = work({"amount": first["token"]})
        assert token_of(again["token"]) not in (None, token_of(first["token"]))


def test_the_class_form_hands_code_over_by_name_too() -> None:
    class Order(Machine, functions={"is_open": lambda external: True}):
        only = State(initial=True)
        only.on("x").effect("is_open", external="visits.only").stay()

    assert Order.functions["is_open"]({"external": 1}) is True


class Torn(dict[str, Any]):
    def items(self) -> Any:
        raise OSError("gone")


@pytest.mark.parametrize("states", [Torn(a=1), {"a": Torn(b=1)}, [10**5000]])
def test_a_document_that_can_not_be_looked_through_has_a_fault(states: Any) -> None:
    with pytest.raises(InvalidMachineError) as refused:
        define({"name": "torn", "initial": "a", "states": states})
    assert all(each.fix for each in refused.value.faults)
