"""The demo: a crash and a recovery on your own machine, told while they happen."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from corago.clock import SystemClock

if TYPE_CHECKING:
    from corago.demo.proof import Proof
    from corago.demo.stage import Stage
    from corago.demo.story import Story

FINDINGS = 9
"""The command line's exit status for a check that found something."""


def demo(
    *,
    fast: bool = False,
    folder: Path | None = None,
    remove: bool = False,
    json: Annotated[bool, Parameter(name="--json")] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """See a crash and a recovery, in a quarter of a minute.

    A worker provisions network ports, and is killed with SIGKILL in the middle; another one
    recovers everything. Then the database and a side file are compared: no recorded step may
    have run again. The processes and the database are real, and stay there to be looked at.

    Args:
        fast: fewer processes and shorter steps.
        folder: where to put the database: a folder that is made, or one in which a new one is
            made. Without it, a new temporary folder.
        remove: remove that folder at the end.
        json: one JSON document on stdout at the end; the story goes to stderr.
        quiet: tell no story.
    """
    from corago.demo.stage import Stage
    from corago.demo.story import Story

    place = folder
    if place is None or place.exists():  # never among what is somebody else's
        place = Path(tempfile.mkdtemp(prefix="corago-demo-", dir=place))
    place.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    begun = clock.monotonic()
    aside = sys.stderr if json else sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        stage = Stage(nowhere if quiet else aside)
        story = Story(stage, place, *((9, 0.25) if fast else (24, 1.0)))
        try:
            proof = asyncio.run(_told(story))
        except asyncio.CancelledError:
            raise KeyboardInterrupt("the demo was stopped, and its workers with it") from None
        finally:
            stage.calm()
        _conclude(stage, story, proof, clock.monotonic() - begun, is_kept=not remove)
    if json:
        _document(story, proof, is_kept=not remove)
    if remove:
        shutil.rmtree(place)
    return 0 if proof.holds else FINDINGS


async def _told(story: Story) -> Proof:
    """The story; SIGTERM stops it as Ctrl-C does, so that no worker is left behind."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    proof = await story.tell()
    if stopped.is_set():  # Python 3.11 may lose a cancel that meets the end of a wait
        raise asyncio.CancelledError
    return proof


def _conclude(stage: Stage, story: Story, proof: Proof, seconds: float, *, is_kept: bool) -> None:
    stage.act("4. The books are checked")
    stage.say(
        "The database holds what was recorded; the side file, what the steps did outside. "
        "Compared attempt by attempt:"
    )
    stage.show(
        f"recorded before the crash   {proof.recorded_before:>4}\n"
        f"  of these run again        {proof.run_again_though_recorded:>4}\n"
        f"recorded twice              {proof.recorded_twice:>4}\n"
        f"in flight at the crash      {proof.in_flight:>4}\n"
        f"  of these run again        {proof.run_again:>4}"
    )
    if proof.holds:
        stage.say("No recorded step ran twice.", "bold green")
    else:
        stage.say(f"This does not hold! Please report it, with {story.folder}.", "bold red")
    if proof.run_again:
        stage.say(
            f"What was in flight ran again ({proof.run_again}); {proof.had_effect or 'none'} of "
            "these had had its effect outside already. Outside effects happen at least once, and "
            "no engine can promise better; but each came with the same idempotency key as before, "
            "so that the service behind it can tell."
        )
    if is_kept:
        stage.act("Look further")
        stage.show(
            f"export CORAGO_URL={story.url}\n"
            "corago list\n"
            "corago show port-03\n"
            "corago history port-03\n"
            "corago db check\n"
            f"rm -r {story.folder}"
        )
    stage.say(f"({seconds:.0f} s)")


def _document(story: Story, proof: Proof, *, is_kept: bool) -> None:
    kept = {"folder": str(story.folder), "url": story.url} if is_kept else {}
    told = {"processes": story.process_count, "holds": proof.holds, **asdict(proof), **kept}
    print(msgspec.json.encode(told).decode())
