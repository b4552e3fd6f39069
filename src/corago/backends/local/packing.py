"""How the local backend's values become the texts of rows, and texts become whole again.

The only room that knows of large values beside the rows, and of codecs. A text as `core.codec`
makes it is kept as it is, unless it is large or there are codecs; then it has one of two forms:

* `{"$blobs":[…],"type":…}`: at each of these paths, a large value was taken out; there stands
  `{"$blob":sha,"bytes":n}` for it. What looks so elsewhere is a user's own. For those who look at
  the table by SQL, the rest is as it always is.
* `{"type":"Encoded","codec":"zlib+aes","data":"…"}`: the text went through these codecs.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from corago.codecs import PayloadCodec
from corago.core import codec
from corago.core.events import Event
from corago.core.messages import Inbound
from corago.core.program import Snapshot
from corago.errors import CodecError, RequestError, StoreCorruptError
from corago.ports.store import Blob

LARGE_TEXT = 16 * 1024
"""A text of more bytes is looked through for large values."""

LARGE_VALUE = 8 * 1024
"""A value of more bytes is kept beside a large text."""

SHELF_BYTES = 16 * 1024 * 1024
"""How much of what was packed or fetched last is kept at hand."""

Fetch = Callable[[Sequence[str]], Awaitable[list[Blob]]]
Path = tuple[str | int, ...]

_SPLIT = b'{"$blobs":'
_ENCODED = b'{"type":"Encoded"'
_WRAPPED = (_SPLIT, _ENCODED)
_LEAVES = (str, bytes, list, dict)
_DAMAGED = (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError)


class _Encoded(msgspec.Struct, frozen=True, tag="Encoded"):
    codec: str
    data: bytes


class _Marker(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands for a large value: where it is, its size as text, the codecs it went through."""

    blob: str = msgspec.field(name="$blob")
    size: int = msgspec.field(name="bytes")
    codec: str = ""


_encode = msgspec.json.Encoder().encode
_encoded_decoder = msgspec.json.Decoder(_Encoded)


class MissingCodecError(CodecError):
    """A codec, or its key, is not here; what it has encoded may be sound."""


