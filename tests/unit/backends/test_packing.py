"""Rows as they are written and read: large values beside them, codecs over them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago.backends.local.packing import LARGE_TEXT, LARGE_VALUE, Packing, Shelf
from corago.codecs import Encrypted, PayloadCodec, Zlib
from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Process
from corago.core.program import Snapshot
from corago.errors import CodecError, RequestError, StoreCorruptError
from corago.keys import fresh_key
from corago.ports.store import Blob
from corago.steps.program import StepsProgram
from tests.properties.programs import LAW
from tests.unit.core.test_codec import NOW

KEY = fresh_key()
LARGE = "x" * (LARGE_TEXT + 1)
LINES = [f"line {n}" for n in range(4000)]
CHAINS: list[tuple[PayloadCodec, ...]] = [(), (Zlib(),), (Zlib(), Encrypted(KEY))]


LOOKS_LIKE_OURS: list[Any] = [
    {"$blobs": 7},
    {"$blobs": [["a"]], "a": {"$blob": "x", "bytes": 1}},
    {"type": "Encoded", "codec": "zlib", "data": ""},
]


class Shelves:
    """A store's blobs, and how often they were asked for."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.asked: list[list[str]] = []

    def keep(self, blobs: Sequence[Blob]) -> None:
        self.data.update({blob.sha: blob.data for blob in blobs})

    async def fetch(self, shas: Sequence[str]) -> list[Blob]:
        self.asked.append(sorted(shas))
        return [Blob(sha, self.data[sha]) for sha in shas if sha in self.data]


def closed(result: Any, position: int = 2) -> e.ActivityClosed:
    done = e.ActivityCompleted(result)
    return e.ActivityClosed(position=position, at=NOW, path="a", result=done)


def snapshot(state: dict[str, Any]) -> Snapshot:
    program = StepsProgram({"steps": [{"kind": "init", "name": "init"}]})
    started = e.ProcessStarted(
        position=1, at=NOW, process_id="p", workflow="w", sha="0", input=state
    )
    return Snapshot(Process("p", "w", "0", 1, NOW), program.initial(started))


def packed(
    event: e.Event, shelves: Shelves, codecs: Sequence[PayloadCodec] = ()
) -> tuple[bytes, list[Blob]]:
    blobs: list[Blob] = []
    row = Packing(codecs, shelves.fetch).event(event, blobs)
    shelves.keep(blobs)
    return row, blobs


def whole(
    rows: Sequence[bytes], shelves: Shelves, codecs: Sequence[PayloadCodec] = ()
) -> Sequence[bytes]:
    return asyncio.run(Packing(codecs, shelves.fetch).whole(rows))


def test_a_small_text_stays_as_it_is() -> None:
    event = closed({"n": 1})
    row, blobs = packed(event, shelves := Shelves())
    assert row == codec.encode_event(event)
    assert not blobs
    rows = [row]
    assert whole(rows, shelves) is rows
    assert not shelves.asked


def test_a_large_value_goes_beside_its_row_and_comes_back() -> None:
    event = closed({"large": LARGE, "lines": LINES, "n": 1, "$blob": {"$blob": "mine", "bytes": 1}})
    row, blobs = packed(event, shelves := Shelves())
    assert len(row) < 1000
    assert sorted(blob.data for blob in blobs) == sorted(map(msgspec.json.encode, (LARGE, LINES)))
    told = msgspec.json.decode(row)
    assert (told["type"], told["position"]) == ("ActivityClosed", event.position)
    assert told["$blobs"] == [["result", "result", "large"], ["result", "result", "lines"]]
    assert told["result"]["result"]["n"] == 1
    assert told["result"]["result"]["large"]["bytes"] == len(LARGE) + 2
    (text,) = whole([row], shelves)
    assert codec.decode_event(text) == event


def test_a_large_text_of_small_values_stays_in_one_piece() -> None:
    event = closed({f"key {n}": "x" * 100 for n in range(300)})
    row, blobs = packed(event, Shelves())
    assert row == codec.encode_event(event)
    assert not blobs


@pytest.mark.parametrize("size", [LARGE_VALUE - 2, LARGE_VALUE - 1])
def test_only_what_is_over_the_limit_is_taken_out(size: int) -> None:
    _, blobs = packed(closed({"a": "x" * size, "b": LARGE}), Shelves())
    assert len(blobs) == 1 + (size + 2 > LARGE_VALUE)


