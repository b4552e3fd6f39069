"""One file and several OS processes: killed ones, competing ones, forked ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from corago.clock import SystemClock
from corago.errors import EngineClosedError
from corago.ports.store import Outgoing, Query
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check

ROOT = Path(__file__).parents[2]

WRITING = """
import asyncio, sys
from corago.clock import SystemClock
from corago.ports.store import Append, Definition, Fence, NewProcess, Outgoing
from corago.stores.sqlite import SqliteStore

path, name, processes, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

async def process(store, definition, worker, id):
    born = await store.start(NewProcess(id, definition, "input", b"0", 1, owner=worker))
    for step in range(1, steps + 1):
        fence = Fence(born.instance, 1, worker, born.epoch, step)
        refusal = await store.append(Append(fence, step, "running", (b"%d" % step,)))
        assert refusal is None, refusal
        sent = await store.send(Outgoing("shared", b'"%s %d"' % (id.encode(), step)))
        print(id, step, sent.seq, flush=True)

async def main():
    store = SqliteStore(path, SystemClock())
    await store.open()
    document = b"{}"
    sha = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    definition = await store.define(Definition("greet", 1, sha, document))
    worker = await store.beat(name)
    await store.start(NewProcess("shared", definition, "input", b"0", 1))
    ids = [f"{name}-{number}" for number in range(processes)]
    await asyncio.gather(*(process(store, definition, worker, id) for id in ids))
    await store.close()

asyncio.run(main())
"""


def writing(path: Path, name: str, processes: int, steps: int) -> subprocess.Popen[str]:
    """Another OS process that writes, and says what it was answered."""
    command = [sys.executable, "-c", WRITING, str(path), name, str(processes), str(steps)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def look(path: Path, answered: list[str]) -> None:
    """Whatever was answered is there, in its place."""
    store = SqliteStore(path, SystemClock())
    await store.open()
    last: dict[str, int] = {}
    texts: dict[int, str] = {}
    for line in answered:
        name, step, seq = line.split()
        last[name] = int(step)
        texts[int(seq)] = f'"{name} {step}"'
    for name, count in last.items():
        events = await store.events(name)
        assert events[: count + 1] == [b"%d" % number for number in range(count + 1)]
    loaded = await store.load("shared")
    assert loaded is not None
    found = {each.seq: each.data.decode() for each in loaded.messages}
    assert {seq: found.get(seq) for seq in texts} == texts
    await store.close()


@pytest.mark.slow
def test_after_a_kill_all_that_was_answered_is_there(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    for attempt in range(3):
        child = writing(path, f"w{attempt}", 30, 10_000)
        assert child.stdout is not None
        answered = [child.stdout.readline() for _ in range(400)]
        child.send_signal(signal.SIGKILL)
        answered += [line for line in child.stdout if line.endswith("\n")]
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        asyncio.run(look(path, answered))
        assert check(path) == []


@pytest.mark.slow
def test_the_death_of_a_killed_worker_is_proven_at_once(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    child = writing(path, "victim", 5, 10_000)
    assert child.stdout is not None
    child.stdout.readline()

    async def run() -> None:
        store = SqliteStore(path, SystemClock())
        await store.open()
        mine = await store.beat("mine")
        (victim,) = (each.id for each in await store.peers() if each.name == "victim")
        alive = {each.id: each.is_dead for each in await store.peers()}
        assert alive == {victim: False, mine: False}
        child.send_signal(signal.SIGKILL)
        child.wait()
        dead = {each.id: each.is_dead for each in await store.peers()}
        assert dead == {victim: True, mine: False}
        assert await store.bury(victim) > 0
        assert not path.with_name(f"work.db-lock-worker-{victim}").exists()
        names = {each.process_id for each in await store.find(Query())} - {"shared"}
        loaded = await store.load(names.pop())
        assert loaded is not None
        assert loaded.lost_owner == "victim"
        await store.close()

    asyncio.run(run())
    child.stdout.close()


@pytest.mark.slow
def test_two_os_processes_write_at_once_and_both_come_through(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    children = [writing(path, name, 10, 30) for name in ("ann", "ben")]
    answered: dict[str, list[str]] = defaultdict(list)
    for child in children:
        said, _ = child.communicate()
        assert child.returncode == 0
        for line in said.splitlines():
            answered[line.partition("-")[0]].append(line)
    assert {name: len(lines) for name, lines in answered.items()} == {"ann": 300, "ben": 300}
    asyncio.run(look(path, answered["ann"] + answered["ben"]))
    assert check(path) == []


@pytest.mark.slow
def test_one_os_process_hears_of_what_another_wrote(tmp_path: Path) -> None:
    path = tmp_path / "work.db"

    async def run() -> None:
        store = SqliteStore(path, SystemClock())
        await store.open()
        store.stirred()
        child = writing(path, "ann", 1, 1)
        said, _ = await asyncio.to_thread(child.communicate)
        assert child.returncode == 0, said
        assert store.stirred()
        assert not store.stirred()
        assert (await store.send(Outgoing("shared", b"{}"))).outcome == "sent"
        assert not store.stirred()
        await store.close()

    asyncio.run(run())


FORKING = """
import asyncio, os, sys, warnings
from corago.clock import SystemClock
from corago.errors import EngineClosedError
from corago.ports.store import *
from corago.stores.sqlite import SqliteStore

