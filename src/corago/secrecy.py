"""Secrets in clear: sealed before they are kept, opened where a step asks for them.

Sealing is AES-SIV, which makes the same token of the same secret: so a start can be repeated, and
what is stored can be compared. Which keys are meant is the engine's to say, by `using`; where no
engine is, the environment says it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
import pydantic
from pydantic import GetCoreSchemaHandler, SecretBytes, SecretStr
from pydantic_core import CoreSchema, core_schema

from corago.core import sealing
from corago.errors import SecretKeyError
from corago.keys import ID_BYTES, ciphers, derived, key_id, read_key

VARIABLE = "CORAGO_SECRET_KEY"

HOW = (
    "make one with `corago secret-key`, and give it to every engine and worker, as "
    f"Engine(secret_key=...) or in {VARIABLE}"
)

_SHORT = 4
"""A secret of fewer characters can't be cut out of a text: the text is hidden whole."""

_HIDDEN = f"{sealing.MASK} (hidden, since it may tell a secret)"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Secret:
    """Marks what must not be kept in clear: `Annotated[str, Secret]`.

    For parameters of steps and predicates, and for fields of pydantic models and dataclasses. The
    code has it as it is; what is stored is sealed. pydantic's `SecretStr` and `SecretBytes` need no
    mark, and hide themselves from logs too.
    """

    __corago_secret__ = True

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take what was sealed, and leave it to the sealer when it is kept."""
        schema = handler(source)
        return core_schema.no_info_before_validator_function(
            _bare,
            schema,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                _left_to_sealer, info_arg=True, schema=schema
            ),
        )


def _bare(value: Any) -> Any:
    return value.get_secret_value() if sealing.is_secret(value) else value


def _left_to_sealer(
    value: Any, handler: core_schema.SerializerFunctionWrapHandler, info: Any
) -> Any:
    context = info.context
    sealer = context.get(sealing.CONTEXT) if isinstance(context, dict) else None
    return handler(value) if sealer is None else sealer.marked(value)


class Vault:
    """Keys for secrets: the first seals, all of them open. Without keys it refuses both."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        """Take the keys, of 32 bytes each."""
        self._keys = {key_id(key): key for key in keys}
        self._ciphers: dict[bytes, Any] = {}

    @property
    def has_key(self) -> bool:
        """Whether it can seal."""
        return bool(self._keys)

    def seal(self, content: bytes) -> str:
        """The token of a content. Raises SecretKeyError without a key."""
        name = next(iter(self._keys), None)
        if name is None:
            raise SecretKeyError(f"there is no key to seal secrets with: {HOW}")
        sealed = self._cipher(name).encrypt(content, [name])
        return sealing.HEAD + base64.urlsafe_b64encode(name + sealed).decode()

    def open(self, token: str) -> bytes:
        """The content of a token. Raises SecretKeyError."""
        try:
            data = base64.urlsafe_b64decode(token.removeprefix(sealing.HEAD))
        except binascii.Error as error:
            raise SecretKeyError("it looks like a sealed secret, but is none") from error
        name, sealed = data[:ID_BYTES], data[ID_BYTES:]
        if not self._keys:
            raise SecretKeyError(
                f"there is no key to open it with: set {VARIABLE}, or Engine(secret_key=...), to "
                f"the key that it was sealed with ({name.hex()})"
            )
        if name not in self._keys:
            here = ", ".join(each.hex() for each in self._keys)
            raise SecretKeyError(
                f"it was sealed with the key {name.hex()}, and the keys here are {here}: set "
                f"{VARIABLE}, or Engine(secret_key=...), to the newest key and the older ones"
            )
        try:
            opened: bytes = self._cipher(name).decrypt(sealed, [name])
        except Exception as error:
            raise SecretKeyError("it was changed since it was sealed") from error
        return opened

    def _cipher(self, name: bytes) -> Any:
        cipher = self._ciphers.get(name)
        if cipher is None:
            kind = ciphers("a secret").AESSIV
            cipher = self._ciphers[name] = kind(derived(self._keys[name], "secrets"))
        return cipher


def vault_of(given: str | bytes | Sequence[str | bytes] | None) -> Vault:
    """The vault of a key or several; of None, that of the environment.

    Several keys in the environment stand behind each other, divided by commas. Raises
    SecretKeyError for what is no key.
    """
    what = "secret_key"
    if given is None:
        what = VARIABLE
        given = [each for each in os.environ.get(VARIABLE, "").split(",") if each.strip()]
    keys = [given] if isinstance(given, (str, bytes)) else given
    return Vault([read_key(each, what) for each in keys])


# -- the vault in force ----------------------------------------------------------------------------

_vault: ContextVar[Vault] = ContextVar("corago_vault")


def current() -> Vault:
    """The vault of the engine for which this runs; else that of the environment."""
    return _vault.get(None) or vault_of(None)


@contextmanager
def using(vault: Vault) -> Iterator[None]:
    """Within the block, and in tasks and threads that are made there, this vault is in force."""
    token = _vault.set(vault)
    try:
        yield
    finally:
        _vault.reset(token)


def seal(content: bytes) -> str:
    """The token of a content, by the vault in force. Raises SecretKeyError."""
    return current().seal(content)


def open_text(text: bytes) -> bytes:
    """JSON with its secrets in clear, by the vault in force. Raises SecretKeyError."""
    return sealing.opened_text(text, current().open)


def lifted(value: Any, vault: Vault | None = None) -> Any:
    """A JSON value with a SecretStr (or SecretBytes, or Secret) for each that was sealed.

    Raises SecretKeyError.
    """
    text = _encode(value)
    return _lift(value, vault or current()) if sealing.is_sealed(text) else value


def revealed(value: Any, vault: Vault) -> Any:
    """The same as `lifted` for one who may have no key: then secrets are masked."""
    try:
        return lifted(value, vault)
    except SecretKeyError:
        return sealing.masked(value)


def copied(value: Any) -> Any:
    """A copy of a JSON value, lifted. Raises SecretKeyError."""
    text = _encode(value)
    copy = _decode(text)
    return _lift(copy, current()) if sealing.is_sealed(text) else copy


def _lift(value: Any, vault: Vault) -> Any:
    token = sealing.token_of(value)
    if token is not None:
        return _held(vault.open(token))
    if isinstance(value, dict):
        return {name: _lift(each, vault) for name, each in value.items()}
    return [_lift(each, vault) for each in value] if isinstance(value, list) else value


def _held(content: bytes) -> SecretStr | SecretBytes | pydantic.Secret[Any]:
    kind, rest = content[:1], content[1:]
    if kind == sealing.TEXT:
        return SecretStr(rest.decode())
    return SecretBytes(rest) if kind == sealing.BYTES else pydantic.Secret[Any](_decode(rest))


# -- keeping texts discreet ------------------------------------------------------------------------


def discretion(values: Mapping[str, Any]) -> Callable[[str], str] | None:
    """What cuts the secrets of these values out of a text; None where they hold none.

    By the vault in force; what it can't open, nobody here has seen.
    """
    text = _encode(dict(values))
    if not sealing.is_sealed(text):
        return None
    vault, forms = current(), set[str]()
    for token in sealing.tokens(text):
        try:
            forms |= _forms(vault.open(token))
        except SecretKeyError:
            continue
    longest_first = sorted(forms, key=len, reverse=True)

    def hide(said: str) -> str:
        for form in longest_first:
            if form in said:
                if len(form) < _SHORT:
                    return _HIDDEN
                said = said.replace(form, sealing.MASK)
        return said

    return hide


def _forms(content: bytes) -> set[str]:
    """How a secret may stand in a text: as it is, quoted, as base64, in a URL."""
    kind, rest = content[:1], content[1:]
    found: set[str] = set()
    for each in _leaves(_decode(rest)) if kind == sealing.OTHER else (rest,):
        text = each.decode("utf-8", "replace")
        found |= {line for line in text.splitlines() if len(line) >= 2 * _SHORT}
        quoted = (repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False))
        found |= {text, *(each[1:-1] for each in quoted)}
        found |= {urllib.parse.quote(text), urllib.parse.quote(text, ""), _plus(text)}
        found |= {repr(each)[2:-1], base64.b64encode(each).decode()}
    return {form for form in found if form.strip()}


_plus = urllib.parse.quote_plus


def _leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif not isinstance(value, bool) and value is not None:
        yield str(value).encode()
