"""The two samples of the seed (orchestrator-core's workflow engine) run as they stand.

Only their import lines are added, and what they take for granted: a form, and a function that
builds a subscription, here a plain dict.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import Engine, ProcessFailedError, events

pytestmark = pytest.mark.acceptance

STEP = """\
@step("Create subscription")
def create_subscription(
    product: UUIDstr,
    user_input: str,
) -> State:
    subscription = build_subscription(product, user_input)
    return {"subscription": subscription}
"""

WORKFLOW = """\
@workflow(
    "Create product subscription",
    initial_input_form=initial_input_form_generator,
    target=Target.CREATE,
)
def create_product_subscription():
    return init >> create_subscription >> done
"""

IMPORTS = """\
from company import UUIDstr, build_subscription, initial_input_form_generator
from corago import State, Target, done, init, step, workflow
"""

COMPANY = """\
from pathlib import Path

UUIDstr = str
OUTAGE = Path(__file__).with_name("outage")


def initial_input_form_generator(product_name):
    yield {"user_input": str}


def build_subscription(product, user_input):
    if OUTAGE.exists():
        raise ConnectionError("the product database does not answer")
    return {"product": product, "description": user_input, "status": "initial"}
"""

PRODUCT = "b6f8d3a0-6e2f-4f0c-9f57-0d6a4c0f3a11"
GIVEN = {"product": PRODUCT, "user_input": "Port for the library"}
SUBSCRIPTION = {
    "product": PRODUCT,
    "description": "Port for the library",
    "status": "initial",
}


@pytest.fixture
def story(tmp_path: Path) -> Path:
    (tmp_path / "company.py").write_text(COMPANY)
    path = tmp_path / "story.py"
    path.write_text(f"{IMPORTS}\n\n{STEP}\n\n{WORKFLOW}")
    return path


@pytest.fixture
def workflow(story: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(story.parent)
    monkeypatch.delitem(sys.modules, "company", raising=False)
    spec = importlib.util.spec_from_file_location("story", story)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create_product_subscription


def test_the_workflow_is_what_the_sample_says(workflow: Any) -> None:
    assert workflow.name == "create_product_subscription"
    assert workflow.description == "Create product subscription"
    assert workflow.target == "CREATE"
    names = [element["name"] for element in workflow.document["steps"]]
    assert names == ["Start", "Create subscription", "Done"]


def test_the_new_key_is_added_to_the_state(workflow: Any, tmp_path: Path) -> None:
    with Engine(f"sqlite:///{tmp_path / 'story.db'}", workflows=[workflow]) as engine:
        handle = engine.start(workflow, GIVEN)
        assert handle.result(timeout=20) == {**GIVEN, "subscription": SUBSCRIPTION}
        assert handle.info().state["subscription"] == SUBSCRIPTION


def test_a_failed_step_is_retried_when_the_outage_is_over(workflow: Any, tmp_path: Path) -> None:
    outage = tmp_path / "outage"
    outage.touch()
    with Engine(f"sqlite:///{tmp_path / 'story.db'}", workflows=[workflow]) as engine:
        handle = engine.start(workflow, GIVEN)
        with pytest.raises(ProcessFailedError, match="does not answer"):
            handle.result(timeout=20)
        outage.unlink()
        engine.retry(handle.id, actor="ann", reason="the product database is back")
        assert handle.result(timeout=20)["subscription"] == SUBSCRIPTION
        (reopened,) = handle.history().of(events.ProcessReopened)
        assert (reopened.actor, reopened.paths) == ("ann", ("Create subscription",))


def test_the_sample_runs_from_the_command_line(story: Path) -> None:
    database = f"sqlite:///{story.parent / 'story.db'}"
    what = ["run", f"{story.name}:create_product_subscription", "--input", json.dumps(GIVEN)]
    done = subprocess.run(
        [sys.executable, "-m", "corago", *what, "--url", database, "--wait", "--json"],
        cwd=story.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=timedelta(seconds=60).total_seconds(),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == {**GIVEN, "subscription": SUBSCRIPTION}