def test_the_same_value_is_the_same_blob_in_events_and_snapshots() -> None:
    shelves = Shelves()
    packing = Packing((), shelves.fetch)
    blobs: list[Blob] = []
    packing.event(closed({"large": LARGE, "lines": LINES}), blobs)
    packing.snapshot(snapshot({"small": 1, "lines": LINES, "large": LARGE}), blobs)
    packing.message(m.Signal("go", {"large": LARGE}), blobs)
    assert len(blobs) == 5
    assert len({blob.sha for blob in blobs}) == 2


@pytest.mark.parametrize("codecs", CHAINS)
@pytest.mark.parametrize(
    "message",
    [
        m.Signal("go", LARGE),
        m.Signal("go", LINES, key="k"),
        m.Signal("go", {"a": {"b": LARGE}}),
        m.Update({"a": LARGE}),
        m.Command("set_result", {"a": 3}, {"lines": LINES}, reason=LARGE),
        m.Outcome("a", 1, 1, e.ActivityFailed(e.Failure("E", "x" * 9000, "y" * 9000))),
    ],
)
def test_messages_come_back_as_they_were(
    message: m.Inbound, codecs: Sequence[PayloadCodec]
) -> None:
    shelves, blobs = Shelves(), list[Blob]()
    row = Packing(codecs, shelves.fetch).message(message, blobs)
    shelves.keep(blobs)
    assert blobs
    (text,) = whole([row], shelves, codecs)
    assert codec.decode_message(text) == message


@pytest.mark.parametrize("codecs", CHAINS)
def test_snapshots_come_back_as_they_were(codecs: Sequence[PayloadCodec]) -> None:
    program = StepsProgram({"steps": [{"kind": "init", "name": "init"}]})
    given = snapshot({"large": LARGE, "n": 1})
    shelves, blobs = Shelves(), list[Blob]()
    row = Packing(codecs, shelves.fetch).snapshot(given, blobs)
    shelves.keep(blobs)
    (text,) = whole([row], shelves, codecs)
    assert codec.decode_snapshot(program, text) == given


def test_large_values_of_items_that_are_under_way_come_back() -> None:
    """Items stand under numbers, which are texts in JSON."""
    inner = [{"kind": "step", "name": "A"}, {"kind": "step", "name": "B"}]
    loop = {"kind": "foreach", "name": "Each", "key": "xs", "limit": 2, "steps": inner}
    program = StepsProgram({"steps": [loop]})
    born = snapshot({"xs": [{"large": LARGE}, 2]})
    state = program.initial(
        e.ProcessStarted(
            position=1,
            at=NOW,
            process_id="p",
            workflow="w",
            sha="0",
            input={"xs": [{"large": LARGE}, 2]},
        )
    )
    state = program.evolve(state, e.ItemsChosen(position=2, at=NOW, path="Each", count=2))
    done = e.ActivityCompleted({"large": LARGE, "lines": LINES})
    for position, path in enumerate(("Each[0]/A", "Each[1]/A", "Each[1]/B"), start=3):
        event = e.ActivityClosed(position=position, at=NOW, path=path, result=done)
        state = program.evolve(state, event)
    shelves, blobs = Shelves(), list[Blob]()
    packing = Packing((), shelves.fetch)
    row = packing.snapshot(Snapshot(born.process, state), blobs)
    shelves.keep(blobs)
    (text,) = asyncio.run(Packing((), shelves.fetch).whole([row]))
    kept = codec.decode_snapshot(program, text)
    assert kept is not None
    assert kept.state == state
    assert len(row) < LARGE_TEXT


_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just(LARGE) | st.just(LINES),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "$blob", "bytes", "type"]), parts, max_size=3)
    ),
    max_leaves=6,
)


@LAW
@given(st.lists(_values, max_size=4), st.sampled_from(CHAINS))
def test_rows_come_back_whatever_is_in_them(
    results: list[Any], codecs: Sequence[PayloadCodec]
) -> None:
    """For all values, unpacking what was packed gives the very text that was packed."""
    shelves = Shelves()
    events = [closed(result, n) for n, result in enumerate(results)]
    rows = [packed(event, shelves, codecs)[0] for event in events]
    assert list(whole(rows, shelves, codecs)) == [codec.encode_event(event) for event in events]
    assert len(shelves.asked) <= 1, "all blobs of a load are fetched at one go"


def test_what_was_packed_or_fetched_lately_is_not_fetched_again() -> None:
    shelves, blobs = Shelves(), list[Blob]()
    packing = Packing((), shelves.fetch)
    row = packing.event(closed({"large": LARGE}), blobs)
    asyncio.run(packing.whole([row]))
    assert not shelves.asked
    shelves.keep(blobs)
    other = Packing((), shelves.fetch)
    asyncio.run(other.whole([row]))
    asyncio.run(other.whole([row]))
    assert shelves.asked == [[blobs[0].sha]]


