"""Snapshots are a cache: one that was written in another way is no truth, and is folded anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from corago import Engine, State, step, wait_for
from corago.core.codec import CODEC
from tests.runtime.stage import Stage, listing, reaches
from tests.runtime.test_changes import started

DEADLINE = 20.0
TEXT = "x" * 10_000
"""Enough for a snapshot, and not too large for a row."""

GO = wait_for("go")


@step("Write")
def write() -> State:
    return {"text": TEXT}


def test_a_snapshot_of_another_codec_is_not_read(tmp_path: Path) -> None:
    url, flow = f"sqlite:///{tmp_path / 'work.db'}", listing(write, GO)
    started(url, flow, "p")
    with closing(sqlite3.connect(tmp_path / "work.db")) as file, file:
        edited = file.execute(
            "update workflow_instances set internal_state = replace(internal_state, 'xxx', 'yyy'), "
            "snapshot_tag = replace(snapshot_tag, ?, ?) where snapshot_tag like ?",
            (f"{CODEC}:", f"{CODEC + 1}:", f"{CODEC}:%"),
        )
        assert edited.rowcount == 1
    with Engine(url, workflows=[flow]) as engine:
        engine.signal("p", "go")
        assert engine.get("p").result(timeout=DEADLINE)["text"] == TEXT


def test_a_history_that_goes_on_while_it_is_read_is_no_damage() -> None:
    """Without its snapshot, a process is read at two moments: its row first, then its events."""
    stage, flow = Stage(), listing(write, GO)

    async def story() -> None:
        async with stage.engine(workflows=[flow]) as engine, stage.client() as client:
            await engine.start(flow, id="p")
            await reaches(engine, "p", "waiting")
            before = await stage.store.load("p")
            assert before is not None
            assert before.snapshot is not None
            await engine.signal("p", "go")
            await reaches(engine, "p", "completed")

            async def load(_: str) -> Any:
                return msgspec.structs.replace(before, snapshot_tag="another")

            stage.stores[-1].__dict__["load"] = load
            found = (await client._backend.describe("p")).snapshot.process
            assert (found.position, found.status) == (before.row.position, "running")

    stage.run(story())
