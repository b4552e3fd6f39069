"""Command lines from strangers: a documented exit status, told in words, and stdout stays data."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago.cli import main
from corago.cli.app import COMMANDS, DATABASE, make_app
from corago.cli.exits import Exit
from tests.cli.conftest import sample
from tests.fuzz.strange import LONG, Case, as_text, cases, fuzz, jsons, texts_or_halves

DOCUMENTED = set(Exit) - {Exit.DEFECT, Exit.UNAUTHORISED, Exit.BROKEN_PIPE}
NOT_ALONE = {"demo", "worker"}
"""They run until they are stopped, or start others: only what can't begin is tried."""

CSV = "case,n\na,1\nb,2\na,3\n"
FILES: dict[str, bytes] = {
    "good.json": b'{"n": 2}',
    "bad.json": b'{"n": ',
    "deep.json": b"[" * 100_000,
    "huge.json": b"9" * 5_000,
    "bomb.json": b'{"n": 1e999999}',
    "halves.json": b'{"n": "\\ud800"}',
    "nan.json": b"[NaN, Infinity]",
    "twice.json": b'{"n": 1, "n": 2}',
    "rows.csv": CSV.encode(),
    "bom.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "nul.csv": b"case,n\na,\0\n",
    "latin.csv": b"case,n\n\xe9,1\n",
    "quote.csv": b'case,n\n"a,1\n',
    "wide.csv": b"case,n\na,1,2\n",
    "twice.csv": b"n,n\n1,2\n",
    "empty.csv": b"",
    "long.csv": b"case,n\n" + b"a" * 200_000 + b",1\n",
    "rows.jsonl": b'{"n": 1}\n\n{"n": 2}\n{"n": 1}\n',
    "bad.jsonl": b'{"n": 1}\n{"n": \n',
    "deep.jsonl": b"[" * 100_000 + b"\n",
    "bomb.jsonl": b'{"n": 1e999999}\n{"n": "\\udc80"}\n',
    "broken.py": b"def (:\n",
    "nul.py": b"x = 1\0\n",
    "latin.py": b"x = '\xe9'\n",
    "raises.py": b"raise SystemExit(3)\n",
    "empty.py": b"",
    "odd name.py": b"import corago\n",
    "text.db": b"no database at all, although it is long enough to be one" * 100,
    "none.db": b"",
    "selection.json": b'{"selection":"s","at":"2030-01-01T00:00:00Z","conditions":{},"targets":[]}',
    "old.json": b'{"selection":"s","at":"2030-01-01T00:00:00","conditions":{},"targets":[[1]]}',
    "damaged.json": b'{"selection":"s","at":"9999-99-99","conditions":{},"targets":[["p"]]}',
}


@dataclass(frozen=True)
class Called:
    """What a command line gave."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of files, with a store of a few processes; commands are called in it."""
    folder = tmp_path_factory.mktemp("strange")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / "folder").mkdir()
    before = list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CORAGO_URL", "sqlite:///work.db")
        for name in ("CORAGO_DEBUG", "CORAGO_CODEC", "CORAGO_SECRET_KEY"):
            patch.delenv(name, raising=False)
        for id, number in (("p", "9"), ("q", "1")):
            given_ = f'{{"n": {number}}}'
            call("run", sample("doubler"), "--input", given_, "--id", id, "--wait", "--tag", "t")
        assert call("run", sample("waiter"), "--id", "w").status == 0
        yield folder
        assert call("unpause").status == 0
        assert call("run", sample("doubler"), "--input", '{"n": 1}', "--wait").out == '{"n": 2}\n'
        assert call("db", "check").status == 0
    sys.path[:] = before


def call(*arguments: str) -> Called:
    """Call the command line here, with streams as strict as a terminal's in UTF-8."""
    streams = sys.stdin, sys.stdout, sys.stderr
    out, err = io.BytesIO(), io.BytesIO()
    ours = (
        io.TextIOWrapper(io.BytesIO(b"case,n\na,1\n"), "utf-8"),
        io.TextIOWrapper(out, "utf-8", write_through=True),
        io.TextIOWrapper(err, "utf-8", errors="backslashreplace", write_through=True),
    )
    sys.stdin, sys.stdout, sys.stderr = ours
    try:
        status = main(arguments)
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
    return Called(status, out.getvalue().decode(), err.getvalue().decode())


