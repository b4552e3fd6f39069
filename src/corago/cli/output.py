"""What commands say: data on stdout, messages on stderr. rich is loaded for terminals only."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from corago.cli.options import Common
from corago.core.sealing import MASK, is_secret

STATUS_STYLES = {
    "completed": "green",
    "failed": "red",
    "timed_out": "red",
    "aborted": "red",
    "canceled": "yellow",
    "suspended": "bold red",
    "waiting": "cyan",
    "running": "blue",
}


GAP = 3
"""So many columns of a terminal lie between two columns of a table."""


class Output:
    """One command's voice. `common` says in which form."""

    def __init__(self, common: Common) -> None:
        """Take the form; nothing is printed yet."""
        self.is_json = common.json
        # users' prints may be led elsewhere later on, but not the data
        self._stdout = sys.stdout
        self.is_quiet = common.quiet

    @property
    def is_shown(self) -> bool:
        """Whether a person looks at stdout."""
        return self._stdout.isatty()

    def document(self, value: Any) -> None:
        """One JSON document: on several lines for a person, on one for a program."""
        is_unicode = "utf" in (self._stdout.encoding or "").lower()
        plain = msgspec.to_builtins(value, enc_hook=_masked)
        indent = 2 if self.is_shown else None
        self.text(json.dumps(plain, ensure_ascii=not is_unicode, indent=indent))

    def text(self, text: str) -> None:
        """Data as text."""
        print(text, file=self._stdout, flush=True)

    def say(self, text: str) -> None:
        """A message, which --quiet leaves out."""
        if not self.is_quiet:
            print(text, file=sys.stderr, flush=True)

    def done(self, document: dict[str, Any], said: str) -> None:
        """What a command has done: a document with --json, else a message."""
        if self.is_json:
            self.document(document)
        else:
            self.say(said)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of texts: a table on a terminal, else without heads and divided by tabs.

        A column named `status` is coloured, and the last one cut to what there is room for.
        """
        if not self.is_shown:
            for row in rows:
                print("\t".join(map(one_line, row)), file=self._stdout)
            return
        from rich import box
        from rich.cells import cell_len
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        console = Console(file=self._stdout)
        for head in heads:
            is_last = head == heads[-1]
            table.add_column(head, no_wrap=True, overflow="ellipsis" if is_last else "fold")
        lines = [[one_line(cell) for cell in row] for row in rows]
        # rich would let all columns give way, until the first ones show nothing any more
        widths = [max(map(cell_len, column)) for column in zip(heads, *lines, strict=True)]
        taken = sum(widths[:-1]) + GAP * len(heads)
        room = max(len(heads[-1]), console.width - taken)
        console.width = max(console.width, taken + room)  # then the terminal breaks the lines
        for line in lines:
            cells = [Text(cell) for cell in (*line[:-1], shortened(line[-1], room))]
            for head, cell in zip(heads, cells, strict=True):
                if head == "status":
                    cell.stylize(STATUS_STYLES.get(cell.plain, ""))
            table.add_row(*cells)
        console.print(table)

    @contextlib.contextmanager
    def steps_on_stderr(self) -> Iterator[None]:
        """Within the block, what users' code prints goes to stderr: stdout is for the data."""
        with contextlib.redirect_stdout(Stderr()):
            yield


class Stderr:
    """Today's stderr, whatever that is: progress bars change it while they are shown."""

    def write(self, text: str) -> int:
        """Write there."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Nothing that wants colours is meant to write here."""
        return False

    @property
    def encoding(self) -> str:
        """As it has it."""
        return sys.stderr.encoding


def _masked(value: Any) -> str:
    """What is shown of a secret that a result holds."""
    if not is_secret(value):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return MASK


def one_line(text: str) -> str:
    """A text without line breaks and tabs."""
    return " ".join(text.split()) if not text.isprintable() else text


def shortened(text: str, limit: int) -> str:
    """A text on one line, cut to so many characters."""
    text = one_line(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def compact(value: Any) -> str:
    """A value as JSON on one line."""
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def stamp(at: datetime) -> str:
    """An instant, in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def age(at: datetime, now: datetime) -> str:
    """How long ago that was, in the largest unit that fits: `5 s`, `3 min`, `2 h`, `4 d`."""
    seconds = max(0, round((now - at).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def count(number: int, noun: str) -> str:
    """`1 process`, `2 processes`; `1 activity`, `2 activities`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    if noun.endswith("y"):
        plural = f"{noun[:-1]}ies"
    return f"{number:,} {noun if number == 1 else plural}"