warnings.simplefilter("ignore")

def calls(store):
    fence = Fence(1, 1, 1, 1, 1)
    yield lambda: store.open()
    yield lambda: store.close()
    yield lambda: store.define(Definition("greet", 1, "sha", b"{}"))
    yield lambda: store.definitions()
    yield lambda: store.start(NewProcess("p", 1, "input", b"{}", 1))
    yield lambda: store.send(Outgoing("p", b"{}"))
    yield lambda: store.append(Append(fence, 1, "running"))
    yield lambda: store.claim(1, [1], 1)
    yield lambda: store.claim_tasks(1, ["mail"], [1], 1)
    yield lambda: store.complete_task(Task(1, 1, "p", "sha", "a", "mail", b"{}"), 1, b"{}")
    yield lambda: store.held_tasks(1)
    yield lambda: store.blobs(["sha"])
    yield lambda: store.load("p")
    yield lambda: store.messages(1, 0)
    yield lambda: store.events("p")
    yield lambda: store.find(Query())
    yield lambda: store.count(Query())
    yield lambda: store.beat("worker")
    yield lambda: store.peers()
    yield lambda: store.bury(1)
    yield lambda: store.pause()
    yield lambda: store.document("order", "7")

def refused(call):
    try:
        result = call()
        if asyncio.iscoroutine(result):
            result.send(None)
    except EngineClosedError as error:
        return "fork" in str(error)
    return False

async def begin(store):
    await store.open()
    worker = await store.beat("parent")
    for _ in range(200):
        loop.create_task(store.beat("busy"))
    await asyncio.sleep(0)
    return worker

async def go_on(store, worker):
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    assert await store.beat("parent", worker) == worker

loop = asyncio.new_event_loop()
store = SqliteStore(sys.argv[1], SystemClock())
worker = loop.run_until_complete(begin(store))
child = os.fork()
if not child:
    all_calls = [*calls(store), store.stirred, lambda: store.subscribe(print)]
    answers = [refused(call) for call in all_calls]
    print("forked", answers.count(True), len(answers), flush=True)
    # Outlive the parent, as a daemon would: what was inherited must not hold its locks.
    sys.stdin.readline()
    sys.exit(0)  # in full, so that all objects are taken apart
loop.run_until_complete(go_on(store, worker))
print("parent", worker, flush=True)
if sys.argv[2] == "dies":
    os.kill(os.getpid(), 9)
_, status = os.waitpid(child, 0)
assert status == 0
loop.run_until_complete(go_on(store, worker))
loop.run_until_complete(store.close())
"""


def forking(path: Path, end: str) -> subprocess.Popen[str]:
    """An OS process that forks while its store writes."""
    command = [sys.executable, "-c", FORKING, str(path), end]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said_by(forking: subprocess.Popen[str]) -> dict[str, list[str]]:
    """The two lines that parent and child print, in whatever order."""
    assert forking.stdout is not None
    lines = [forking.stdout.readline().split() for _ in range(2)]
    return {first: rest for first, *rest in lines}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_in_a_fork_every_call_says_so_and_the_parent_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    parent = forking(path, "lives")
    refused, asked = said_by(parent)["forked"]
    parent.communicate("\n")
    assert refused == asked
    assert parent.returncode == 0
    assert check(path) == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_that_lives_on_does_not_keep_its_parent_alive(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    parent = forking(path, "dies")
    said = said_by(parent)
    worker = int(said["parent"][0])
    assert parent.wait() == -signal.SIGKILL

    async def run() -> None:
        store = SqliteStore(path, SystemClock())
        await store.open()
        dead = {each.id: each.is_dead for each in await store.peers()}
        assert dead[worker] is True
        assert len(dead) == 201
        assert await store.beat("heir") > worker
        await store.close()

    asyncio.run(run())
    parent.communicate("\n")
    assert check(path) == []


def test_a_store_of_another_os_process_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", SystemClock())
        await store.open()
        opened = store._opened
        assert opened is not None
        store._opened = opened._replace(pid=opened.pid + 1)
        with pytest.raises(EngineClosedError, match="fork"):
            await store.send(Outgoing("p", b"{}"))
        store._opened = opened
        await store.close()

    asyncio.run(run())


GLANCE = """
import sqlite3, sys
glance = sqlite3.connect(sys.argv[1])
print(glance.execute("select count(*) from workers").fetchone()[0])
glance.close()
"""


def test_a_second_store_in_an_os_process_leaves_the_first_its_locks(tmp_path: Path) -> None:
    """Else the next program that looks at the file takes itself for the last one, and tidies up."""
    path = tmp_path / "work.db"

    async def run() -> None:
        store, another = SqliteStore(path, SystemClock()), SqliteStore(path, SystemClock())
        await store.open()
        await store.beat("first")
        await another.open()
        await another.close()
        looking = [sys.executable, "-c", GLANCE, str(path)]
        seen = await asyncio.to_thread(subprocess.check_output, looking, text=True)
        assert seen == "1\n"
        assert path.with_name("work.db-wal").exists()
        await store.beat("second")
        await store.close()

    asyncio.run(run())
    assert check(path) == []
