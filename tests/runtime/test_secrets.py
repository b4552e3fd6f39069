"""Secrets through an engine: steps get them, and nobody finds them anywhere else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from corago import (
    AsyncEngine,
    Engine,
    InvalidInputError,
    ProcessAlreadyExistsError,
    ProcessFailedError,
    RequestError,
    Secret,
    State,
    conditional,
    current,
    done,
    init,
    step,
    wait_for,
    workflow,
)
from corago.clock import SystemClock
from corago.core.sealing import MASK
from corago.keys import fresh_key
from corago.secrecy import VARIABLE
from corago.stores.memory import MemoryStore
from tests.runtime.stage import listing, reaches, sharing

DEADLINE = 20.0
KEY, OTHER_KEY = fresh_key(), fresh_key()
WORDS = ("given-hush", "model-hush", "marked-hush", "made-hush", "sent-hush", "set-hush")


class Login(BaseModel):
    user: str
    password: SecretStr


@dataclass
class Account:
    owner: str
    token: Annotated[str, Secret]


@step("Use")
def use(word: SecretStr, login: Login, account: Account) -> State:
    found = (word.get_secret_value(), login.password.get_secret_value(), account.token)
    assert found == WORDS[:3]
    current().logger.warning("using %s of %s", word, login)
    return {"made": SecretStr("made-hush"), "login": login, "account": account}


@step("Use again")
async def use_again(made: Annotated[str, Secret], account: Account) -> State:
    assert (made, account.token) == ("made-hush", "marked-hush")
    return {"copies": [SecretStr(made)]}


@step("Fails")
def fails(word: SecretStr, made: Annotated[str, Secret]) -> None:
    try:
        raise KeyError(made)
    except KeyError as error:
        raise ValueError(f"{word.get_secret_value()} or {[made]} is wrong") from error


def is_wrong(word: Annotated[str, Secret]) -> bool:
    raise LookupError(f"{word} is not known")


@step("Unlikely")
def unlikely() -> None: ...


@workflow("Keeps secrets")
def keeping() -> Any:
    risky = fails >> conditional(is_wrong)(unlikely)
    return init >> use >> use_again >> risky >> wait_for("go") >> done


INPUT = {
    "word": SecretStr("given-hush"),
    "login": Login(user="ann", password=SecretStr("model-hush")),
    "account": Account("ann", "marked-hush"),
}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def in_files(folder: Path) -> set[str]:
    """Which of the secrets stand in a store's files as they are now, its log included."""
    content = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
    return {word for word in WORDS if word.encode() in content}


def stands(engine: Engine, id: str, status: str) -> None:
    """Come back when the process has this status."""
    end = time.monotonic() + DEADLINE
    while engine.info(id).status != status:
        assert time.monotonic() < end


async def failure(engine: AsyncEngine, id: str) -> Any:
    with pytest.raises(ProcessFailedError) as caught:
        await engine.wait(id, DEADLINE)
    assert "hush" not in str(caught.value)
    return caught.value.error


async def shown(engine: AsyncEngine, id: str) -> str:
    """Everything that is said of a process."""
    preview = await engine.preview(id, signal=("go", SecretStr("sent-hush")))
    said = [
        await engine.info(id),
        await engine.explain(id),
        list(await engine.history(id)),
        await engine.pending(id),
        preview,
        await engine.processes(),
    ]
    return str(said)


async def story(engine: AsyncEngine) -> None:
    await engine.start(keeping, INPUT, id="p")
    error = await failure(engine, "p")
    assert error.message == f"{MASK} or ['{MASK}'] is wrong"
    assert f"KeyError: '{MASK}'" in error.traceback
    assert "hush" not in error.traceback
    await engine.set_result("p", {"word": SecretStr("set-hush")})
    error = await failure(engine, "p")
    assert str(error) == f"LookupError: {MASK} is not known"
    await engine.skip("p")
    await reaches(engine, "p", "waiting")
    await engine.update("p", {"word": SecretStr("sent-hush")})
    said = await shown(engine, "p")
    assert "hush" not in said
    assert "cgs1" not in said
    assert MASK in said
    await engine.signal("p", "go", {"word": SecretStr("sent-hush"), "bytes": SecretBytes(b"\xff")})
    found = await engine.wait("p", DEADLINE)
    assert found == {
        "word": SecretStr("set-hush"),
        "login": {"user": "ann", "password": SecretStr("model-hush")},
        "account": {"owner": "ann", "token": SecretStr("marked-hush")},
        "made": SecretStr("made-hush"),
        "copies": [SecretStr("made-hush")],
        "go": {"word": SecretStr("sent-hush"), "bytes": SecretBytes(b"\xff")},
    }
    info = await engine.info("p")
    assert info.state == info.result
    assert info.state["word"] == MASK
    assert info.external == {"word": MASK}
    assert "hush" not in str(found) + await shown(engine, "p")


