"""The rules of `explain` in worlds described by hand, which a stage can't show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from corago import Explanation, wait_for
from corago.core import decisions as d
from corago.core.events import Failure
from corago.core.process import Child
from corago.core.program import Agenda, Difference
from corago.runtime.cases import Surroundings
from corago.runtime.explaining import HINTS, RULES, explain
from tests.runtime.stage import Stage
from tests.runtime.standings import breaks, long, starts
from tests.runtime.test_explain import TABLE

BY_HAND = {"definition_changed"}
"""Reasons whose worlds are described below."""


def test_every_reason_has_a_row() -> None:
    assert {rule.reason for rule in RULES} | {"damaged"} == {row.reason for row in TABLE} | BY_HAND


def around(case: dict[str, Any], *steps: Any, **options: Any) -> Explanation:
    """What is said of a process in a world described by hand."""
    stage = Stage()

    async def story() -> Explanation:
        async with stage.engine() as engine:
            await starts(*steps, **options)(stage, engine)
            description = await engine._backend.describe("p")
            changed = {name: case.pop(name) for name in ("row", "process") if name in case}
            row = msgspec.structs.replace(description.row, **changed.get("row", {}))
            process = description.snapshot.process
            process = msgspec.structs.replace(process, **changed.get("process", {}))
            snapshot = msgspec.structs.replace(description.snapshot, process=process)
            description = msgspec.structs.replace(description, row=row, snapshot=snapshot)
            agenda = case.pop("agenda", None) or engine._agenda(description)
            now = stage.clock.now() + timedelta(seconds=1)
            given = {"is_paused": False, "now": now, **case}
            return explain(description, agenda, Surroundings(**given))

    return stage.run(story())


def test_a_worker_that_is_gone_is_named_until_somebody_takes_over() -> None:
    found = around({"workers": ["other"]}, long)
    assert (found.reason, found.holder, found.missing) == ("queued", "worker-00000001", "worker")
    assert "was held by worker worker-00000001, which is gone" in str(found)
    assert found.ways == ()
    assert "`corago worker FILE` starts one" in str(around({}, long))


def test_a_process_that_lost_its_workers_is_said_to_run_alone() -> None:
    row = {"owner": None, "owner_name": None, "due_us": 0}
    found = around({"has_code": True, "row": row, "process": {"losses": 3}}, long)
    assert "its workers vanished 3 times in a row, so it runs alone" in str(found)
    assert "alone" not in str(around({"has_code": True, "row": row}, long))


@pytest.mark.parametrize(("stops", "words"), [(True, " --map OLD=NEW"), (False, "")])
def test_a_definition_that_differs_is_named_with_the_two_ways_out(
    stops: bool,  # noqa: FBT001 - a case
    words: str,
) -> None:
    row = {"owner": None, "owner_name": None, "due_us": 0}
    differences = [Difference("Long", "step 'Long' is gone", stops)]
    case = {"row": row, "differences": differences, "newer": "abc", "workers": ["other"]}
    found = around(case, long)
    assert found.reason == "definition_changed"
    assert "(abc): step 'Long' is gone" in str(found)
    assert [way.command for way in found.ways] == [
        f"corago migrate p --dry-run{words}",
        "corago worker FILE",
    ]


def test_a_child_that_is_waited_for_is_named_with_the_way_to_ask_about_it() -> None:
    agenda = Agenda(children=(d.StartChild("Child", "other"),))
    process = {"children": {"Child": Child("p/Child")}}
    found = around({"agenda": agenda, "process": process}, wait_for("go"), status="waiting")
    assert "'Child' waits for the process 'p/Child'" in str(found)
    assert [way.command for way in found.ways] == ["corago explain p/Child"]


def test_a_step_in_a_queue_is_named_with_its_queue() -> None:
    agenda = Agenda(activities=(d.ScheduleActivity("Train", {}, queue="gpu"),))
    found = around({"agenda": agenda}, wait_for("go"), status="waiting")
    assert found.reason == "waiting"
    assert "step 'Train' waits for a worker of queue 'gpu' to run it" in str(found)
    assert [way.command for way in found.ways] == ["corago worker FILE --queue gpu"]


@pytest.mark.parametrize("kind", sorted(HINTS))
def test_a_failure_that_a_mere_retry_would_meet_again_says_what_to_do_first(kind: str) -> None:
    incident = d.Incident("Break", 2, Failure(kind, "so it is"))
    found = around({"agenda": Agenda(incidents=(incident,))}, breaks, status="failed")
    assert f"{kind}: so it is; {HINTS[kind]}; `corago retry p`" in str(found)
