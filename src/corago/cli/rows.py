"""Files of inputs: CSV with a header, or a JSON value per line.

Judged whole before anything is started.
Read as a stream, twice: once to judge, once to hand out. Kept in memory are the ids, and with
`group_by` the rows themselves. Every fault names file and line. Starts nothing.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

from corago.core import codec
from corago.errors import InvalidInputError
from corago.runtime import checks

STATE_LIMIT = 2 * 1024 * 1024
"""Bytes of JSON that one input may have, as the engine has it."""

HASH_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Item:
    """One process to be: its id, its input, and the line where it begins."""

    id: str
    input: Any
    line: int


@dataclass(slots=True)
class _Group:
    line: int
    name: str | None
    rows: list[Any] = field(default_factory=list)


class Rows:
    """The processes that a file of rows means, for one workflow.

    `group_by` names the column whose equal values make one input, `column` the one that holds the
    id. Raises InvalidInputError.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        workflow: str,
        *,
        group_by: str | None = None,
        column: str | None = None,
        check_input: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        """Take an open, seekable file; `name` is what to call it. Nothing is read yet."""
        self.name = name
        self.repeated_count = 0
        self._file = file
        self._workflow = workflow
        self._group_by = group_by
        self._column = column
        self._check_input = check_input
        self._groups: dict[str, _Group] | None = None
        self._repeated: set[int] = set()

    def check(self) -> int:
        """Read and judge it all; gives how many processes it means."""
        seen: dict[str, tuple[int, bytes]] = {}
        if self._group_by is not None:
            self._groups = self._grouped(self._group_by)
        for item in self._everything():
            digest = self._judged(item)
            line, known = seen.setdefault(item.id, (item.line, digest))
            if line == item.line:
                continue
            if known != digest:
                raise self._fault(
                    item.line,
                    f"the id {item.id!r} was given in line {line} with other content; an id names "
                    "one input",
                )
            self._repeated.add(item.line)
        self.repeated_count = len(self._repeated)
        return len(seen)

    def __iter__(self) -> Iterator[Item]:
        """The processes in the order of the file, each once; `check` comes first."""
        for item in self._everything():
            if item.line not in self._repeated:
                yield item

    # -- judging -----------------------------------------------------------------------------

    def _fault(self, line: int, said: str) -> InvalidInputError:
        return InvalidInputError(f"{self.name}:{line}: {said}")

    def _judged(self, item: Item) -> bytes:
        """What stands for an item's content. Raises for one that can't be a process."""
        try:
            checks.good_id(item.id)
            data = _canonical(self._check_input(item.input))
        except InvalidInputError as error:
            raise self._fault(item.line, str(error)) from error
        if len(data) > STATE_LIMIT:
            raise self._fault(
                item.line, f"this input is {len(data):,} bytes, over the limit of {STATE_LIMIT:,}"
            )
        return hashlib.blake2b(data, digest_size=16).digest()

    def _everything(self) -> Iterator[Item]:
        if self._groups is not None:
            for key, group in self._groups.items():
                value = {"key": key, "rows": group.rows}
                yield Item(self._id(group.name or key), value, group.line)
            return
        for line, row in self._read():
            name = None if self._column is None else self._cell(row, self._column, line)
            yield Item(self._id(name or self._hash(row, line)), row, line)

    def _id(self, name: str) -> str:
        return f"{self._workflow}:{name}"

    def _hash(self, row: Any, line: int) -> str:
        try:
            return hashlib.sha256(_canonical(row)).hexdigest()[:HASH_DIGITS]
        except InvalidInputError as error:
            raise self._fault(line, str(error)) from error

    def _grouped(self, group_by: str) -> dict[str, _Group]:
        groups: dict[str, _Group] = {}
        for line, row in self._read():
            key = self._cell(row, group_by, line)
            name = None if self._column is None else self._cell(row, self._column, line)
            group = groups.setdefault(key, _Group(line, name))
            if group.name != name:
                raise self._fault(
                    line,
                    f"the rows of group {key!r} are one process, but have the ids {group.name!r} "
                    f"(line {group.line}) and {name!r}",
                )
            group.rows.append(row)
        return groups

    def _cell(self, row: Any, column: str, line: int) -> str:
        """A value that names something: a text or a whole number."""
        if not isinstance(row, dict) or column not in row:
            raise self._fault(line, f"there is no {column!r} in this row")
        value = row[column]
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise self._fault(line, f"{column!r} is to name something, but is {value!r}")
        return value

    # -- reading -----------------------------------------------------------------------------

    def _read(self) -> Iterator[tuple[int, Any]]:
        self._file.seek(0)
        is_json = Path(self.name).suffix in (".jsonl", ".ndjson")
        return self._json_lines() if is_json else self._csv_rows()

    def _lines(self) -> Iterator[str]:
        for number, data in enumerate(self._file, start=1):
            if b"\0" in data:
                raise self._fault(number, "there is a NUL byte; is this a text file in UTF-8?")
            try:
                yield data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._fault(
                    number,
                    f"byte {error.start + 1} of this line (0x{data[error.start]:02x}) is no UTF-8; "
                    "save the file as UTF-8",
                ) from error

    def _json_lines(self) -> Iterator[tuple[int, Any]]:
        for number, text in enumerate(self._lines(), start=1):
            if not text.strip():
                continue
            try:
                yield number, json.loads(text)
            except (ValueError, RecursionError) as error:
                raise self._fault(number, f"this line is no JSON: {error}") from error

    def _csv_rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        csv.field_size_limit(STATE_LIMIT)
        is_tabbed = Path(self.name).suffix == ".tsv"
        reader = csv.reader(self._lines(), delimiter="\t" if is_tabbed else ",", strict=True)
        header: list[str] | None = None
        while True:
            line = reader.line_num + 1  # a row may go over several lines
            try:
                row = next(reader, None)
            except csv.Error as error:
                unclosed = "a quote that is opened in this row is never closed"
                said = unclosed if "end of data" in str(error) else str(error)
                raise self._fault(line, said) from error
            if row is None:
                break
            if header is None:
                header = self._header(row, line)
            elif row:
                if len(row) != len(header):
                    raise self._fault(line, f"{len(row)} columns, but the header has {len(header)}")
                yield line, dict(zip(header, row, strict=True))
        if header is None:
            raise self._fault(1, "the file is empty; its first line names the columns")

    def _header(self, row: list[str], line: int) -> list[str]:
        names = ", ".join(map(repr, row))
        if not row or not all(name.strip() for name in row):
            raise self._fault(line, f"the first line must name every column, but is: {names}")
        twice = sorted({name for name in row if row.count(name) > 1})
        if twice:
            raise self._fault(line, f"two columns are named {twice[0]!r}: {names}")
        for option, column in (("--group-by", self._group_by), ("--id", self._column)):
            if column is not None and column not in row:
                raise self._fault(line, f"{option}: no column is named {column!r}; there: {names}")
        return row


def _canonical(value: Any) -> bytes:
    return codec.canonical(codec.plain(value, "this input"))


class Opened:
    """A file of rows while it is open: stdin for `-`, and pipes, are kept in a file first."""

    def __init__(self, name: str) -> None:
        """Open it. Raises InvalidInputError."""
        self.name = "stdin" if name == "-" else name
        self.file: BinaryIO
        try:
            given = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed by __exit__
            if name != "-" and given.seekable():
                self.file = given
                return
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
            shutil.copyfileobj(given, self.file)
            if name != "-":
                given.close()
        except OSError as error:
            raise InvalidInputError(f"{self.name} can't be read: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
