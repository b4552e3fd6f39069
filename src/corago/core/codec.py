"""Values to bytes and back: events with upcasters, messages, snapshots, and users' strict JSON."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import msgspec

from corago.core.events import AnyEvent, Event
from corago.core.messages import Inbound
from corago.core.process import Process
from corago.core.program import Program, Snapshot
from corago.core.sealing import (
    MASK,
    Probe,
    Seal,
    Sealer,
    SecretMetError,
    dumped,
    is_sealed,
    is_secret,
    marked_fields,
    masked_text,
)
from corago.errors import CoragoError, InvalidInputError, StoreCorruptError, UnknownEventError

CODEC = 2
"""The format of snapshots; a snapshot with another tag is folded anew."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[str, Upcaster] = {}
"""From an old event's tag to a function that gives the fields (and tag) of its successor."""

_encoder = msgspec.json.Encoder()
_event_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyEvent)
_inbound_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Inbound)
_KNOWN = {each.__struct_config__.tag for each in AnyEvent.__args__}
_snapshot_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises."""


encode_event: Callable[[Event], bytes] = _encoder.encode
"""An event as JSON."""


def decode_event(row: bytes | str) -> Event:
    """An event from JSON, old forms included. Raises UnknownEventError or StoreCorruptError."""
    try:
        event: Event = _event_decoder.decode(row)
    except UNREADABLE as error:
        return _decode_old(row, error)
    return event


def _decode_old(row: bytes | str, cause: Exception) -> Event:
    try:
        fields = msgspec.json.decode(row)
    except UNREADABLE as error:
        raise StoreCorruptError(
            f"an event's row is no JSON ({error}); run `corago db check`"
        ) from error
    tag = _tag(fields)
    seen: set[str] = set()
    while tag in UPCASTERS and tag not in seen:
        seen.add(tag)
        fields = UPCASTERS[tag](fields)
        tag = _tag(fields)
    if tag not in _KNOWN:
        raise UnknownEventError(
            f"an event of kind {tag!r} is unknown to this corago; "
            "a newer one wrote it: upgrade this one"
        ) from cause
    try:
        event: Event = msgspec.convert(fields, AnyEvent)
    except msgspec.ValidationError as error:
        raise StoreCorruptError(f"a {tag} is damaged ({error}); run `corago db check`") from error
    return event


def _tag(fields: Any) -> str:
    return str(fields.get("type")) if isinstance(fields, dict) else ""


def masked_event(event: Event) -> Event:
    """The same with a mask for every sealed secret, for people to see."""
    row = _encoder.encode(event)
    return decode_event(masked_text(row)) if is_sealed(row) else event


def masked_message(message: Inbound) -> Inbound:
    """The same with a mask for every sealed secret, for people to see."""
    row = _encoder.encode(message)
    return decode_message(masked_text(row)) if is_sealed(row) else message


encode_message: Callable[[Inbound], bytes] = _encoder.encode
"""An inbox message as JSON."""


def decode_message(row: bytes | str) -> Inbound:
    """An inbox message from JSON. Raises StoreCorruptError."""
    try:
        message: Inbound = _inbound_decoder.decode(row)
    except UNREADABLE as error:
        raise StoreCorruptError(
            f"an inbox row is damaged ({error}); run `corago db check`"
        ) from error
    return message


class Kept(msgspec.Struct, frozen=True):
    """What is kept of a snapshot: all but its agenda."""

    process: Process
    state: Any


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot as JSON, without its agenda."""
    return _encoder.encode(Kept(snapshot.process, snapshot.state))


def decode_snapshot(program: Program[Any], row: bytes | str) -> Snapshot | None:
    """A snapshot from JSON; None if it does not fit this program, which then folds anew."""
    kind = program.state_type
    decoder = _snapshot_decoders.get(kind)
    if decoder is None:
        kept = msgspec.defstruct("Kept", [("process", Process), ("state", kind)], frozen=True)
        decoder = _snapshot_decoders[kind] = msgspec.json.Decoder(kept)
    try:
        found = decoder.decode(row)
    except UNREADABLE:
        return None
    return Snapshot(found.process, found.state)


