"""The store's statements by name, read from the `.sql` files of this folder and checked on import.

A block is a line `-- name: …`, a sentence in comment lines that says what the statement is for, and
one statement. The SQL itself never stands in Python.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType

_HEAD = re.compile(r"^-- name: (?P<name>.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z_]*")
_BLOCK = re.compile(r"(?P<comment>(?:-- [^\n]+\n)+)(?P<statement>[^-\s].*)", re.DOTALL)


def parse(text: str, source: str) -> Iterator[tuple[str, str]]:
    """The blocks of one file. Raises ValueError for anything that is not as it should be."""
    before, *parts = _HEAD.split(text)
    if before.strip():
        raise ValueError(f"{source}: text before the first `-- name:`")
    for name, rest in zip(parts[::2], parts[1::2], strict=True):
        block = _BLOCK.fullmatch(rest.strip())
        if _NAME.fullmatch(name) is None or block is None:
            raise ValueError(f"{source}: {name!r} needs a plain name, a comment and a statement")
        if not block["comment"].rstrip().endswith("."):
            raise ValueError(f"{source}: the comment of {name} is no sentence")
        statement = block["statement"]
        if not sqlite3.complete_statement(statement) or ";" in statement[:-1]:
            raise ValueError(f"{source}: {name} is not exactly one statement, ended by a semicolon")
        yield name, statement


def load() -> Mapping[str, str]:
    """All statements of this folder. Raises ValueError for a name that is given twice."""
    found: dict[str, str] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            for name, statement in parse(file.read_text("utf-8"), file.name):
                if name in found:
                    raise ValueError(f"{file.name}: a second statement is named {name}")
                found[name] = statement
    return MappingProxyType(found)


QUERIES = load()
"""Every statement by its name."""
