"""The pages of the documentation as what a reader would type: files, Python, commands, outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

RUN = frozenset({"python", "console", "output"})
"""Languages of blocks that are run, or compared."""

SHOWN = frozenset({"text", "ini", "yaml", "dockerfile", "sql"})
"""Languages of blocks that nobody runs, because no test can: another machine, another service."""

WRITTEN = frozenset({"python", "csv", "json", "toml", "text"})
"""Languages of blocks that may be files: they are written where the page's commands run."""

MARKUP = frozenset({"toctree", "eval-rst", "generated", "note", "glossary", "include"})
"""What looks like a block and is the page's own markup."""

_OPENED = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<kind>[^`\n]*)$")
_NAMED = re.compile(r"<!-- file: (?P<name>\S+) -->")


@dataclass(frozen=True)
class Block:
    """A fence of a page: its language, its text, and the file that it is, if it is one."""

    page: Path
    line: int
    kind: str
    text: str
    file: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}, line {self.line}"


@dataclass(frozen=True)
class Command:
    """A command line of a console block, with what the page says it prints."""

    block: Block
    line: str
    wanted: str
    status: int

    @property
    def place(self) -> str:
        return f"{self.block.place}: {self.line}"


def pages() -> list[Path]:
    """The pages whose blocks are held to what they say, the README first."""
    kept = (path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts)
    return [ROOT / "README.md", *kept]


def blocks(page: Path) -> Iterator[Block]:
    """The fences of a page, in order."""
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), start=1))
    file: str | None = None
    for number, line in lines:
        opened = _OPENED.match(line)
        if opened is None:
            named = _NAMED.fullmatch(line.strip())
            if named or line.strip():  # the comment stands right above its block
                file = named["name"] if named else None
            continue
        inner = []
        for _, each in lines:
            if each.strip() == opened["ticks"]:
                break
            inner.append(each.removeprefix(opened["indent"]))
        yield _block(page, number, opened["kind"].strip(), inner, file)
        file = None


def _block(page: Path, number: int, kind: str, inner: list[str], file: str | None) -> Block:
    """A fence, or MyST's `{code-block} language`, whose caption is the name of a file."""
    directive = re.fullmatch(r"\{([\w-]+)\}\s*(\S*).*", kind)
    if directive is None:
        return Block(page, number, kind, _joined(inner), file)
    if directive[1] != "code-block":
        return Block(page, number, f"{{{directive[1]}}}", _joined(inner), file)
    skipped = 0
    while skipped < len(inner) and re.match(r":[\w-]+:", inner[skipped]):
        if inner[skipped].startswith(":caption:"):
            file = inner[skipped].removeprefix(":caption:").strip()
        skipped += 1
    while skipped < len(inner) and not inner[skipped].strip():
        skipped += 1
    return Block(page, number + skipped, directive[2], _joined(inner[skipped:]), file)


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def commands(block: Block) -> Iterator[Command]:
    """What a console block types, each with what follows it up to the next one."""
    parts: list[tuple[str, list[str]]] = []
    is_open = False
    for line in block.text.splitlines():
        if line.startswith("$ "):
            parts.append((line[2:], []))
        elif is_open and parts:
            parts[-1] = (f"{parts[-1][0].removesuffix(chr(92))}{line.strip()}", [])
        elif parts:
            parts[-1][1].append(line)
        else:
            raise AssertionError(f"{block.place}: a console block begins with a `$ ` line")
        is_open = line.endswith("\\")
    for line, wanted in parts:
        command, _, note = line.partition("  # ")
        status = re.search(r"exit status (\d+)", note)
        yield Command(block, command.strip(), "\n".join(wanted), int(status[1]) if status else 0)


def agrees(wanted: str, printed: str) -> bool:
    """Whether a page's output is what was printed.

    `...` stands for anything; blanks and line breaks are alike, since pages are narrow.
    """
    return re.fullmatch(_pattern(wanted), _plain(printed), re.DOTALL) is not None


def _pattern(wanted: str) -> str:
    return ".*?".join(map(re.escape, re.split(r"\s*\.\.\.\s*", _plain(wanted))))


def _plain(text: str) -> str:
    return " ".join(text.split())