def test_a_shelf_holds_so_many_bytes_and_forgets_what_was_not_asked_for() -> None:
    shelf = Shelf(10)
    shelf.put("a", b"1234")
    shelf.put("b", b"1234")
    assert shelf.get("a") == b"1234"
    shelf.put("c", b"1234")
    shelf.put("huge", b"x" * 11)
    assert [shelf.get(name) for name in ("a", "b", "c", "huge")] == [b"1234", None, b"1234", None]


def test_a_blob_that_is_missing_is_a_corrupt_store() -> None:
    row, _ = packed(closed({"large": LARGE}), Shelves())
    with pytest.raises(StoreCorruptError, match="a value of 16,387 bytes .* is missing"):
        whole([row], Shelves())


@pytest.mark.parametrize(
    "row",
    [
        b'{"$blobs":7}',
        b'{"$blobs":[["a"]]}',
        b'{"$blobs":[["a","b"]],"a":5}',
        b'{"$blobs":[["a"]],"a":{"bytes":1}}',
        b'{"type":"Encoded","codec":"zlib"}',
        b'{"type":"Encoded","codec":"zlib","data":"!"}',
    ],
)
def test_a_damaged_row_is_a_corrupt_store(row: bytes) -> None:
    with pytest.raises(StoreCorruptError, match="a row is damaged"):
        whole([row], Shelves(), [Zlib()])


# -- codecs ----------------------------------------------------------------------------------------


def test_codecs_are_applied_in_their_order_and_named() -> None:
    chain = [Zlib(), Encrypted(KEY)]
    row, blobs = packed(closed({"a": "x" * 5000, "n": 1}), shelves := Shelves(), chain)
    told = msgspec.json.decode(row)
    assert (told["type"], told["codec"]) == ("Encoded", "zlib+aes")
    small, _ = packed(closed({"n": 1}), shelves, chain)
    assert msgspec.json.decode(small)["codec"] == "aes", "a small text is not worth compressing"
    assert not blobs


def test_blobs_are_encoded_too_and_the_same_value_still_once() -> None:
    chain = [Encrypted(KEY)]
    shelves, blobs = Shelves(), list[Blob]()
    packing = Packing(chain, shelves.fetch)
    packing.event(closed({"a": LARGE}), blobs)
    packing.event(closed({"a": LARGE}, 3), blobs)
    assert blobs[0] is blobs[1]
    assert b"xxxx" not in blobs[0].data


def test_rows_from_before_there_was_a_codec_stay_readable() -> None:
    event = closed({"large": LARGE})
    row, _ = packed(event, shelves := Shelves())
    (text,) = whole([row], shelves, [Zlib(), Encrypted(KEY)])
    assert codec.decode_event(text) == event


@pytest.mark.parametrize(
    ("codecs", "says"),
    [
        ([], "the codec 'aes', and the codecs here are: none; hand it to Engine"),
        ([Zlib()], "the codec 'aes', and the codecs here are: 'zlib'; hand it to Engine"),
        ([Encrypted(fresh_key())], "the codec 'aes' can't decode a row: it was encrypted with"),
    ],
)
def test_a_codec_that_is_not_here_is_named(codecs: list[PayloadCodec], says: str) -> None:
    for event in (closed({"n": 1}), closed({"large": LARGE})):
        row, _ = packed(event, shelves := Shelves(), [Encrypted(KEY)])
        with pytest.raises(CodecError, match=says):
            whole([row], shelves, codecs)


class Nameless:
    name = ""

    def encode(self, data: bytes) -> bytes:
        return data

    def decode(self, data: bytes) -> bytes:
        return data


@pytest.mark.parametrize(
    ("codecs", "says"),
    [
        ([Zlib(), Zlib(9)], "can be called 'zlib'"),
        ([Nameless()], "can be called ''"),
        ([object()], "is no codec: one has a name"),
    ],
)
def test_codecs_that_can_not_be_told_apart_are_refused(codecs: Any, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        Packing(codecs, Shelves().fetch)


@pytest.mark.parametrize("codecs", CHAINS)
@pytest.mark.parametrize("said", LOOKS_LIKE_OURS)
def test_a_users_text_that_looks_like_a_row_of_ours_comes_back_as_it_was(
    said: Any, codecs: tuple[PayloadCodec, ...]
) -> None:
    packing = Packing(codecs, Shelves().fetch)
    (text,) = asyncio.run(packing.whole([packing.text(msgspec.json.encode(said))]))
    assert msgspec.json.decode(text) == said
