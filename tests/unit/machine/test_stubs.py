"""Missing functions: every one is reported, with a file that can be pasted and run as it is."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings

from corago.machine.normal import normal
from corago.machine.stubs import missing, stubs
from tests.unit.machine.machines import FUNCTIONS, Json, documents

LAW = settings(derandomize=True, deadline=None, max_examples=60, database=None)

ORDER: Json = normal(
    {
        "name": "order",
        "initial": "new",
        "external": {
            "amount": "integer",
            "kind": {"type": "string", "enum": ["a", 'b"']},
            "address": {"type": "string", "nullable": True, "default": None},
            "lines": {"type": "array", "items": "number", "default": []},
        },
        "internal": {"charge": {"type": "string", "nullable": True}, "tries": "integer"},
        "events": {"cancel": {"reason": "string"}},
        "states": {
            "new": {
                "on": [{"event": "cancel", "if": {"call": "may_cancel"}, "to": "over"}],
                "when": [{"if": {"call": "is_ready"}, "to": "paying"}],
            },
            "paying": {
                "run": {
                    "activity": "charge_card",
                    "args": {
                        "amount": "external.amount",
                        "kind": "external.kind",
                        "address": "external.address",
                        "lines": "external.lines",
                        "doubled": "external.amount * 2.5",
                        "visits": "visits",
                    },
                    "result": {"type": "object", "properties": {"id": "string"}},
                },
                "done": [
                    {
                        "set": {"internal.tries": {"call": "next_try"}},
                        "effect": {"activity": "send_mail", "args": {"to": "external.address"}},
                        "to": "over",
                    }
                ],
                "failed": [{"set": {"call": "noted"}, "to": "new"}],
            },
            "over": {"enter": {"effect": {"activity": "send_mail", "args": {"text": "'bye'"}}}},
        },
    }
)

FILE = '''\
"""The functions of the machine order, version 1."""

from typing import Any, Literal


def may_cancel(
    external: dict[str, Any],
    internal: dict[str, Any],
    event: dict[str, Any],
) -> bool:
    """A guard, for states/new/on/0/if."""
    return False


def is_ready(external: dict[str, Any], internal: dict[str, Any]) -> bool:
    """A guard, for states/new/when/0/if."""
    return False


def next_try(
    external: dict[str, Any],
    internal: dict[str, Any],
    result: Any,
) -> int | None:
    """New values, for states/paying/done/0/set/internal.tries."""
    return None


def noted(
    external: dict[str, Any],
    internal: dict[str, Any],
    error: dict[str, Any],
) -> dict[str, Any]:
    """New values, for states/paying/failed/0/set."""
    return {}


def charge_card(
    amount: int,
    kind: Literal["a", 'b"'],
    address: str | None,
    lines: list[float],
    doubled: float,
    visits: dict[str, Any],
) -> dict[str, Any]:
    """An activity, for states/paying/run."""
    raise NotImplementedError("write charge_card")


def send_mail(to: str | None = None, text: str | None = None) -> None:
    """An activity, for:

    * states/paying/done/0/effect/0
    * states/over/enter/0/effect/0
    """
    raise NotImplementedError("write send_mail")


functions = {
    "may_cancel": may_cancel,
    "is_ready": is_ready,
    "next_try": next_try,
    "noted": noted,
    "charge_card": charge_card,
    "send_mail": send_mail,
}
'''


def executed(text: str) -> Json:
    names: Json = {}
    exec(compile(text, "stubs.py", "exec"), names)  # noqa: S102 - the file is made to be run
    found: Json = names["functions"]
    return found


def test_the_file_has_a_typed_stub_for_every_function_and_ends_with_their_mapping() -> None:
    assert stubs(ORDER, missing(ORDER, None)) == FILE


@pytest.mark.parametrize("width", [88, 100])
def test_the_formatter_leaves_the_file_as_it_is(width: int) -> None:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "-"]
    done = subprocess.run(command, input=FILE, capture_output=True, text=True, check=True)
    assert done.stdout == FILE


def test_the_stubs_answer_no_and_nothing_and_what_is_left_to_write() -> None:
    functions = executed(FILE)
    assert functions["may_cancel"]({}, {}, {}) is False
    assert functions["noted"]({}, {}, {}) == {}
    assert functions["next_try"]({}, {}, None) is None
    with pytest.raises(NotImplementedError, match="write send_mail"):
        functions["send_mail"]()


def test_only_what_is_missing_is_reported_with_all_its_places() -> None:
    there = {"may_cancel", "is_ready", "next_try", "noted"}
    charge, send = missing(ORDER, there)
    assert (charge.name, charge.role) == ("charge_card", "activity")
    assert charge.args == ("amount", "kind", "address", "lines", "doubled", "visits")
    assert send.places == ("states/paying/done/0/effect/0", "states/over/enter/0/effect/0")
    assert (send.args, send.optional) == ((), ("to", "text"))


def test_a_function_named_in_many_places_lists_a_few_of_them() -> None:
    effects = [{"activity": "ping"} for _ in range(9)]
    document = normal(
        {"name": "m", "initial": "a", "states": {"a": {}}, "on_enter": {"effect": effects}}
    )
    text = stubs(document, missing(document, ()))
    assert "    * on_enter/0/effect/5\n    * and 3 more\n" in text


def test_nothing_missing_is_an_empty_mapping() -> None:
    assert executed(stubs(ORDER, ())) == {}


@LAW
@given(documents())
def test_with_its_stubs_a_document_misses_nothing(document: Json) -> None:
    functions: dict[str, Any] = executed(stubs(document, missing(document, None)))
    assert missing(document, functions) == ()
    assert missing(document, FUNCTIONS) == ()
