"""OS processes that work at one store, and what is done to them: killed, stopped, let go on.

All of them belong to a Yard, which ends with the test, and they with it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from corago.cli import main
from corago.core.events import CLOSED_STATUSES
from tests.acceptance.grounds import STORES
from tests.acceptance.interrupted import CORAGO, ROOT, Journal, Step

BURDENS = ROOT / "tests/acceptance/burdens.py"
DEADLINE_SECONDS = 120.0
GLANCE_SECONDS = 0.01
LAST_WORDS = 3000


class Hand:
    """One OS process, and what it has said."""

    def __init__(self, output: Path, process: subprocess.Popen[bytes]) -> None:
        self._output = output
        self._process = process
        self.pid = process.pid

    @property
    def said(self) -> str:
        """All that it has said by now."""
        return self._output.read_text("utf-8")

    @property
    def exit_status(self) -> int | None:
        """None while it lives."""
        return self._process.poll()

    def tell(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def stop(self) -> None:
        """SIGSTOP; when this returns, no thread of it runs any more."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> int:
        """SIGKILL, whatever its state; gives how it has ended."""
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(signal.SIGKILL)
        return self.ended()

    def terminate(self) -> int:
        """SIGTERM; gives how it has ended."""
        self._process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended; gives its exit status."""
        return self._process.wait(DEADLINE_SECONDS)

    def put_away(self) -> None:
        """Let nothing be left of it."""
        if self._process.poll() is None:
            self.kill()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()


@dataclass(frozen=True)
class Moment:
    """What was recorded at a moment, and what had been noted by then."""

    closed: frozenset[Step]
    notes: int


class Yard:
    """A folder with a store, and the OS processes that work at it."""

    def __init__(self, store: str, folder: Path, seed: int) -> None:
        self.store, self.ground, self.folder = store, STORES[store], folder
        self.url = self.ground.url(folder)
        self.account = self.ground.account(folder)
        self.journal = Journal(folder / "journal.tsv")
        self.chance = random.Random(seed)
        self.moments: list[Moment] = []
        self.hands: list[Hand] = []
        self._pause = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for hand in self.hands:
            hand.put_away()

    # -- who works here ----------------------------------------------------------------------

    def hire(self, *command: str | Path) -> Hand:
        """Start an OS process."""
        output = self.folder / f"output-{len(self.hands)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [str(each) for each in command],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        hand = Hand(output, process)
        self.hands.append(hand)
        return hand

    def worker(self, *, lease: str = "60s", name: str = "", threads: int = 16) -> Hand:
        """`corago worker`, of all burdens or of the one that is named; it runs already."""
        what = f"{BURDENS}:{name}" if name else f"{BURDENS}"
        command = f"worker {what} --queue yard --lease {lease} --threads {threads} --url {self.url}"
        hand = self.hire(CORAGO, *command.split(" "), "--log-level", "warning")
        self.until(lambda: "Ctrl-C stops it" in hand.said, "the worker runs", hand)
        return hand

    def partner(
        self,
        role: str,
        share: str,
        sizes: Mapping[str, int],
        *,
        shares: str = "",
        room: int | None = None,
    ) -> Hand:
        """The program `partner.py`; see there."""
        program = [sys.executable, "-m", "tests.acceptance.partner", self.store, str(self.folder)]
        seed = str(self.chance.randrange(1000))
        rest = [json.dumps(sizes), shares or share, seed, "all" if room is None else str(room)]
        return self.hire(*program, role, share, *rest)

    def start(self, share: str, sizes: Mapping[str, int]) -> None:
        """Let a client start a share, signal it, and leave."""
        starter = self.partner("starter", share, sizes)
        assert starter.ended() == 0, starter.said[-LAST_WORDS:]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Give a command of `corago` and wait until it is done."""
        return subprocess.run(
            [str(CORAGO), *arguments, "--url", self.url],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CORAGO_BURDENS_LOG": str(self.journal.path)}

    # -- waiting and looking -----------------------------------------------------------------

    def until(self, holds: Callable[[], bool], what: str, *alive: Hand) -> None:
        """Wait until something holds. Fails after a long while, or when one of these has ended."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            self._pause.wait(GLANCE_SECONDS)
            for hand in alive:
                if hand.exit_status is not None:
                    assert holds(), f"it ended before {what}: {hand.said[-LAST_WORDS:]}"
                    return
            said = "\n".join(f"{hand.pid}: {hand.said[-LAST_WORDS:]}" for hand in alive)
            assert time.monotonic() < deadline, f"in vain until {what}: {said}"

    def until_noted(self, count: int, *alive: Hand) -> None:
        """Wait until steps have noted so much."""
        self.until(lambda: len(self.journal.read()) >= count, f"note {count}", *alive)

    def until_begun(self, hand: Hand, *paths: str) -> None:
        """Wait until steps of these names have begun there."""

        def begun() -> bool:
            self.journal.read()
            keys = [key.split("/")[-2] for _, key in self.journal.begun(hand.pid)]
            return set(paths) <= set(keys)

        self.until(begun, f"{paths} have begun", hand)

    def until_all_are(self, statuses: Mapping[str, str], *alive: Hand) -> None:
        """Wait until these processes, and all others, stand so."""

        def stand() -> bool:
            found = self.account.standings()
            for process in statuses.keys() & found.keys():
                if found[process] in CLOSED_STATUSES | {"suspended"}:
                    assert found[process] == statuses[process], process
            return found.items() >= statuses.items()

        self.until(stand, f"{statuses}", *alive)

    def is_held(self) -> bool:
        """Whether somebody holds the store's one lock for writing, and does not let go of it."""
        for _ in range(10):
            if not self.ground.is_held(self.folder):
                return False
            self._pause.wait(GLANCE_SECONDS)
        return True

    def touch(self, name: str) -> None:
        """Put an empty file beside the journal."""
        (self.folder / name).touch()

    def keep(self) -> Moment:
        """Remember what is recorded by now: none of it may begin again."""
        closed = frozenset(self.account.closed())
        moment = Moment(closed, len(self.journal.read()))
        self.moments.append(moment)
        return moment

    def check_copy(self) -> None:
        """What a kill left behind is sound; nobody may be writing."""
        if "copies" in self.ground.can:
            folder = self.folder / f"after-{len(self.moments)}"
            self.account.copied_to(folder)
            self.check(self.ground.url(folder))

    # -- judging -----------------------------------------------------------------------------

    def check(self, url: str = "") -> None:
        """`corago db check` finds nothing; given here, since another OS process would be dear."""
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = main(["db", "check", "--url", url or self.url])
        assert status == 0, said.getvalue()

    def judge(self, statuses: Mapping[str, str], effects: set[Step]) -> None:
        """All has ended as it must, each end was recorded once, and nothing recorded ran again."""
        assert self.account.standings() == statuses
        closed = self.account.closed()
        assert len(closed) == len(set(closed)), sorted(
            {each for each in closed if closed.count(each) > 1}
        )
        assert set(closed) == effects
        notes = self.journal.read()
        for what in ("begin", "end"):
            assert {note.step for note in notes if note.what == what} == effects
        for moment in self.moments:
            later = {note.step for note in notes[moment.notes :] if note.what == "begin"}
            assert not moment.closed & later
        self.check()


# -- what a share comes to ---------------------------------------------------------------------

PATHS = {
    "freight": (
        "Reserve/1",
        "Prepare/Weigh/1",
        "Prepare/Label/1",
        "Prepare/Seal/1",
        "Each[0]/Load/1",
        "Each[1]/Load/1",
        "Each[2]/Load/1",
        "Bill/1",
    ),
    "bulk": ("Fill/1", "Fill#2/1", "Fill#3/1", "Fill#4/1"),
    "paper": ("asked/remind#1/1", "stamping/stamp/1"),
    "depot": ("haul 0/1", "haul 1/2", "haul 2/3", "Sweep/4"),
}
"""The paths and occurrences of all that has an effect."""


def ends_of(**shares: Mapping[str, int]) -> tuple[dict[str, str], set[Step]]:
    """How the processes of shares must end, children too, and with what effects."""
    statuses: dict[str, str] = {}
    effects: set[Step] = set()
    wanted = [
        (kind, f"{kind}-{share}-{number}", number)
        for share, sizes in shares.items()
        for kind, count in sizes.items()
        for number in range(count)
    ]
    for kind, process, number in wanted:
        statuses[process] = "completed"
        effects |= {(process, f"{process}/1/{path}") for path in PATHS[kind]}
        if kind != "freight":
            continue
        child = f"{process}/leg"
        statuses[child] = "completed"
        effects.add((child, f"{process}%2Fleg/1/Drive/1"))
        if number % 5 == 4:
            statuses[process] = "failed"
            effects.add((process, f"{process}/1/Reserve/undo/1"))
    return statuses, effects