class Packing:
    """Packs and unpacks for one store. `codecs` are applied in their order; `fetch` gets blobs."""

    def __init__(self, codecs: Iterable[PayloadCodec], fetch: Fetch) -> None:
        """Take codecs and store. Raises RequestError for names that can't be told apart."""
        self._codecs = {each.name: each for each in _checked(codecs)}
        self._fetch = fetch
        self._shelf = Shelf(SHELF_BYTES)
        self._packed: OrderedDict[bytes, tuple[_Marker, Blob]] = OrderedDict()
        self.limit = 0 if self._codecs else LARGE_TEXT

    # -- packing -----------------------------------------------------------------------------

    def event(self, event: Event, blobs: list[Blob]) -> bytes:
        """An event's row; the large values that it refers to are put into `blobs`."""
        text = codec.encode_event(event)
        return text if len(text) <= self.limit else self._pack(event, text, blobs)

    def events(self, events: Sequence[Event], blobs: list[Blob]) -> tuple[bytes, ...]:
        """The rows of some events."""
        if len(events) == 1:
            # by far the commonest case: what a step came to
            text = codec.encode_event(events[0])
            return (text if len(text) <= self.limit else self._pack(events[0], text, blobs),)
        return tuple([self.event(each, blobs) for each in events])

    def message(self, message: Inbound, blobs: list[Blob]) -> bytes:
        """An inbox row."""
        text = codec.encode_message(message)
        return text if len(text) <= self.limit else self._pack(message, text, blobs)

    def snapshot(self, snapshot: Snapshot, blobs: list[Blob]) -> bytes:
        """A snapshot's text, without its agenda."""
        text = codec.encode_snapshot(snapshot)
        if len(text) <= self.limit:
            return text
        return self._pack(codec.Kept(snapshot.process, snapshot.state), text, blobs)

    def value(self, value: msgspec.Struct, blobs: list[Blob]) -> bytes:
        """Any other value of ours as a row's text, such as a queue's task."""
        text = _encode(value)
        return text if len(text) <= self.limit else self._pack(value, text, blobs)

    def text(self, text: bytes) -> bytes:
        """A text of a user's that stays in one piece, such as the external store's."""
        # JSON may begin with a space, and none of our forms does
        return self._sealed(b" " + text if text.startswith(_WRAPPED) else text)

    def _sealed(self, text: bytes) -> bytes:
        names, data = self._encoded(text)
        return _encode(_Encoded(names, data)) if names else text

    def _pack(self, value: Any, text: bytes, blobs: list[Blob]) -> bytes:
        if len(text) > LARGE_TEXT:
            at: list[Path] = []
            body = self._thin(value, (), at, blobs)
            if at:
                text = _SPLIT + _encode(at) + b"," + _encode(body)[1:]
        return self._sealed(text)

    def _thin(self, value: Any, path: Path, at: list[Path], blobs: list[Blob]) -> Any:
        """The same with markers for large values: those of our own fields, and of objects there."""
        if isinstance(value, (msgspec.Struct, tuple)) and len(_encode(value)) <= LARGE_VALUE:
            return value
        if isinstance(value, msgspec.Struct):
            fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
            thin = {
                name: self._thin(each, (*path, name), at, blobs)
                for name, each in fields
                if isinstance(each, (msgspec.Struct, tuple, *_LEAVES))
            }
            return msgspec.structs.replace(value, **thin)
        if isinstance(value, tuple):
            return tuple(self._thin(each, (*path, n), at, blobs) for n, each in enumerate(value))
        if not isinstance(value, dict):
            return self._taken(value, path, at, blobs)
        return {  # a loop's items stand under numbers, and JSON has texts for them
            name: self._thin(each, (*path, str(name)), at, blobs)
            if isinstance(each, (msgspec.Struct, tuple))
            else self._taken(each, (*path, str(name)), at, blobs)
            for name, each in value.items()
        }

    def _taken(self, value: Any, path: Path, at: list[Path], blobs: list[Blob]) -> Any:
        if not isinstance(value, _LEAVES):
            return value
        text = _encode(value)
        if len(text) <= LARGE_VALUE:
            return value
        marker, blob = self._blob(text)
        at.append(path)
        blobs.append(blob)
        return marker

    def _blob(self, text: bytes) -> tuple[_Marker, Blob]:
        """A large value's blob, which is the same for the same text."""
        digest = hashlib.sha256(text)
        known = self._packed.get(digest.digest())
        if known is not None:
            self._packed.move_to_end(digest.digest())
            return known
        names, data = self._encoded(text)
        sha = hashlib.sha256(data).hexdigest() if names else digest.hexdigest()
        found = _Marker(sha, len(text), names), Blob(sha, data)
        self._shelf.put(sha, text)
        if names:
            self._packed[digest.digest()] = found
            if len(self._packed) > _REMEMBERED:
                self._packed.popitem(last=False)
        return found

    def _encoded(self, text: bytes) -> tuple[str, bytes]:
        names = []
        for name, each in self._codecs.items():
            encoded = each.encode(text)
            if encoded is not text:
                names.append(name)
                text = encoded
        return "+".join(names), text

    # -- unpacking ---------------------------------------------------------------------------

    async def whole(self, rows: Sequence[bytes]) -> Sequence[bytes]:
        """Rows as `core.codec` made them, blobs fetched at one go.

        Raises CodecError for what was encoded by a codec that is not here, StoreCorruptError.
        """
        if not any(row.startswith(_WRAPPED) for row in rows):
            return rows
        texts = [self._decoded_row(row) if row.startswith(_ENCODED) else row for row in rows]
        splits = {n: _opened(text) for n, text in enumerate(texts) if text.startswith(_SPLIT)}
        values = await self._values(
            {marker for _, places in splits.values() for _, marker in places}
        )
        for number, (body, places) in splits.items():
            for path, marker in places:
                holder = body
                for name in path[:-1]:
                    holder = holder[name]
                holder[path[-1]] = msgspec.Raw(values[marker.blob])
            texts[number] = _encode(body)
        return texts

    async def _values(self, markers: set[_Marker]) -> dict[str, bytes]:
        found = {marker.blob: self._shelf.get(marker.blob) for marker in markers}
        wanted = [sha for sha, text in found.items() if text is None]
        blobs = {blob.sha: blob.data for blob in await self._fetch(wanted)} if wanted else {}
        values = {sha: text for sha, text in found.items() if text is not None}
        for marker in markers:
            sha = marker.blob
            if sha in values:
                continue
            if sha not in blobs:
                raise StoreCorruptError(
                    f"a value of {marker.size:,} bytes that is kept beside its row is missing "
                    f"({sha[:12]}); run `corago db check`"
                )
            values[sha] = self._decoded(blobs[sha], marker.codec) if marker.codec else blobs[sha]
            self._shelf.put(sha, values[sha])
        return values

    def _decoded_row(self, row: bytes) -> bytes:
        try:
            wrapped = _encoded_decoder.decode(row)
        except _DAMAGED as error:
            raise _damaged(error) from error
        return self._decoded(wrapped.data, wrapped.codec)

    def _decoded(self, data: bytes, names: str) -> bytes:
        for name in reversed(names.split("+")):
            found = self._codecs.get(name)
            if found is None:
                here = ", ".join(map(repr, self._codecs)) or "none"
                raise MissingCodecError(
                    f"this row was encoded by the codec {name!r}, and the codecs here are: {here}; "
                    "hand it to Engine(codec=...), or name it in CORAGO_CODEC for the command line"
                )
            try:
                data = found.decode(data)
            except Exception as error:
                kind = MissingCodecError if isinstance(error, CodecError) else CodecError
                raise kind(
                    f"the codec {name!r} can't decode a row: {str(error) or type(error).__name__}; "
                    "is it set up as when the row was written?"
                ) from error
        return data


