"""Machines like those that people build, as documents in their normal form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "corpus"


def document(name: str) -> dict[str, Any]:
    """One of them."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
