"""Secrets and codecs on the command line: used, and never shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from corago.cli.exits import Exit
from corago.keys import fresh_key, read_key
from tests.cli.conftest import Call

FILE = Path(__file__).parent / "secretive.py"
KEEPING = f"{FILE}:keeping"
INPUT = json.dumps({"word": "my-hush", "again": "other-hush"})
MASKED = '"word": "**********"'


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key and no codec from outside, and a file that is imported anew."""
    for name in ("CORAGO_SECRET_KEY", "CORAGO_CODEC", "ROW_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in [each for each in sys.modules if each.endswith("secretive")]:
        del sys.modules[name]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    key = fresh_key()
    monkeypatch.setenv("CORAGO_SECRET_KEY", key)
    return key


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROW_KEY", fresh_key())
    monkeypatch.setenv("CORAGO_CODEC", f"{FILE}:chain")


def test_a_key_is_printed_and_another_one_each_time(call: Call) -> None:
    first, second = call("secret-key"), call("secret-key", "--json")
    assert first.status == second.status == 0
    assert read_key(first.out.strip(), "it") != read_key(second.json["key"], "it")
    assert "CORAGO_SECRET_KEY" in first.err
    assert first.out.strip() not in first.err


def test_no_command_shows_a_secret(call: Call, store: str, tmp_path: Path, key: str) -> None:
    failed = call("run", KEEPING, "--input", INPUT, "--id", "p", "--wait")
    assert failed.status == Exit.INCOMPLETE
    assert "ValueError: ********** is wrong" in failed.err
    said = [failed]
    for command in ("show", "history", "explain"):
        said += [call(command, "p"), call(command, "p", "--json")]
    said += [call("list"), call("list", "--json")]
    said += [call("preview", "p", "--retry"), call("preview", "p", "--retry", "--json")]
    assert all(each.status == 0 for each in said[1:]), [each.err for each in said]
    told = "".join(each.out + each.err for each in said)
    assert "hush" not in told
    assert "cgs1" not in told
    assert MASKED in said[2].out
    assert MASKED in said[4].out
    done = call("set-result", "p", "--value", '{"is_fine": true}')
    assert done.status == 0
    ended = call("run", KEEPING, "--input", INPUT, "--id", "p", "--wait")
    assert json.loads(ended.out) == {
        "word": "**********",
        "again": "**********",
        "copy": "**********",
        "length": 17,
        "is_fine": True,
    }
    content = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"hush" not in content


def test_without_a_key_a_secret_is_refused(call: Call, store: str) -> None:
    refused = call("run", KEEPING, "--input", INPUT, "--id", "p", "--wait")
    assert refused.status == Exit.INVALID
    assert "make one with `corago secret-key`" in refused.err
    assert "hush" not in refused.err


def test_a_bad_key_is_a_usage_error(
    call: Call, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORAGO_SECRET_KEY", "hunter2")
    refused = call("run", KEEPING, "--input", INPUT)
    assert refused.status == Exit.USAGE
    assert "CORAGO_SECRET_KEY is no key" in refused.err
    assert "hunter2" not in refused.err


@pytest.mark.usefixtures("store", "key", "codec")
def test_the_codec_is_named_by_the_environment(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("run", KEEPING, "--input", INPUT, "--id", "p", "--wait").status == 1
    assert '"length": 17' in call("show", "p").out
    content = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"ActivityClosed" not in content
    assert b"is wrong" not in content
    monkeypatch.delenv("CORAGO_CODEC")
    unread = call("show", "p")
    assert unread.status == Exit.UNREACHABLE
    assert "encoded by the codec 'aes'" in unread.err
    assert "CORAGO_CODEC" in unread.err


@pytest.mark.usefixtures("store", "key", "codec")
def test_encoded_rows_are_no_damage(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("run", KEEPING, "--input", INPUT, "--id", "p", "--wait").status == 1
    sound = call("db", "check")
    assert sound.status == 0, sound.err
    assert "is sound; 1 process read" in sound.err
    monkeypatch.delenv("CORAGO_CODEC")
    sound = call("db", "check")
    assert sound.status == 0, sound.err
    assert "0 processes read; 1 process can't be read here, as the first, p: this row" in sound.err
    assert call("db", "check", "--json").json["encoded"] == 1


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (f"{FILE}", "CORAGO_CODEC names a thing in a module"),
        (f"{FILE}:nothing", "nothing is no codec"),
        (f"{FILE}:not_codecs", "not_codecs is no codec"),
        ("no_such_module:codec", "there is no module 'no_such_module'"),
    ],
)
def test_a_codec_that_is_none_is_a_usage_error(
    call: Call, store: str, monkeypatch: pytest.MonkeyPatch, named: str, says: str
) -> None:
    monkeypatch.setenv("CORAGO_CODEC", named)
    refused = call("run", KEEPING, "--input", INPUT)
    assert refused.status == Exit.USAGE
    assert says in refused.err


def test_help_tells_of_both(call: Call) -> None:
    said = " ".join(call("--help").out.split())
    assert "CORAGO_SECRET_KEY holds the key" in said
    assert "CORAGO_CODEC=MODULE:NAME" in said
