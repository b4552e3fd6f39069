"""Every workflow that we show to people, crashed before and after every call to the store.

It must decide the same, come to the same end, and do everything at least once under one key. What
is compared is said by `corago.testing.crash_everywhere`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from corago.decider import Workflow as Decider
from corago.demo.provisioning import PACE
from corago.machine import Machine
from corago.steps import Workflow
from corago.testing import crash_everywhere
from tests.docs.pages import DOCS, ROOT, blocks

CALLS_MAX = 60

README, TUTORIAL = ROOT / "README.md", DOCS / "tutorial/index.md"


# -- where workflows are ---------------------------------------------------------------------------


@cache
def shown() -> dict[str, ModuleType]:
    """What people are shown: the modules of examples and demo, and the code of pages."""
    found = {
        f"examples/{path.name}": import_module(f"examples.{path.stem}")
        for path in sorted((ROOT / "examples").glob("*.py"))
    }
    for path in sorted((ROOT / "examples/testing").glob("*.py")):
        if not path.stem.startswith("test_"):
            found[f"examples/testing/{path.name}"] = _loaded(path)
    for path in sorted((ROOT / "src/corago/demo").glob("*.py")):
        if path.stem != "__init__":
            found[f"demo/{path.name}"] = import_module(f"corago.demo.{path.stem}")
    return found | dict(_of_page("readme", README)) | dict(_of_page("tutorial", TUTORIAL))


def _loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"shown_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _of_page(name: str, page: Path) -> Iterator[tuple[str, ModuleType]]:
    """The code of a page: each of its files is a module, and so is all that stands in none."""
    modules: dict[str, ModuleType] = {}
    for block in blocks(page):
        if block.kind != "python":
            continue
        label = f"{name} {block.file}" if block.file else name
        if block.file and label in modules:
            label = f"{label}, later"
        if label not in modules:
            modules[label] = ModuleType(label.replace(" ", "_"))
            sys.modules[modules[label].__name__] = modules[label]
        hurried = block.text.replace("time.sleep(8)", "time.sleep(0)")  # no test sleeps
        exec(compile(hurried, block.place, "exec"), vars(modules[label]))  # noqa: S102 - our own page
    yield from modules.items()


def workflows() -> dict[tuple[str, str], Any]:
    """All workflows of all doors that are there, by place and name."""
    found: dict[int, tuple[tuple[str, str], Any]] = {}
    for place, module in shown().items():
        for name, value in vars(module).items():
            is_ours = getattr(value, "__module__", None) == module.__name__
            is_class = isinstance(value, type) and issubclass(value, Machine | Decider)
            if (is_class and is_ours) or isinstance(value, Workflow | Machine):
                found.setdefault(id(value), ((place, name), value))
    return dict(found.values())


# -- what happens to them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """A workflow, what it is given and told, and how it then ends."""

    place: str
    workflow: str
    what: str
    status: str
    input: Any = None
    signals: Any = None
    retries: int = 0
    prepare: Callable[[], Any] = field(default=lambda: None)
    compare: Callable[[Any], Any] = field(default=lambda end: end)

    def __str__(self) -> str:
        return f"{self.place} {self.workflow}: {self.what}"


def told(activities: str) -> list[tuple[str, Any]]:
    """What the log of a town hall tells, by the first words of its activities."""
    known = import_module("examples.permit_machine").Application.program.model.known_events
    names = {name.split(maxsplit=1)[0]: name for name in known}
    return [(names[each], {"by": "Resource10"}) for each in activities.split()]


def rows(ended: str, **changes: Any) -> dict[str, Any]:
    """Two rows of that log, of one application."""
    row = {
        "case:concept:name": "case-1",
        "case:deadline": "2011-12-06 13:41:31.788000+01:00",
        "case:enddate": ended,
        "case:responsible": "Resource21",
        "concept:name": "Confirmation of receipt",
        "org:resource": "Resource10",
    }
    ats = "2011-10-11 13:45:40+02:00", "2011-11-24 12:45:50+01:00"
    return {"key": "case-1", "rows": [row | {"time:timestamp": at} | changes for at in ats]}


def bank(failures: int = 0) -> Callable[[], Any]:
    return lambda: shown()["examples/testing/shop.py"].bank.reset(failures)


def box() -> None:
    Path("bank.txt").write_text("", "utf-8")
    Path("box.txt").write_text("a box", "utf-8")


YES, NO = {"by": "Ann", "is_granted": True}, {"by": "Ann", "is_granted": False}
CRANE = {"what": "Crane", "price": "9800.00"}
GOOD, POOR = {"customer": "acme", "amount": 30}, {"customer": "crux", "amount": 70_000}
PORT = {"customer": "6f2d1c4e-98ab-4a0f-8a6b-2c1f5d3e7a90", "speed": 1_000}
ORDER = {"customer": "acme", "amount": 90, "parcels": ["books", "lamp"]}
BREAKS = ORDER | {"parcels": ["books", "crystal"]}
DEAR, CHEAP = {"prices": ["79.90", "24.00"]}, {"prices": ["5"]}
SHIPPED = {"shipped": {"parcel": "P1"}}
BY_ANN = {"approved": {"by": "ann"}}

APPROVAL = ("examples/approval.py", "purchase")
LIST, MACHINE, DECIDER = (
    ("examples/orders.py", each) for each in ("order", "Order", "DecidedOrder")
)
PERMITS = ("examples/permit_machine.py", "Application")
PERMIT = ("examples/permits.py", "permit")
CREATE_PORT = ("examples/provisioning.py", "create_port")
SHIPPING = ("examples/shipping.py", "Shipping")
SHOP = ("examples/testing/shop.py", "order")
DEMO = ("demo/provisioning.py", "provision")

STORIES = [
    Story(*APPROVAL, "small", "completed", {"what": "Stapler", "price": "12.50"}, retries=1),
    Story(*APPROVAL, "granted", "completed", CRANE, {"decision": YES}, retries=1),
    Story(*APPROVAL, "refused", "completed", CRANE, {"decision": NO}),
    Story(*APPROVAL, "silence", "failed", CRANE),
    Story(*APPROVAL, "free", "failed", {"what": "Air", "price": "0"}),
    Story(*LIST, "packed", "completed", GOOD, {"packed": None}),
    Story(*LIST, "silence", "failed", GOOD),
    Story(*LIST, "declined", "failed", POOR),
    Story(*MACHINE, "packed", "completed", GOOD, {"packed": None}),
    Story(*MACHINE, "canceled", "completed", GOOD, {"cancel": {"why": "too late"}}),
    Story(*MACHINE, "silence", "completed", GOOD),
    Story(*MACHINE, "declined", "completed", POOR),
    Story(*DECIDER, "packed", "completed", GOOD, {"packed": None}),
    Story(*DECIDER, "silence", "canceled", GOOD),
    Story(*DECIDER, "declined", "canceled", POOR),
    Story(*PERMITS, "lapsed", "completed"),
    Story(*PERMITS, "settled", "completed", signals=told("Confirmation T02 T04 T05 T06 T10")),
    Story(
        *PERMITS,
        "a document",
        "completed",
        signals=told("Confirmation T06 T10 T11 T12 T13 T12 T14 T15 T02 T04 T05"),
    ),
    Story(*PERMITS, "advice", "completed", signals=told("Confirmation T06 T08 T09-3 T07-5 T09-2")),
    Story(*PERMITS, "refused", "completed", signals=told("Confirmation T05 T11 T06 T02 T20")),
    Story(*PERMIT, "in time", "completed", rows("2011-12-04 13:41:31.788000+01:00")),
    Story(*PERMIT, "late", "completed", rows("2011-12-21 13:41:31.789000+01:00")),
    Story(*PERMIT, "a wrong row", "failed", rows("", **{"org:resource": ""})),
    Story(
        *CREATE_PORT,
        "accepted",
        "completed",
        PORT,
        {"acceptance": {"by": "noc", "is_accepted": True}},
    ),
    Story(
        *CREATE_PORT,
        "refused",
        "aborted",
        PORT,
        {"acceptance": {"by": "noc", "is_accepted": False}},
    ),
    # two parcels are under way at a time, and may arrive in any order
    Story(*SHIPPING, "delivered", "completed", ORDER, compare=sorted),
    Story(*SHIPPING, "called back", "canceled", BREAKS),
    Story(*SHIPPING, "too poor", "canceled", ORDER | {"amount": 9_000}),
    Story(*SHOP, "with a gift", "completed", DEAR, SHIPPED, prepare=bank()),
    Story(*SHOP, "small", "completed", CHEAP, SHIPPED, prepare=bank()),
    Story(*SHOP, "not shipped", "failed", CHEAP, prepare=bank()),
    Story(*SHOP, "the bank is down", "completed", CHEAP, SHIPPED, prepare=bank(3)),
    Story(*SHOP, "over the limit", "failed", {"prices": ["1000.01"]}, prepare=bank()),
    Story(
        *DEMO,
        "tried again",
        "completed",
        {"number": 3, "customer": "Ada"},
        {"approve": {"by": "ann"}},
    ),
    Story(
        "readme app.py",
        "create_port",
        "approved",
        "completed",
        {"customer": "acme", "speed": 10},
        BY_ANN,
    ),
    Story("readme", "order", "packed", "completed", GOOD, {"packed": None}),
    Story("readme", "order", "silence", "failed", GOOD),
    Story("readme", "Order", "packed", "completed", GOOD, {"packed": None}),
    Story("readme", "Order", "canceled", "completed", GOOD, {"cancel": None}),
    Story("readme", "Order", "silence", "completed", GOOD),
    Story("readme", "DecidedOrder", "packed", "completed", GOOD, {"packed": None}),
    Story("readme", "DecidedOrder", "silence", "canceled", GOOD),
    Story("tutorial shop.py", "order", "paid", "completed", {"prices": [30, 12]}),
    Story(
        "tutorial shop.py, later",
        "order",
        "packed",
        "completed",
        {"prices": [30, 12]},
        BY_ANN,
        prepare=box,
    ),
    Story("tutorial test_shop.py", "order", "reviewed", "completed", {"total": 42}, BY_ANN),
]


def test_the_table_holds_every_workflow_that_people_are_shown() -> None:
    assert {(story.place, story.workflow) for story in STORIES} == set(workflows())


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_it_goes_on_after_a_crash_at_any_moment_as_if_nothing_had_happened(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PACE, "1e-6")
    workflow = workflows()[story.place, story.workflow]
    calm, *crashed = crash_everywhere(
        workflow,
        story.input,
        signals=story.signals,
        retries=story.retries,
        prepare=story.prepare,
        compare=story.compare,
    )
    assert calm.status == story.status, str(calm)
    assert len(calm.calls) <= CALLS_MAX, "give it a shorter story"
    assert len(crashed) == 2 * len(calm.calls)
    assert bool(calm.effects) == bool(workflow.functions)
