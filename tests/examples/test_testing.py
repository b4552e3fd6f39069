"""The example project of the testing kit: its own tests pass as a user runs them, and quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "testing"
SECONDS = 5.0


def test_the_example_projects_tests_pass_in_under_five_seconds(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    cases = ET.parse(report).getroot().findall(".//testcase")  # noqa: S314 - we have just made it
    assert len(cases) == 10
    assert sum(float(case.get("time", "inf")) for case in cases) < SECONDS