@pytest.fixture
def opened(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_a_file_never_holds_a_secret_in_clear(
    tmp_path: Path, opened: pytest.LogCaptureFixture
) -> None:
    async def told() -> None:
        url = f"sqlite:///{tmp_path / 'work.db'}"
        async with AsyncEngine(url, workflows=[keeping], secret_key=KEY) as engine:
            await story(engine)
            assert in_files(tmp_path) == set()
        assert in_files(tmp_path) == set()

    asyncio.run(told())
    assert "using **********" in opened.text
    assert "hush" not in opened.text


def test_nor_does_memory() -> None:
    async def told() -> None:
        store = MemoryStore(SystemClock())
        async with sharing(store, workflows=[keeping], secret_key=KEY) as engine:
            await story(engine)
            rows = str(await store.load("p")) + str(await store.events("p"))
        assert "hush" not in rows
        assert "$secret" in rows

    asyncio.run(told())


def test_a_start_may_be_repeated_and_another_secret_is_another_input() -> None:
    body = listing(wait_for("go"))
    with Engine(worker=False, workflows=[body], secret_key=KEY) as engine:
        engine.start(body, {"word": SecretStr("hush")}, id="p")
        assert engine.start(body, {"word": SecretStr("hush")}, id="p").id == "p"
        with pytest.raises(ProcessAlreadyExistsError):
            engine.start(body, {"word": SecretStr("hush!")}, id="p")
        engine.signal("p", "go", SecretStr("hush"), key="k")
        engine.signal("p", "go", SecretStr("hush"), key="k")
        assert [each.data for each in engine.pending("p")] == [MASK]  # type: ignore[union-attr]


@step("Far", queue="far")
def far(word: SecretStr, large: str = "") -> State:
    if not large:
        raise ValueError(f"{word.get_secret_value()} is wrong")
    return {"word": word, "large": large + word.get_secret_value()[:0]}


def test_a_step_of_a_queue_gets_it_and_keeps_it_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    body = listing(far)
    with Engine(url, workflows=[body], queues=["far"], secret_key=KEY) as engine:
        given = {"word": SecretStr("given-hush"), "large": "x" * 20_000}
        assert engine.start(body, given).result(timeout=DEADLINE) == given
        with pytest.raises(ProcessFailedError, match=r"ValueError: \*{10} is wrong"):
            engine.start(body, {"word": SecretStr("given-hush")}).result(timeout=DEADLINE)
        assert in_files(tmp_path) == set()


# -- without the key -------------------------------------------------------------------------------

HOW = (
    "there is no key to seal secrets with: make one with `corago secret-key`, and give it to every "
    "engine and worker, as Engine(secret_key=...) or in CORAGO_SECRET_KEY"
)


@pytest.mark.parametrize(
    ("call", "spot"),
    [
        (lambda e, w: e.start(w, {"a": SecretStr("hush")}), "input['a'] is a SecretStr, and "),
        (lambda e, _: e.signal("p", "go", [SecretStr("hush")]), "[0] is a SecretStr, and "),
        (
            lambda e, _: e.update("p", {"a": Account("b", "hush")}),
            ".token is marked as secret",
        ),
        (lambda e, _: e.set_result("p", {"a": SecretStr("hush")}), "result['a'] is a SecretStr, "),
        (lambda e, _: e.preview("p", signal=("go", SecretStr("hush"))), "is a SecretStr, and "),
    ],
)
def test_without_a_key_a_secret_is_refused_and_how_to_make_one_is_told(
    call: Callable[[Engine, Any], Any], spot: str
) -> None:
    body = listing(wait_for("go"))
    with Engine(worker=False, workflows=[body]) as engine:
        engine.start(body, id="p")
        with pytest.raises(InvalidInputError) as caught:
            call(engine, body)
    assert spot in str(caught.value)
    assert HOW in str(caught.value)
    assert "hush" not in str(caught.value)


@step("Make")
def make() -> State:
    return {"made": SecretStr("made-hush")}


@step("Take")
def take(made: SecretStr) -> State:
    return {"length": len(made.get_secret_value())}


@workflow("Makes and takes")
def making() -> Any:
    return init >> make >> wait_for("go") >> take >> done


def test_a_worker_gets_its_key_later_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, workflows=[making]) as engine:
        with pytest.raises(ProcessFailedError, match=r"\['made'\] is a SecretStr, and"):
            engine.start(making, id="p").result(timeout=DEADLINE)
    monkeypatch.setenv(VARIABLE, KEY)
    with Engine(url, workflows=[making]) as engine:
        engine.retry("p")
        stands(engine, "p", "waiting")
        engine.signal("p", "go")
        found = engine.get("p").result(timeout=DEADLINE)
    assert found == {"made": SecretStr("made-hush"), "go": None, "length": 9}
    monkeypatch.delenv(VARIABLE)
    with Engine(url, worker=False) as client:
        assert client.get("p").result() == {"made": MASK, "go": None, "length": 9}
        assert client.info("p").state["made"] == MASK


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "there is no key to open it with"),
        (OTHER_KEY, "it was sealed with the key"),
    ],
    ids=["none", "another"],
)
def test_a_worker_with_another_key_says_so_and_the_right_one_goes_on(
    key: str | None, says: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, workflows=[making], secret_key=KEY) as engine:
        engine.start(making, id="p")
        stands(engine, "p", "waiting")
    with Engine(url, workflows=[making], secret_key=key) as engine:
        engine.signal("p", "go")
        with pytest.raises(ProcessFailedError, match=says) as caught:
            engine.get("p").result(timeout=DEADLINE)
        assert caught.value.error.type == "StepArgumentError"
    keys = KEY if key is None else [OTHER_KEY, KEY]
    with Engine(url, workflows=[making], secret_key=keys) as engine:
        engine.retry("p")
        assert engine.get("p").result(timeout=DEADLINE)["length"] == 9