# -- what to say -----------------------------------------------------------------------------------

words = texts_or_halves.map(lambda text: text.replace("\0", ""))
"""What an argument can hold: no operating system hands a NUL over."""

as_json = jsons.map(lambda value: as_text(value)[:300]) | st.sampled_from(
    ['{"n": 1}', "[1]", '"x"', "1e999999", "{", "[" * 5_000, '{"a":' * 5_000, '"\\ud800"', "-1"]
)
names = st.sampled_from([*FILES, "folder", "missing", "missing/file.json", LONG, "", "-", ".", "/"])
files = names | names.map(lambda name: f"./{name}")
values = as_json | files.map(lambda name: f"@{name}") | words
ids = st.sampled_from(["p", "q", "w", "none"]) | words
durations = st.sampled_from(
    ["90", "1h30m", "2d", "0", "-1", "1e9", "9" * 400, "9" * 15 + "w", "1.5.5s", "٣s", "²h", "1h "]
)
instants = durations | st.sampled_from(
    ["2026-01-31T08:00", "0001-01-01T00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-13-01", "now"]
)
counts = st.sampled_from(["1", "2", "0", "-1", "1.5", "9" * 20, "9" * 5_000, "0x10", "1_0", "NaN"])
urls = st.sampled_from(
    [
        *("sqlite:///work.db", "sqlite:///missing.db", "sqlite:///folder", "sqlite:///text.db"),
        *(
            "sqlite:///none.db",
            "sqlite://work.db",
            "sqlite:",
            "sqlite:///",
            "memory://",
            "postgres:",
        ),
        *(
            "sqlite:///%00",
            "sqlite:///%ff",
            "sqlite:///a?b",
            "sqlite:///missing/work.db",
            "http://x",
        ),
        f"sqlite:///{LONG}",
    ]
)
targets = st.sampled_from(
    [
        *(
            sample("doubler"),
            sample("waiter"),
            sample("none"),
            sample("").rstrip(":"),
            "json:dumps",
        ),
        *(
            "broken.py",
            "nul.py:x",
            "latin.py",
            "raises.py",
            "empty.py:x",
            "odd name.py:y",
            ":",
            "a:b",
        ),
        *(
            "folder",
            "folder.py",
            "..py",
            ".py:x",
            "corago.cli",
            "os.path:join",
            "a..b",
            f"{LONG}.py",
        ),
    ]
)
paths = st.sampled_from(["Refuse large ones", "Double", "Wait"])
tokens = st.sampled_from(
    ["1.0", "1.1", "0.0", "-1.0", "1.", "9" * 30 + ".1", "9" * 5_000 + ".1", "٣.٣"]
)
BY_NAME: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("ID", "--id", "--after"), ids),
    **dict.fromkeys(("TARGET", "FILE", "FILE:WORKFLOW", "--code"), targets),
    **dict.fromkeys(("--input", "--data", "--update", "--changes", "--set-result"), values),
    **dict.fromkeys(("--value", "RESULT", "DETAILS"), values),
    **dict.fromkeys(("--outcome", "--failure"), st.tuples(paths | words, values).map("=".join)),
    **dict.fromkeys(("--timeout", "--process-timeout", "--lease", "--grace"), durations),
    **dict.fromkeys(("--since", "--until", "--at"), instants),
    **dict.fromkeys(("--limit", "--run", "--version", "--concurrency", "--threads"), counts),
    **dict.fromkeys(("--each", "--targets", "--save"), files),
    "--metrics-port": counts,
    "--url": urls,
    "--step": paths,
    "--format": st.sampled_from(["text", "mermaid", "dot", "svg"]),
    "--status": st.sampled_from(["failed", "completed", "waiting", "running"]),
    "--workflow": st.sampled_from(["Doubles a number", "Waits for a word"]),
    "--tag": st.sampled_from(["t", ""]),
    "--group-by": st.sampled_from(["case", "n"]),
    "--map": st.tuples(paths, paths).map("=".join),
    "TOKEN": tokens,
    "NAME": st.sampled_from(["yes", "no"]),
}
STRICT = st.sampled_from(["--json", "--json", "--quiet", "--", "--help", "--version"])