# -- users' values ---------------------------------------------------------------------------------

MAX_DEPTH = 100
"""How deep lists and objects may be nested: well below what every reader of the rows can take."""


_SHOWN = 100
"""So many characters of a value are told in an error."""


def to_json(value: Any, what: str = "value", seal: Seal | None = None) -> bytes:
    """A user's value as strict JSON; `seal` makes a token of each secret in it.

    Raises InvalidInputError, naming the spot, for NaN, infinity, a type without a JSON form,
    whatever would be lost without a word on the way to JSON and back, and a secret that can't be
    sealed.
    """
    return _kept(value, what, seal)[0]


def from_json(encoded: bytes | str) -> Any:
    """A value from JSON."""
    return msgspec.json.decode(encoded)


def canonical(value: Any) -> bytes:
    """A value as JSON with sorted keys: equal values give equal bytes."""
    return msgspec.json.encode(value, order="sorted")


def plain(value: Any, what: str = "value", seal: Seal | None = None) -> Any:
    """A user's value as it comes back from the very bytes that are written. Raises as `to_json`."""
    return _kept(value, what, seal)[1]


def _kept(value: Any, what: str, seal: Seal | None) -> tuple[bytes, Any]:
    try:
        return _written(value, what, seal)
    except CoragoError:
        raise
    except Exception as error:  # the border to users' code: objects answer what they like
        raise InvalidInputError(
            f"{what} holds an object that raises {type(error).__name__} when it is looked at: hand "
            "over plain values, such as texts, numbers, lists and dicts"
        ) from error


def _written(value: Any, what: str, seal: Seal | None) -> tuple[bytes, Any]:
    try:
        return _checked(value, what)
    except SecretMetError:
        pass
    try:
        if fault := _lost(value, what, _unconcerned):
            raise InvalidInputError(fault)
        return _checked(Sealer(seal, to_json).sealed(value, what), what)
    except SecretMetError:
        fault = (
            f"{what} holds a secret as a key, or in an object that can't be looked into: hand it "
            "over as a value in a dict, a dataclass or a pydantic model"
        )
    except _UNFIT as error:
        raise InvalidInputError(f"{_blame(value, what)}; it can't be kept as JSON") from error
    raise InvalidInputError(fault)


def _checked(value: Any, what: str) -> tuple[bytes, Any]:
    try:
        encoded = _value_encoder.encode(value)
        back = _value_decoder.decode(encoded)
        # what comes back equal has lost nothing, and mostly it does
        fault = None if back == value else _lost(value, what, _met)
        if encoded.count(b"[") + encoded.count(b"{") > MAX_DEPTH and _is_too_deep(back):
            fault = f"{what} is nested more than {MAX_DEPTH} deep"
    except _UNFIT as error:
        raise InvalidInputError(f"{_blame(value, what)}; it can't be kept as JSON") from error
    if fault is not None:
        raise InvalidInputError(fault)
    return encoded, back


def _foreign(value: Any) -> Any:
    """The JSON form of what msgspec does not know: models, plain subclasses, containers, names."""
    if not isinstance(value, type):
        if is_secret(value):
            raise SecretMetError
        if hasattr(value, "model_dump"):
            told = dumped(value, "json", probe := Probe())
            if probe.met:
                raise SecretMetError
            return told
        for base, form in _FORMS:
            if isinstance(value, base):
                return form(value)
        if hasattr(value, "__fspath__"):
            return str(value.__fspath__())
        if hasattr(value, "unicode_string"):
            return value.unicode_string()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (Mapping, dict),
    (deque, list),
    ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), str),
)
_UNFIT = (TypeError, ValueError, OverflowError, RecursionError)
_value_encoder = msgspec.json.Encoder(enc_hook=_foreign)
_blaming_encoder = msgspec.json.Encoder(
    enc_hook=lambda value: MASK if is_secret(value) else _foreign(value)
)
_value_decoder = msgspec.json.Decoder()


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"[{shown(key)}]", each) for key, each in value.items()]
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return [(f"[{index}]", each) for index, each in enumerate(value)]
    if isinstance(value, type):
        return []
    if hasattr(value, "model_dump"):
        fields = type(value).model_fields
        hidden = {name for name, field in fields.items() if field.exclude}
        return [(f".{name}", each) for name, each in value if name not in hidden]
    if is_dataclass(value):
        return [(f".{field.name}", getattr(value, field.name)) for field in fields_of(value)]
    names = getattr(value, "__struct_fields__", ())
    return [(f".{name}", getattr(value, name)) for name in names]


