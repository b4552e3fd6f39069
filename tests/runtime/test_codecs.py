"""Codecs in an engine: rows that nobody else can read, and those from before."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from corago import (
    CodecError,
    Engine,
    ProcessCanceledError,
    RequestError,
    State,
    child,
    step,
    wait_for,
    workflow,
)
from corago.backends.local import LocalBackend
from corago.codecs import Encrypted, PayloadCodec, Zlib
from corago.keys import fresh_key
from corago.ports.store import Append
from corago.runtime.auditing import audit
from corago.runtime.engine import EngineCore
from corago.steps import done, init
from corago.wiring import KINDS
from tests.runtime.stage import Stage, listing, reaches

DEADLINE = 20.0
KEY = fresh_key()
CHAIN: list[PayloadCodec] = [Zlib(), Encrypted(KEY)]
LARGE = "a-large-word " * 3000


@step("Tell")
def tell(word: str) -> State:
    return {"told": f"a-told-word for {word}", "large": LARGE}


@workflow("Tells")
def telling() -> Any:
    return init >> tell >> wait_for("go") >> done


RESULT = {
    "word": "a-given-word",
    "told": "a-told-word for a-given-word",
    "large": LARGE,
    "go": "a-sent-word",
}


def in_files(folder: Path, *words: str) -> set[str]:
    """Which of these words stand in a store's files as they are now, its log included."""
    content = b"".join(each.read_bytes() for each in folder.iterdir())
    return {word for word in words if word.encode() in content}


WORDS = ("a-given-word", "a-told-word", "a-sent-word", "a-large-word", "a-new-word", "a-reason")


def test_nothing_of_a_process_is_in_clear_in_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, workflows=[telling], codec=CHAIN) as engine:
        engine.start(telling, {"word": "a-given-word"}, id="p", reason="a-reason")
        engine.update("p", {"new": "a-new-word"})
        engine.signal("p", "go", "a-sent-word", key="k")
        assert engine.get("p").result(timeout=DEADLINE) == RESULT
        assert in_files(tmp_path, *WORDS) == set()
        assert engine.info("p").external == {"new": "a-new-word"}
    assert in_files(tmp_path, *WORDS) == set()
    with Engine(url, worker=False, codec=CHAIN) as client:
        assert client.get("p").result() == RESULT
        assert [type(each).__name__ for each in client.history("p")][-1] == "ProcessCompleted"


def test_an_engine_without_the_codec_names_it_and_what_to_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, worker=False, workflows=[telling], codec=CHAIN) as engine:
        engine.start(telling, {"word": "a-given-word"}, id="p")
    with Engine(url, worker=False) as client:
        with pytest.raises(CodecError, match=r"the codec 'aes', and .* Engine\(codec=\.\.\.\)"):
            client.history("p")
        (info,) = client.processes()
        assert "'aes'" in str(info.error)
        assert "'aes'" in str(client.explain("p"))
    with Engine(url, worker=False, codec=Encrypted(fresh_key())) as client:
        with pytest.raises(CodecError, match="it was encrypted with the key"):
            client.info("p")


def test_rows_from_before_there_was_a_codec_go_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, worker=False, workflows=[telling]) as engine:
        engine.start(telling, {"word": "a-given-word"}, id="p")
    with Engine(url, workflows=[telling], codec=CHAIN) as engine:
        engine.signal("p", "go", "a-sent-word")
        assert engine.get("p").result(timeout=DEADLINE) == RESULT
    assert in_files(tmp_path, *WORDS) == {"a-given-word"}


def test_a_worker_without_the_codec_leaves_a_process_to_those_who_have_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = listing(wait_for("go"))
    stage = Stage(body)

    def engine(codecs: Sequence[PayloadCodec], *, has_worker: bool = True) -> EngineCore:
        made = stage.engine(has_worker=has_worker)
        made._backend = LocalBackend(stage.stores[-1], stage.clock, KINDS, codecs)  # type: ignore[arg-type]
        return made

    async def story() -> None:
        async with engine(CHAIN) as able:
            await able.start(body, {"a": 1}, id="p")
            await reaches(able, "p", "waiting")
        async with engine(CHAIN, has_worker=False) as client:
            await client.signal("p", "go", "now")
            async with engine([]):
                await asyncio.sleep(5)
            assert (await client.info("p")).position < 5
        async with engine(CHAIN) as able:
            assert await able.wait("p", 100) == {"a": 1, "go": "now"}

    with caplog.at_level(logging.ERROR):
        stage.run(story())
    assert "process p is left alone for now: this row was encoded by the codec 'aes'" in caplog.text


def test_a_process_is_not_aborted_without_the_codec_that_knows_its_children(tmp_path: Path) -> None:
    @workflow("Inner")
    def inner() -> Any:
        return init >> wait_for("go") >> done

    @workflow("Outer")
    def outer() -> Any:
        return init >> child(inner) >> done

    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Engine(url, workflows=[outer], codec=CHAIN) as engine:
        engine.start(outer, id="p")
        end = time.monotonic() + DEADLINE
        while engine.count(status="waiting") != {"waiting": 2}:
            assert time.monotonic() < end
    for codecs, says in (
        ((), "encoded by the codec 'aes'"),
        ([Zlib(), Encrypted(fresh_key())], "the keys here are"),
    ):
        with Engine(url, worker=False, codec=codecs) as blind:
            with pytest.raises(CodecError, match=says):
                blind.abort("p")
            refused = blind.apply("abort", blind.select(status="waiting"))
            assert [says in str(each.why) for each in refused.targets] == [True, True]
            assert blind.count() == {"waiting": 2}
    with Engine(url, workflows=[outer], codec=CHAIN) as engine:
        engine.abort("p")
        with pytest.raises(ProcessCanceledError):
            engine.get("p/inner").result(timeout=DEADLINE)


def test_a_process_that_waits_for_a_person_and_is_left_alone_is_sound() -> None:
    """A worker without the codec lets it go again, and its row can't say what its history does."""
    body = listing(wait_for("go"))
    stage = Stage(body)

    def engine(codecs: Sequence[PayloadCodec], *, has_worker: bool = True) -> EngineCore:
        made = stage.engine(has_worker=has_worker)
        made._backend = LocalBackend(stage.stores[-1], stage.clock, KINDS, codecs)  # type: ignore[arg-type]
        return made

    async def story() -> None:
        async with engine(CHAIN) as able:
            inner, broken = stage.store.append, list[Append]()

            async def append(wish: Append) -> Any:
                if wish.events and not broken:
                    broken.append(wish)
                    raise RuntimeError("something is wrong with the machine")
                return await inner(wish)

            await able.start(body, {"a": 1}, id="p")
            await reaches(able, "p", "waiting")
            stage.stores[-1].__dict__["append"] = append
            await able.signal("p", "go", "now")
            await reaches(able, "p", "suspended")
        async with engine(CHAIN, has_worker=False) as client:
            await client.signal("p", "go", "again")
            await client.retry("p")
            async with engine([]):
                await asyncio.sleep(5)
            assert [each async for each in audit(client._backend)] == []

    stage.run(story())


def test_what_is_no_codec_is_refused_when_the_engine_is_made() -> None:
    with pytest.raises(RequestError, match="is no codec: one has a name"):
        Engine(codec="zlib")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="two codecs, or none, can be called 'zlib'"):
        Engine(codec=[Zlib(), Zlib()])