def _options() -> dict[tuple[str, ...], tuple[list[str], list[tuple[str, bool]]]]:
    """By command: its places, and its options, with whether each is a flag."""
    app, found = make_app(), {}
    commands = [(name,) for group in COMMANDS.values() for name in group]
    for command in [*commands, *(("db", name) for name in DATABASE)]:
        part = app
        for name in command:
            part = part[name]
        spots: list[str] = []
        options: list[tuple[str, bool]] = []
        for argument in part.assemble_argument_collection():
            name = argument.names[0]
            if name.startswith("--"):
                options.append((name, argument.hint is bool))
            elif name != "*":
                spots.append(name)
        found[command] = spots, options
    return found


OPTIONS = _options()


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command with arguments that mostly fit, and some that do not."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    spots, options = OPTIONS[command]
    found = [*command]
    here = spots[: draw(st.sampled_from([len(spots), len(spots), 0, 1]))]
    found += [draw(BY_NAME.get(name, words) | words) for name in here]
    chosen = st.lists(st.sampled_from(options or [("--json", True)]), max_size=4, unique=True)
    for name, is_flag in draw(chosen):
        found.append(name)
        if not is_flag:
            found.append(draw(BY_NAME.get(name, words) | words))
    if draw(st.booleans()):
        found.append(draw(STRICT))
    if draw(st.integers(0, 9)) == 0:
        found.insert(draw(st.integers(0, len(found))), draw(words))
    if "--wait" in found or "--each" in found:
        found += ["--timeout", "0s"]
    return found


@fuzz(100)
@given(case=cases(lines()))
def test_a_command_line_is_answered_by_a_documented_status(place: Path, case: Case) -> None:
    answers(*case.value)


def answers(*arguments: str) -> Called:
    """What it gives, after a look at what holds of every answer."""
    if NOT_ALONE & set(arguments[:1]):
        arguments = (*arguments, "--no-such-option")
    called = call(*arguments)
    assert called.status in DOCUMENTED, called
    assert "Traceback" not in called.err
    assert "error of corago's own" not in called.err
    if called.status not in (Exit.OK, Exit.FINDINGS, Exit.INCOMPLETE):
        assert called.err.strip()
    is_help = {"--help", "-h", "--version"} & set(arguments)
    if "--json" in arguments and called.out and not is_help:
        json.loads(called.out)
    return called


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (["show", "\ud800"], Exit.NOT_FOUND),
        (["unpause", "--json", "--actor", "\udcff"], Exit.OK),
        (["db", "status", "--url", f"sqlite:///{LONG}"], Exit.USAGE),
        (["list", "--since", "0001-01-01T00:00+05:00"], Exit.INVALID),
        (["list", "--limit", "9" * 20], Exit.INVALID),
        (["history", "p", "--run", "9" * 20], Exit.INVALID),
        (["complete", "9" * 30 + ".1"], Exit.NOT_FOUND),
    ],
    ids=lambda part: part[0] if isinstance(part, list) else None,
)
def test_what_once_was_a_defect_is_told(place: Path, line: list[str], status: Exit) -> None:
    assert answers(*line).status == status


ENVIRONMENT: dict[str, st.SearchStrategy[str]] = {
    "CORAGO_URL": urls | words,
    "CORAGO_CODEC": targets | words,
    "CORAGO_SECRET_KEY": words | st.sampled_from(["QQ==", ",", "a" * 43 + "="]),
    "CORAGO_DEBUG": st.just(""),
}


@fuzz(20)
@given(
    name=st.sampled_from(sorted(ENVIRONMENT)),
    line=st.sampled_from(
        [
            ["list", "--json"],
            ["show", "p"],
            ["run", sample("doubler"), "--input", '{"n": 1}', "--wait", "--timeout", "30s"],
            ["db", "check"],
            ["pause"],
        ]
    ),
    data=st.data(),
)
def test_so_is_one_with_a_strange_environment(
    place: Path, name: str, line: list[str], data: Any
) -> None:
    said = data.draw(ENVIRONMENT[name])
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setenv(name, said)
        except (UnicodeEncodeError, ValueError):
            return  # no environment can hold it
        answers(*line)
    assert call("unpause").status == 0
