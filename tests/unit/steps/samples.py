"""Steps, workflows and types for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field
from typing_extensions import TypedDict

from corago.arguments.injection import Asked, Filler
from corago.errors import StepArgumentError
from corago.steps import State, StepList, Workflow, begin, step, workflow

ONE = UUID(int=1)


@step("Reserve port")
def reserve(port: int, customer: UUID | None = None) -> State:
    """Reserve it."""
    return {"reserved": port, "customer": customer}


@step("Notify")
async def notify() -> None: ...


def is_large(size: int = 0) -> bool:
    return size > 3


def plain_function() -> State:
    return {}


async def coroutine_function() -> State:
    return {}


def made(*steps: Any, **options: Any) -> Workflow:
    """A workflow of exactly these steps."""

    @workflow("For a test", **options)
    def tried() -> StepList:
        whole = begin
        for each in steps:
            whole = whole >> each
        return whole

    return tried


def filled(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a step of this function would get."""
    return Filler("step 'A'", Asked(function, "step 'A'", {}).slots("step 'A'", {})).fill(values)


def asking(annotation: Any) -> Callable[..., Any]:
    def ask(value: Any) -> None: ...

    ask.__annotations__ = {"value": annotation}
    return ask


def refused(function: Callable[..., Any], values: Mapping[str, Any]) -> str:
    with pytest.raises(StepArgumentError) as caught:
        filled(function, values)
    return str(caught.value)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    left: int
    right: UUID


class Box(TypedDict):
    size: Decimal
    key: bytes


@dataclass
class Line:
    port: UUID
    since: datetime | None = None
    tags: set[str] = field(default_factory=set)
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Spot:
    x: int
    y: Decimal


class Order(BaseModel):
    port: int


class Customer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    born: date = Field(alias="birthDate")
    lines: list[Line] = []
    limit: Decimal | None = Field(default=None, validation_alias="max", serialization_alias="top")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def age_days(self) -> int:
        return 5