def test_two_engines_of_one_program_have_keys_of_their_own() -> None:
    async def told() -> None:
        one = AsyncEngine(workflows=[making], secret_key=KEY)
        two = AsyncEngine(workflows=[making], secret_key=OTHER_KEY)
        async with one, two:
            rows = []
            for engine in (one, two):
                await engine.start(making, id="p")
            for engine in (one, two):
                await engine.signal("p", "go")
                assert (await engine.wait("p", DEADLINE))["length"] == 9
                rows.append(str(await engine._backend._store.events("p")))  # type: ignore[attr-defined]
            tokens = [row.split("cgs1")[1][:8] for row in rows]
            assert tokens[0] != tokens[1]

    asyncio.run(told())


def test_what_is_no_key_is_refused_when_the_engine_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RequestError, match="secret_key is no key"):
        Engine(secret_key="hunter2")
    monkeypatch.setenv(VARIABLE, "hunter2")
    with pytest.raises(RequestError, match="CORAGO_SECRET_KEY is no key") as caught:
        Engine()
    assert "hunter2" not in str(caught.value)


# -- in clear where a step takes a secret ----------------------------------------------------------


@step("Made in clear")
def made_in_clear() -> State:
    return {"made": "made-hush"}


@step("Use word")
def use_word(word: SecretStr, pin: Annotated[int, Secret] = 0) -> None:
    assert (word.get_secret_value(), pin) == ("given-hush", 1234)


@workflow("In clear")
def in_clear() -> Any:
    return init >> made_in_clear >> use_word >> take >> done


def test_what_a_step_takes_as_a_secret_is_kept_as_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    given = {"word": "given-hush", "pin": 1234}
    with Engine(url, workflows=[in_clear], secret_key=KEY) as engine:
        handle = engine.start(in_clear, given, id="p")
        assert handle.result(timeout=DEADLINE)["made"] == SecretStr("made-hush")
        hidden = {"word": SecretStr("given-hush"), "pin": 1234}
        assert engine.start(in_clear, hidden, id="p").id == "p"
        assert in_files(tmp_path) == set()
        assert handle.info().state == {"word": MASK, "pin": MASK, "made": MASK, "length": 9}
    with Engine(url, worker=False, secret_key=KEY) as client:
        client.start("in_clear", given, id="other")
        assert client.info("other").state == {"word": MASK, "pin": MASK}
    assert in_files(tmp_path) == set()


def test_without_a_key_it_is_refused_too() -> None:
    with Engine(worker=False, workflows=[in_clear]) as engine:
        with pytest.raises(InvalidInputError) as caught:
            engine.start(in_clear, {"word": "given-hush"})
    assert str(caught.value) == f"input['word'] is taken as a secret, and {HOW}"