_REMEMBERED = 256
"""How many blobs of encoded values are kept at hand, should the same value come again."""


class Shelf:
    """Texts by name, up to so many bytes; what was not asked for longest goes first."""

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        self._limit = limit
        self._texts: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def put(self, name: str, text: bytes) -> None:
        """Keep a text, unless it alone would fill the shelf."""
        if name in self._texts or len(text) > self._limit:
            return
        self._texts[name] = text
        self._size += len(text)
        while self._size > self._limit:
            self._size -= len(self._texts.popitem(last=False)[1])

    def get(self, name: str) -> bytes | None:
        """The text, or None."""
        text = self._texts.get(name)
        if text is not None:
            self._texts.move_to_end(name)
        return text


def _opened(text: bytes) -> tuple[Any, list[tuple[Path, _Marker]]]:
    """The body of a split text, and its markers by path."""
    try:
        body = msgspec.json.decode(text)
        places = []
        for path in msgspec.convert(body.pop("$blobs"), tuple[Path, ...]):
            found = body
            for name in path:
                found = found[name]
            places.append((path, msgspec.convert(found, _Marker)))
    except _DAMAGED as error:
        raise _damaged(error) from error
    return body, places


def _damaged(error: Exception) -> StoreCorruptError:
    return StoreCorruptError(f"a row is damaged ({error}); run `corago db check`")


def _checked(codecs: Iterable[PayloadCodec]) -> Iterable[PayloadCodec]:
    seen: set[str] = set()
    for each in codecs:
        if not isinstance(each, PayloadCodec):
            raise RequestError(
                f"{each!r} is no codec: one has a name, encode(bytes) and decode(bytes)"
            )
        if not each.name or "+" in each.name or each.name in seen:
            raise RequestError(
                f"two codecs, or none, can be called {each.name!r}: each has a name of its own, "
                "without `+`"
            )
        seen.add(each.name)
        yield each