def shown(value: object, most: int = _SHOWN) -> str:
    """A value as text for a message, whatever it is, cut after so many characters."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the border to users' code, and to numbers without an end
        return f"a value of type {type(value).__name__} that can't be shown"
    return text if len(text) <= most else f"{text[:most]}…"


def _met(value: Any) -> None:
    """Looks at what may be secret, or hold marked fields. Raises SecretMetError where it does."""
    is_typed = is_dataclass(value) or isinstance(value, msgspec.Struct)
    if is_secret(value) or (is_typed and marked_fields(type(value))):
        raise SecretMetError


def _unconcerned(_: Any) -> None:
    """Looks away."""


def _lost(value: Any, where: str, look: Callable[[Any], None]) -> str | None:
    """What would be lost without a word though `value` can be encoded; None if nothing would.

    `look` is shown whatever is no plain JSON.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (str, bytes, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else _not_finite(value, where)
    if isinstance(value, Decimal):
        return None if value.is_finite() else _not_finite(value, where)
    if isinstance(value, (datetime, time)) and value.tzinfo is not None:
        offset = value.utcoffset()
        if offset is None or offset % timedelta(minutes=1):
            return f"{where} has an offset from UTC that its text can't hold: convert it to UTC"
    look(value)
    if isinstance(value, Mapping) and (fault := _lost_keys(value, where)):
        return fault
    for suffix, each in _children(value):
        if fault := _lost(each, where + suffix, look):
            return fault
    return None


def _not_finite(value: object, where: str) -> str:
    return f"{where} is {value}, which JSON can't hold; use None or a text"


def _lost_keys(value: Mapping[Any, Any], where: str) -> str | None:
    seen: dict[str, Any] = {}
    for key in value:
        if isinstance(key, float) and not math.isfinite(key):
            return _not_finite(key, f"a key of {where}")
        (text,) = _value_decoder.decode(_value_encoder.encode({key: None}))
        if text in seen:
            both = f"{shown(seen[text])} and {shown(key)}"
            return f"{where} has two keys that are one text in JSON: {both}"
        seen[text] = key
    return None


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            each
            for outer in level
            for each in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(each, (dict, list))
        ]
        if not level:
            return False
    return True


def _blame(value: Any, where: str, depth: int = 0) -> str:
    """The innermost part that can't be encoded, in words."""
    if depth > MAX_DEPTH:
        return f"{where[:60]}… is nested more than {MAX_DEPTH} deep, or contains itself"
    for suffix, each in _children(value):
        if _complaint(each) is not None:
            return _blame(each, where + suffix, depth + 1)
    if isinstance(value, str) and _complaint(value) is not None:
        return f"{where} holds half a surrogate pair, which is no text"
    if isinstance(value, Mapping):
        bad = next((key for key in value if _complaint({key: None}) is not None), None)
        return f"{where} has the key {shown(bad)}, and keys are texts"
    kind = type(value).__name__
    if isinstance(value, int) or hasattr(value, "model_dump"):
        return f"{where}, of type {kind}: {_complaint(value)}"
    hints = {"coroutine": " (is an `await` missing?)", "generator": " (make it a list)"}
    return f"{where} is of type {kind}{hints.get(kind, '')}"


def _complaint(value: Any) -> str | None:
    try:
        _blaming_encoder.encode(value)
    except _UNFIT as error:
        return str(error).partition("\n")[0]
    return None
