"""Secrets at the border to steps: who gets them, as what, and who does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, SecretBytes, SecretStr
from pydantic import Secret as Other

from corago import done, focussteps, foreach, init, step, step_group, workflow
from corago.arguments.discretion import discreet
from corago.arguments.injection import Asked, Filler, result
from corago.arguments.injection import discreet as discreetly
from corago.arguments.signatures import type_text
from corago.core.codec import plain
from corago.core.sealing import MASK, is_secret, masked
from corago.errors import StepArgumentError, StepResultError
from corago.keys import KEY_BYTES, fresh_key
from corago.secrecy import VARIABLE, Secret, Vault, using
from corago.steps.discretion import secret_keys

VAULT, STRANGE = Vault([b"k" * KEY_BYTES]), Vault([b"s" * KEY_BYTES])


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


class Login(BaseModel):
    user: str
    password: SecretStr
    since: datetime | None = None


class Leaky(BaseModel):
    user: str
    password: str


@dataclass
class Account:
    owner: str
    token: Annotated[str, Secret]
    data: bytes = b""


STATE: dict[str, Any] = plain(
    {
        "password": SecretStr("hunter2"),
        "raw": SecretBytes(b"\xff\x00"),
        "pin": Other[int](1234),
        "login": Login(user="ann", password=SecretStr("pass"), since=datetime(2030, 1, 1)),  # noqa: DTZ001 - as users write it
        "account": Account("ann", "tok", b"\xfe"),
        "codes": [SecretStr("one"), "two"],
        "name": "ann",
    },
    "input",
    VAULT.seal,
)


def filled(function: Callable[..., Any], vault: Vault = VAULT) -> dict[str, Any]:
    slots = Asked(function, "step 'A'", globals()).slots("step 'A'", globals())
    with using(vault):
        return Filler("step 'A'", slots).fill(STATE)


def refused(function: Callable[..., Any], vault: Vault = VAULT) -> str:
    with pytest.raises(StepArgumentError) as caught:
        filled(function, vault)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "hunter2" not in str(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return str(caught.value)


def test_who_asks_for_a_secret_gets_it() -> None:
    def function(
        password: SecretStr,
        raw: SecretBytes,
        pin: Other[int],
        login: Login,
        account: Account,
        *,
        codes: list[SecretStr],
        name: SecretStr,
    ) -> None: ...

    assert filled(function) == {
        "password": SecretStr("hunter2"),
        "raw": SecretBytes(b"\xff\x00"),
        "pin": Other[int](1234),
        "login": Login(user="ann", password=SecretStr("pass"), since=datetime(2030, 1, 1)),  # noqa: DTZ001 - as users write it
        "account": Account("ann", "tok", b"\xfe"),
        "codes": [SecretStr("one"), SecretStr("two")],
        "name": SecretStr("ann"),
    }


def test_who_marks_a_parameter_gets_it_as_it_is() -> None:
    def function(
        password: Annotated[str, Secret],
        raw: Annotated[bytes, Secret()],
        pin: Annotated[int, Secret] | None = None,
        name: Annotated[str, Secret] = "",
    ) -> None: ...

    assert filled(function) == {
        "password": "hunter2",
        "raw": b"\xff\x00",
        "pin": 1234,
        "name": "ann",
    }


def test_a_validator_of_the_users_sees_what_json_holds() -> None:
    def function(password: Annotated[str, BeforeValidator(str.upper), Secret]) -> None: ...

    assert filled(function) == {"password": "HUNTER2"}


def test_who_may_take_either_gets_it_hidden() -> None:
    def function(password: str | SecretStr, codes: list[Any]) -> None: ...

    found = filled(function)
    assert found["password"] == SecretStr("hunter2")
    assert found["codes"] == [SecretStr("one"), "two"]


def test_whoever_takes_anything_gets_it_hidden() -> None:
    def function(password, codes: list, login: dict, state: dict) -> None: ...  # type: ignore[no-untyped-def,type-arg] # noqa: ANN001

    found = filled(function)
    assert found["password"] == found["state"]["password"] == SecretStr("hunter2")
    assert found["codes"] == [SecretStr("one"), "two"]
    assert found["login"]["password"] == SecretStr("pass")
    assert found["state"]["raw"] == SecretBytes(b"\xff\x00")
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("annotation", "key", "where"),
    [
        (str, "password", "from State['password'], \"**********\": it is a secret: annotate it"),
        (str | None, "password", "it is a secret: annotate it as SecretStr"),
        (dict, "password", "it is a secret: annotate it as SecretStr"),
        (dict[str, Any], "password", "it is a secret: annotate it as SecretStr"),
        (int, "pin", "it is a secret: annotate it as SecretStr"),
        (SecretStr, "raw", "it is a secret: annotate it"),
        (list[str], "codes", 'list ["**********","two"]: 0 is a secret: annotate it'),
        (Leaky, "login", "password is a secret: annotate it as SecretStr"),
    ],
)
def test_a_type_that_would_have_it_in_clear_is_refused(
    annotation: Any, key: str, where: str
) -> None:
    def function(**_: Any) -> None: ...

    namespace: dict[str, Any] = {"annotation": annotation}
    exec(f"def function({key}: annotation): ...", namespace)  # noqa: S102 - its parameter's name varies
    assert where in refused(namespace["function"])


@pytest.mark.parametrize(
    ("vault", "says"),
    [
        (Vault(), "there is no key to open it with: set CORAGO_SECRET_KEY"),
        (STRANGE, "it was sealed with the key"),
    ],
)
def test_without_the_key_the_step_says_which_is_needed(vault: Vault, says: str) -> None:
    def typed(password: SecretStr) -> None: ...

    def anything(state: dict[str, Any]) -> None: ...

    assert says in refused(typed, vault)
    assert says in refused(anything, vault)


def test_a_value_that_does_not_fit_is_told_without_it() -> None:
    def function(password: Annotated[int, Secret], pin: SecretStr) -> None: ...

    assert "valid integer" in refused(function)


def test_results_are_sealed_and_what_is_handed_on_stays_the_same() -> None:
    with using(VAULT):
        kept = result("step 'A'", {"copy": SecretStr("hunter2"), "login": filled_login()})
    assert kept["copy"] == STATE["password"]
    assert masked(kept["login"])["password"] == MASK


def filled_login() -> Login:
    return Login(user="ann", password=SecretStr("pass"))


def test_without_a_key_a_result_with_a_secret_is_refused() -> None:
    with pytest.raises(StepResultError) as caught:
        result("step 'A'", {"copy": SecretStr("hunter2")})
    assert str(caught.value) == (
        "step 'A': result['copy'] is a SecretStr, and there is no key to seal secrets with: make "
        "one with `corago secret-key`, and give it to every engine and worker, as "
        "Engine(secret_key=...) or in CORAGO_SECRET_KEY"
    )


def test_errors_of_predicates_tell_no_secret() -> None:
    def ask(values: Any) -> bool:
        raise LookupError(f"nobody has the word {'hunter2'!r}")

    with using(VAULT), pytest.raises(Exception, match="nobody has the") as caught:
        discreetly(ask)(STATE)
    assert type(caught.value).__name__ == "LookupError"
    assert "hunter2" not in str(caught.value)
    with pytest.raises(LookupError, match="hunter2"):
        discreetly(ask)({"password": "hunter2"})


# -- keys of the State that are secrets ------------------------------------------------------------


@step("Use")
def use(
    password: SecretStr,
    pin: Annotated[int, Secret] | None,
    raw: SecretBytes | None = None,
    other: list[SecretStr] | None = None,
    plainly: str = "",
) -> None: ...


@step("Inner")
def inner(item: SecretStr, deep: SecretStr) -> None: ...


@step("Part")
def part(of_part: SecretStr) -> None: ...


@workflow("All of it")
def everything():  # type: ignore[no-untyped-def] # noqa: ANN201
    within = step_group("Group", foreach("Each", "list", inner))
    return init >> use >> within >> focussteps("part")(part) >> done


def test_a_mark_is_told_in_the_definition() -> None:
    assert type_text(Annotated[str, Secret]) == "Secret[str]"
    assert type_text(Annotated[str, "a note"]) == "str"


def test_what_a_step_takes_as_a_secret_is_one_at_its_key() -> None:
    assert secret_keys(everything.document["steps"]) == {
        "password": "SecretStr",
        "pin": "Secret",
        "raw": "SecretBytes",
        "deep": "SecretStr",
    }


def test_what_was_given_in_clear_for_it_becomes_one() -> None:
    sealed = STATE["password"]
    keys = {"a": "SecretStr", "b": "SecretBytes", "c": "Secret", "d": "SecretBytes"}
    given = {"a": "hush", "b": b"raw", "c": 5, "d": "cmF3", "e": "plain"}
    found = discreet(given, keys)
    assert all(is_secret(found[name]) for name in keys)
    assert found["b"] == found["d"] == SecretBytes(b"raw")
    assert found["e"] == "plain"
    for left in (None, 5, ["x"], SecretStr("x"), sealed):
        assert discreet({"a": left}, keys)["a"] is left
    untouched = {"e": "plain"}
    assert discreet(untouched, keys) is untouched
    assert discreet("no dict", keys) == "no dict"


def test_a_preview_masks_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, fresh_key())
    seen = everything.preview({"password": "hunter2", "pin": 1, "list": [], "part": {}})
    assert seen.state == {"password": MASK, "pin": MASK, "list": [], "part": {}}
    assert "hunter2" not in str(seen)
