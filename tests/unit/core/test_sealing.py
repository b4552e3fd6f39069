"""Secrets in users' values: found wherever they stand, and nothing else is taken for one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretBytes, SecretStr, field_serializer, model_serializer
from pydantic import Secret as Other

from corago.core import codec, sealing
from corago.core import events as e
from corago.core.codec import plain, to_json
from corago.core.sealing import MASK, masked, masked_text, opened_text, token_of, tokens
from corago.errors import InvalidInputError, SecretKeyError
from corago.secrecy import Secret
from tests.properties.programs import LAW
from tests.unit.core.test_codec import NOW


def seal(content: bytes) -> str:
    """A token that anybody can open: its shape is what counts here."""
    return sealing.HEAD + content.hex()


def open_(token: str) -> bytes:
    return bytes.fromhex(token.removeprefix(sealing.HEAD))


def clear(value: Any) -> Any:
    """What is kept of a value, with its secrets in clear again."""
    return msgspec.json.decode(opened_text(msgspec.json.encode(value), open_))


class Login(BaseModel):
    user: str = "ann"
    password: SecretStr
    pin: Annotated[str, Secret] = "0000"


class Holder(BaseModel):
    content: Any
    logins: list[Login] = []


class Raw(BaseModel):
    data: SecretBytes
    date: Other[int] | None = None


@dataclass
class Account:
    owner: str
    token: Annotated[str, Secret]
    spare: Annotated[str, Secret()] | None = None
    codes: list[Annotated[int, Secret]] = field(default_factory=list)
    by_name: dict[str, Annotated[str, Secret]] = field(default_factory=dict)
    other: Any = None


class Packet(msgspec.Struct, tag="packet", rename="camel"):
    to_whom: str
    secret_word: Annotated[str, Secret]


LOGIN = Login(password=SecretStr("hush"), pin="1234")


@pytest.mark.parametrize(
    ("value", "shown", "kept"),
    [
        (SecretStr("hush"), MASK, "hush"),
        (SecretBytes(b"\xff"), MASK, "/w=="),
        (Other[int](5), MASK, 5),
        (SecretStr(""), MASK, ""),
        (Raw(data=b"\xff", date=5), {"data": MASK, "date": MASK}, {"data": "/w==", "date": 5}),  # type: ignore[arg-type]
        ({"a": [1, (SecretStr("hush"),)]}, {"a": [1, [MASK]]}, {"a": [1, ["hush"]]}),
        (deque([SecretStr("hush")]), [MASK], ["hush"]),
        (
            LOGIN,
            {"user": "ann", "password": MASK, "pin": MASK},
            {"user": "ann", "password": "hush", "pin": "1234"},
        ),
        (
            Holder(content=SecretStr("a"), logins=[LOGIN]),
            {"content": MASK, "logins": [{"user": "ann", "password": MASK, "pin": MASK}]},
            {"content": "a", "logins": [{"user": "ann", "password": "hush", "pin": "1234"}]},
        ),
        (
            Account("ann", "t", "s", [7], {"n": "v"}, SecretStr("o")),
            {
                "owner": "ann",
                "token": MASK,
                "spare": MASK,
                "codes": [MASK],
                "by_name": {"n": MASK},
                "other": MASK,
            },
            {
                "owner": "ann",
                "token": "t",
                "spare": "s",
                "codes": [7],
                "by_name": {"n": "v"},
                "other": "o",
            },
        ),
        (
            [Account("ann", "t")],
            [
                {
                    "owner": "ann",
                    "token": MASK,
                    "spare": None,
                    "codes": [],
                    "by_name": {},
                    "other": None,
                }
            ],
            [
                {
                    "owner": "ann",
                    "token": "t",
                    "spare": None,
                    "codes": [],
                    "by_name": {},
                    "other": None,
                }
            ],
        ),
        (
            Packet("ann", "hush"),
            {"type": "packet", "toWhom": "ann", "secretWord": MASK},
            {"type": "packet", "toWhom": "ann", "secretWord": "hush"},
        ),
        (MASK, MASK, MASK),
        ({"a": MASK, "b": SecretStr("x")}, {"a": MASK, "b": MASK}, {"a": MASK, "b": "x"}),
    ],
)
def test_secrets_are_sealed_wherever_they_stand(value: Any, shown: Any, kept: Any) -> None:
    found = plain(value, "x", seal)
    assert masked(found) == shown
    assert clear(found) == kept
    assert to_json(value, "x", seal) == msgspec.json.encode(found)


class Told(BaseModel):
    password: SecretStr

    @field_serializer("password", when_used="json")
    def tell(self, value: SecretStr) -> str:
        return value.get_secret_value()


def test_what_an_author_has_told_in_clear_stays_so() -> None:
    value = [Told(password=SecretStr("open")), SecretStr("hush")]
    found = plain(value, "x", seal)
    assert found[0] == {"password": "open"}
    assert masked(found[1]) == MASK


class Hiding(BaseModel):
    password: SecretStr

    @model_serializer(mode="wrap")
    def hide(self, handler: Any, info: Any) -> Any:
        return "hidden: **********" if info.mode == "json" else handler(self)


class Stranger:
    def __init__(self) -> None:
        self.password = SecretStr("hush")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([Hiding(password=SecretStr("hush"))], "x[0] holds a secret that its own serializer hides"),
        ({"a": SecretStr("hush"), "b": float("nan")}, "x['b'] is nan"),
        (Holder(content=[float("nan"), SecretStr("x")]), "x.content[0] is nan"),
        ({"a": SecretStr("hush"), "b": Stranger()}, "x['b'] is of type Stranger"),
        ({"a": SecretStr("\ud800")}, "x['a'] holds half a surrogate pair"),
        ({SecretStr("hush"): 1}, "x holds a secret as a key, or in an object"),
    ],
)
def test_what_would_be_lost_is_refused_with_secrets_too(value: Any, says: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        plain(value, "x", seal)
    assert says in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_value_that_contains_itself_and_a_secret_is_refused() -> None:
    circle: dict[str, Any] = {"a": SecretStr("hush")}
    circle["self"] = circle
    with pytest.raises(InvalidInputError, match="contains itself"):
        plain(circle, "x", seal)


@pytest.mark.parametrize(
    ("value", "spot"),
    [
        ({"a": SecretStr("hush")}, "x['a'] is a SecretStr, and no key"),
        ([Login(password=SecretStr("hush"))], "x[0]"),
        ([Account("ann", "hush")], "x[0].token is marked as secret, and no key"),
    ],
)
def test_without_a_key_a_secret_is_refused_where_it_stands(value: Any, spot: str) -> None:
    def refuse(_: bytes) -> str:
        raise SecretKeyError("no key")

    with pytest.raises(InvalidInputError) as raised:
        plain(value, "x", refuse)
    assert spot in str(raised.value)
    assert "hush" not in str(raised.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda parts: st.lists(parts) | st.dictionaries(st.sampled_from(["$secret", "a", "b"]), parts),
    max_leaves=12,
)


@LAW
@given(_json)
def test_nothing_else_is_taken_for_a_secret(value: Any) -> None:
    """Whatever users keep under `$secret`, a token has a shape of its own."""
    assert plain(value, "x", seal) == masked(value) == clear(value) == value
    assert tokens(msgspec.json.encode(value)) == []


@pytest.mark.parametrize(
    "value",
    [
        {"$secret": "mine"},
        {"$secret": 5},
        {"$secret": "cgs1abc", "more": 1},
        {"$secret": ["cgs1abc"]},
        '{"$secret":"cgs1abc"}',
    ],
)
def test_a_users_own_key_of_that_name_survives(value: Any) -> None:
    assert token_of(value) is None
    assert plain({"k": value}, "x", seal) == masked({"k": value}) == {"k": value}


def test_a_sealed_secret_may_be_handed_on_as_it_is() -> None:
    once = plain({"a": SecretStr("hush")}, "x", seal)
    again = plain({"b": once["a"]}, "x", seal)
    assert again["b"] == once["a"]
    assert clear(again) == {"b": "hush"}


@LAW
@given(st.text(st.characters(codec="utf-8")), st.binary())
def test_what_is_sealed_is_found_again(text: str, data: bytes) -> None:
    found = plain({"t": SecretStr(text), "b": SecretBytes(data)}, "x", seal)
    row = msgspec.json.encode(found)
    assert [open_(token) for token in tokens(row)] == [b"t" + text.encode(), b"b" + data]
    assert masked_text(row) == b'{"t":"**********","b":"**********"}'


def test_events_are_shown_with_masks() -> None:
    given = plain({"a": SecretStr("hush"), "b": 1}, "x", seal)
    event = e.ActivityClosed(position=2, at=NOW, path="a", result=e.ActivityCompleted(given))
    shown: Any = codec.masked_event(event)
    assert shown.result.result == {"a": MASK, "b": 1}
    other = e.CancelRequested(position=2, at=NOW)
    assert codec.masked_event(other) is other


class Aliased(BaseModel):
    word: Annotated[str | None, Secret] = Field(default=None, alias="Word")


def test_nothing_is_sealed_where_nothing_is() -> None:
    assert plain(Aliased(), "x", seal) == {"word": None}
