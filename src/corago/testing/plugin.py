"""The pytest plugin: fixtures for tests of workflows. Loaded with pytest, so it loads little.

Installed with corago, and found by pytest without a word in any settings.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from corago.blocking import Engine
    from corago.testing.clock import VirtualClock
    from corago.testing.crashing import Crash, Run

GRACE_SECONDS = 1.0
"""How long closing waits for steps that still run: a test has had its say by then."""

SHOWN = 5
"""Of how many processes the histories are shown when a test has failed."""

_ENGINE = pytest.StashKey["Engine"]()


@pytest.fixture
def clock() -> VirtualClock:
    """Virtual time, from the first moment of 2026: it jumps while the test waits for a result."""
    from corago.testing.clock import VirtualClock  # noqa: PLC0415 - pytest starts without it

    return VirtualClock()


@pytest.fixture
def engine(clock: VirtualClock, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine in memory, with a worker, on the `clock` of the test; closed after it.

    Workflows are registered when they are started. When the test fails, the report shows what was
    recorded.
    """
    from corago.blocking import Engine  # noqa: PLC0415 - pytest starts without it

    with Engine(clock=clock, grace=GRACE_SECONDS) as opened:
        request.node.stash[_ENGINE] = opened
        yield opened


@pytest.fixture
def crash_at() -> Callable[..., Crash]:
    """A crash of the worker: `crash_at("Charge card").run(order, {...})`."""
    from corago.testing.crashing import crash_at  # noqa: PLC0415 - pytest starts without it

    return crash_at


@pytest.fixture
def crash_everywhere() -> Callable[..., list[Run]]:
    """A run without a crash, and one for each store call with a crash there: all go alike."""
    from corago.testing.crashing import crash_everywhere  # noqa: PLC0415 - pytest starts without it

    return crash_everywhere


def stored_histories(folder: Path | str) -> pytest.MarkDecorator:
    """Run a test once for each history in a folder, as its argument `history`.

    Files end in `.jsonl` or `.json`, and may lie in folders of their own. Raises ValueError for a
    folder that holds none, since a test that does not run proves nothing.
    """
    from corago.testing.histories import load_history  # noqa: PLC0415 - pytest starts without it

    root = Path(folder)
    paths = sorted(each for each in root.rglob("*") if each.suffix in (".jsonl", ".json"))
    if not paths:
        raise ValueError(
            f"{root} holds no stored history; `save_histories(engine, folder)` writes some"
        )
    names = [str(path.relative_to(root).with_suffix("")) for path in paths]
    return pytest.mark.parametrize("history", [load_history(path) for path in paths], ids=names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, with a failed test, what was recorded in its `engine`."""
    report = yield
    opened = item.stash.get(_ENGINE, None)
    if opened is not None and report.when == "call" and report.failed:
        report.sections.append(("processes of this test", "\n".join(_told(opened))))
    return report


def _told(engine: Engine) -> Iterator[str]:
    from corago.errors import CoragoError  # noqa: PLC0415 - pytest starts without it
    from corago.testing.telling import told  # noqa: PLC0415 - pytest starts without it

    try:
        for info in islice(engine.processes(limit=SHOWN), SHOWN):
            yield from (str(engine.explain(info.id)), told(engine.history(info.id)))
    except CoragoError as error:
        yield f"they can't be shown: {error}"
