"""A deliberate bug, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What somebody could have written instead of `old`, and the suites that must notice.

    `name` says the bug in a sentence; `file` lies below `src/corago`. The suites are paths, or ids
    of tests, as whoever changes that line would run them.
    """

    name: str
    file: str
    old: str
    new: str
    suites: tuple[str, ...]

    def path(self, source: Path = SOURCE) -> Path:
        """The file, in a folder of sources."""
        return source / "corago" / self.file

    def patched(self, text: str) -> str:
        """The file's text with the bug. Raises ValueError where it does not fit."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(
                f"{self.name!r}: its old text stands in {self.file} {count} times, and must stand "
                "there once; write down the line as it is now, or another bug of that kind"
            )
        return text.replace(self.old, self.new)
