"""Workflows that keep secrets, and the codecs of a store, as a user's file would hold them."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import SecretStr

from corago import Secret, State, done, init, step, workflow
from corago.codecs import Encrypted, PayloadCodec, Zlib
from corago.steps import StepList


@step("Use")
def use(word: SecretStr, again: Annotated[str, Secret] = "") -> State:
    return {"copy": word, "length": len(word.get_secret_value() + again)}


@step("Fail")
def fail(copy: SecretStr, is_fine: bool = False) -> State:  # noqa: FBT001, FBT002 - comes from the State
    if not is_fine:
        raise ValueError(f"{copy.get_secret_value()} is wrong")
    return {}


@workflow("Keeps secrets")
def keeping() -> StepList:
    return init >> use >> fail >> done


def made() -> list[PayloadCodec]:
    return [Zlib(), Encrypted(os.environ["ROW_KEY"])]


chain = made() if "ROW_KEY" in os.environ else []
not_codecs = [5]
