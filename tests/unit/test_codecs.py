"""The codecs that are shipped."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from corago.codecs import Encrypted, PayloadCodec, Zlib
from corago.errors import CodecError, SecretKeyError
from corago.keys import fresh_key
from tests.properties.programs import LAW

KEY, OTHER_KEY = fresh_key(), fresh_key()


@LAW
@given(st.binary(max_size=2000), st.booleans())
def test_what_was_encoded_is_decoded(data: bytes, repeats: bool) -> None:  # noqa: FBT001 - a law's argument
    text = data * 50 if repeats else data
    for codec in (Zlib(minimum=0), Encrypted(KEY)):
        assert isinstance(codec, PayloadCodec)
        encoded = codec.encode(text)
        assert encoded is text or codec.decode(encoded) == text


def test_compression_leaves_what_it_would_not_shrink() -> None:
    tiny, noise, large = b"a" * 100, bytes(range(256)) * 4, b"a" * 10_000
    assert Zlib().encode(tiny) is tiny
    assert Zlib(minimum=0).encode(noise[:256]) == noise[:256]
    assert len(Zlib().encode(large)) < 100


def test_encryption_hides_and_is_the_same_each_time() -> None:
    codec = Encrypted(KEY)
    once = codec.encode(b"hunter2" * 3)
    assert b"hunter2" not in once
    assert once == Encrypted(KEY).encode(b"hunter2" * 3) != codec.encode(b"hunter3" * 3)
    assert once != Encrypted(OTHER_KEY).encode(b"hunter2" * 3)


def test_an_older_key_still_decodes_and_encodes_no_more() -> None:
    old, new = Encrypted(OTHER_KEY), Encrypted(KEY, OTHER_KEY)
    assert new.decode(old.encode(b"text")) == b"text"
    assert new.encode(b"text") == Encrypted(KEY).encode(b"text")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(CodecError, match=r"encrypted with the key \w{8}, and the keys here are"):
        Encrypted(KEY).decode(Encrypted(OTHER_KEY).encode(b"text"))


@pytest.mark.parametrize("place", [4, 10, -1])
def test_a_changed_text_is_noticed(place: int) -> None:
    data = bytearray(Encrypted(KEY).encode(b"text"))
    data[place] ^= 1
    with pytest.raises(InvalidTag):
        Encrypted(KEY).decode(bytes(data))


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(SecretKeyError, match="the key of Encrypted is no key"):
        Encrypted("password")
