"""Keys, vaults, and texts that tell nothing."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import threading
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from pydantic import Secret as Other
from pydantic import SecretBytes, SecretStr

from corago.core.codec import plain
from corago.core.sealing import MASK, masked
from corago.errors import SecretKeyError
from corago.keys import KEY_BYTES, derived, fresh_key, key_id, read_key
from corago.secrecy import (
    VARIABLE,
    Vault,
    copied,
    current,
    discretion,
    lifted,
    open_text,
    revealed,
    seal,
    using,
    vault_of,
)

KEY, OTHER_KEY = b"k" * KEY_BYTES, b"o" * KEY_BYTES
VAULT = Vault([KEY])


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def sealed(value: Any, vault: Vault = VAULT) -> Any:
    return plain(value, "x", vault.seal)


def test_a_fresh_key_is_another_each_time_and_can_be_read() -> None:
    first, second = fresh_key(), fresh_key()
    assert first != second
    assert len(read_key(first, "key")) == KEY_BYTES
    assert read_key(f" {first}\n", "key") == read_key(first.encode(), "key")


@pytest.mark.parametrize(
    "bad",
    ["", "hunter2", fresh_key()[:-4], b"short", "é" * 44, 5],
    ids=["empty", "a word", "cut", "bytes", "accents", "a number"],
)
def test_what_is_no_key_is_refused_with_the_way_to_one(bad: Any) -> None:
    with pytest.raises(SecretKeyError, match="secret_key is no key: .* `corago secret-key` prints"):
        read_key(bad, "secret_key")


def test_keys_for_several_ends_come_from_one() -> None:
    assert derived(KEY, "a") != derived(KEY, "b")
    assert key_id(KEY) != key_id(OTHER_KEY)
    assert key_id(KEY) not in KEY


def test_the_same_secret_has_the_same_token_and_another_one_another() -> None:
    once, again = sealed({"a": SecretStr("hush")}), sealed({"a": SecretStr("hush")})
    assert once == again != sealed({"a": SecretStr("hush!")})
    assert once != sealed({"a": SecretStr("hush")}, Vault([OTHER_KEY]))
    assert sealed(SecretStr("x")) != sealed(SecretBytes(b"x"))


def test_a_token_tells_nothing_of_what_it_seals() -> None:
    text = msgspec.json.encode(sealed({"a": SecretStr("hunter2" * 9)}))
    token = text.split(b"cgs1")[1].split(b'"')[0]
    assert b"hunter2" not in base64.urlsafe_b64decode(token)


def test_a_sealed_value_is_lifted_to_what_hides_itself() -> None:
    value = {"t": SecretStr("a"), "b": SecretBytes(b"b"), "o": Other[Any]({"n": 5}), "p": [1]}
    found = lifted(sealed(value), VAULT)
    assert found == value
    assert "a" not in str(found["t"])
    unsealed = {"plain": [1, {"$secret": "mine"}]}
    assert lifted(unsealed, VAULT) is unsealed


def test_a_copy_is_lifted_and_ones_own() -> None:
    with using(VAULT):
        given = sealed({"a": [SecretStr("hush")], "b": [1]})
        copy = copied(given)
    assert copy == {"a": [SecretStr("hush")], "b": [1]}
    assert copy["b"] is not given["b"]


def test_the_first_key_seals_and_all_open() -> None:
    old = sealed(SecretStr("hush"), Vault([OTHER_KEY]))
    vault = Vault([KEY, OTHER_KEY])
    assert lifted(old, vault) == SecretStr("hush")
    assert sealed(SecretStr("hush"), vault) == sealed(SecretStr("hush"))


@pytest.mark.parametrize(
    ("vault", "says"),
    [
        (Vault(), "there is no key to open it with: set CORAGO_SECRET_KEY"),
        (Vault([OTHER_KEY]), f"sealed with the key {key_id(KEY).hex()}, and the keys here are"),
    ],
)
def test_without_the_key_nothing_opens_and_it_says_which_is_needed(vault: Vault, says: str) -> None:
    given = {"a": sealed(SecretStr("hush")), "b": 1}
    with pytest.raises(SecretKeyError, match=says):
        lifted(given, vault)
    assert revealed(given, vault) == masked(given) == {"a": MASK, "b": 1}
    assert revealed(given, VAULT) == {"a": SecretStr("hush"), "b": 1}


@pytest.mark.parametrize("spoil", [lambda t: t[:-6] + "AAAA==", lambda _: "cgs1AAA="])
def test_what_was_changed_does_not_open(spoil: Any) -> None:
    with pytest.raises(SecretKeyError):
        VAULT.open(spoil(VAULT.seal(b"thush")))


def test_a_key_that_was_changed_in_the_token_is_noticed() -> None:
    token = VAULT.seal(b"thush")
    data = bytearray(base64.urlsafe_b64decode(token[4:]))
    data[-1] ^= 1
    with pytest.raises(SecretKeyError, match="it was changed since it was sealed"):
        VAULT.open("cgs1" + base64.urlsafe_b64encode(data).decode())


def test_the_vault_in_force_is_that_of_the_block_and_of_what_is_made_there() -> None:
    found: list[Vault] = []

    async def look() -> None:
        found.append(current())

    async def story() -> None:
        with using(VAULT):
            task = asyncio.create_task(look())
            context = contextvars.copy_context()
            thread = threading.Thread(target=lambda: found.append(context.run(current)))
            thread.start()
            thread.join()
        await task
        assert not current().has_key

    asyncio.run(story())
    assert found == [VAULT, VAULT]


def test_where_no_engine_is_the_environment_has_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = fresh_key(), fresh_key()
    monkeypatch.setenv(VARIABLE, f"{first}, {second}")
    token = Vault([read_key(second, "key")]).seal(b"thush")
    assert open_text(f'{{"$secret":"{token}"}}'.encode()) == b'"hush"'
    assert seal(b"thush") == Vault([read_key(first, "key")]).seal(b"thush")
    monkeypatch.setenv(VARIABLE, "nonsense")
    with pytest.raises(SecretKeyError, match="CORAGO_SECRET_KEY is no key"):
        vault_of(None)


def test_an_engines_keys_are_one_or_several() -> None:
    text = fresh_key()
    assert (
        vault_of(text).seal(b"t") == vault_of([text, KEY]).seal(b"t") == vault_of([text]).seal(b"t")
    )
    assert not vault_of([]).has_key


SECRETS = {
    "a": SecretStr('it\'s "hush"\n é'),
    "b": SecretBytes(b"\x00bytes\xff"),
    "c": Other[Any]({"deep": ["inner-secret", 123456]}),
    "d": SecretStr("-----BEGIN KEY-----\nfirst-line-of-it\nx\n"),
}


@pytest.mark.parametrize(
    "said",
    [
        SECRETS["a"].get_secret_value(),
        repr(SECRETS["a"].get_secret_value()),
        msgspec.json.encode(SECRETS["a"].get_secret_value()).decode(),
        quote_plus(SECRETS["a"].get_secret_value()),
        repr(b"\x00bytes\xff"),
        base64.b64encode(b"\x00bytes\xff").decode(),
        "inner-secret",
        "123456",
        "first-line-of-it",
        'it\'s "hush"\n é and inner-secret',
    ],
)
def test_a_text_is_kept_discreet_in_whatever_form_it_tells_a_secret(said: str) -> None:
    with using(VAULT):
        hide = discretion(sealed(SECRETS))
    assert hide is not None
    hidden = hide(f"before {said} after")
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert MASK in hidden
    assert not any(part in hidden for part in ("hush", "bytes", "inner", "1234", "first"))


def test_of_a_very_short_secret_the_whole_text_is_hidden() -> None:
    with using(VAULT):
        hide = discretion(sealed({"pin": SecretStr("42")}))
    assert hide is not None
    assert hide("the pin 42 is wrong") == f"{MASK} (hidden, since it may tell a secret)"
    assert hide("the pin is wrong") == "the pin is wrong"


def test_where_there_is_no_secret_nothing_is_hidden() -> None:
    assert discretion({"a": 1}) is None
    with using(Vault()):
        hide = discretion(sealed({"a": SecretStr("hush")}))
    assert hide is not None
    assert hide("hush") == "hush"
