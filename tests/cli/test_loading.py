"""FILE:WORKFLOW: which file, which workflow, and whose mistake it is when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from corago.cli.exits import LoadError
from corago.cli.loading import load_all, load_one
from tests.cli.conftest import SAMPLES, Call, sample

HEAD = "from corago import *\n\n@step('One')\ndef one(): ...\n\n"
ONE = HEAD + "@workflow('Does one thing')\ndef single():\n    return init >> one >> done\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refusal(target: object) -> str:
    with pytest.raises(LoadError) as caught:
        load_one(str(target))
    return str(caught.value)


def test_the_name_chooses_a_workflow() -> None:
    assert load_one(sample("waiter"))[0].name == "waiter"


def test_without_a_name_the_only_workflow_is_taken(tmp_path: Path) -> None:
    assert load_one(str(written(tmp_path, "only.py", ONE)))[0].name == "single"


def test_without_a_name_several_workflows_are_listed() -> None:
    said = refusal(SAMPLES)
    assert "name one" in said
    assert f"{SAMPLES}:doubler" in said


def test_a_name_that_is_no_workflow_is_refused_with_those_there_are() -> None:
    assert "did you mean 'doubler'?" in refusal(sample("dubler"))
    assert "'SECRETS' is no workflow" in refusal(sample("SECRETS"))


def test_a_missing_file_is_named() -> None:
    assert refusal("nowhere/missing.py:x") == "there is no file nowhere/missing.py"


def test_something_that_is_no_python_file_is_named(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)
    assert "is no Python file" in refusal("work flows")


def test_a_file_without_workflows_is_refused(tmp_path: Path) -> None:
    assert "no workflow stands in" in refusal(written(tmp_path, "bare.py", "x = 1\n"))


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("x = 1\nraise RuntimeError('no luck')\n", "RuntimeError: no luck", 2),
        ("def broken(:\n", "SyntaxError: ", 1),
        ("\n\nimport there_is_no_such_module\n", "ModuleNotFoundError: No module named", 3),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
        (HEAD + "@workflow('No end')\ndef endless():\n    return init >> one\n", "Error: ", 6),
        ("import json\n\njson.loads('{')\n", "JSONDecodeError: ", 3),
    ],
    ids=["error", "syntax", "import", "exit", "definition", "inside the library"],
)
def test_an_error_in_the_file_is_told_with_its_place(
    tmp_path: Path, text: str, said: str, line: int
) -> None:
    path = written(tmp_path, "faulty.py", text)
    found = refusal(path)
    assert said in found
    assert f"{path}:{line}" in found
    assert "faulty" not in sys.modules


def test_the_command_line_shows_no_traceback_of_it(call: Call, tmp_path: Path) -> None:
    path = written(tmp_path, "faulty2.py", "raise RuntimeError('no luck')\n")
    done = call("run", path, "--wait")
    assert done.status == 2
    assert "Traceback" not in done.err


def test_modules_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    written(tmp_path, "beside_it.py", ONE)
    path = written(tmp_path, "importing_it.py", "from beside_it import single\n")
    assert load_one(str(path))[0].name == "single"


def test_a_file_in_a_package_may_import_relatively(tmp_path: Path) -> None:
    written(tmp_path, "a_package/__init__.py", "")
    written(tmp_path, "a_package/steps.py", ONE)
    path = written(tmp_path, "a_package/flows.py", "from .steps import single\n")
    assert load_one(f"{path}:single")[0].name == "single"


def test_a_dotted_module_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "dotted_package/__init__.py", "")
    written(tmp_path, "dotted_package/flows.py", ONE)
    assert load_one("dotted_package.flows:single")[0].name == "single"
    assert "there is no module 'dotted_package.fowls'" in refusal("dotted_package.fowls:single")


def test_a_file_may_be_named_like_a_module_of_the_standard_library(tmp_path: Path) -> None:
    path = written(tmp_path, "types.py", ONE)
    assert load_one(str(path))[0].name == "single"
    assert sys.modules["types"].__name__ == "types"


def test_a_worker_takes_every_workflow_of_its_files_once(tmp_path: Path) -> None:
    path = written(tmp_path, "lonely.py", ONE)
    names = [each.name for each in load_all([str(path), str(path), sample("doubler")])]
    assert names == ["single", "doubler"]
