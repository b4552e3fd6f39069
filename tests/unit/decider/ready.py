"""Activities made ready to run, as workers have them, and types that they may use."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from corago.decider.activities import functions_of, spec_of


class Order(BaseModel):
    id: str
    amount: int = 0


@dataclass
class Receipt:
    number: int
    paid: bool = True


def run(thing: Any, given: Any = None) -> Any:
    """What the code of an activity makes of an input, as a worker has it."""
    (function,) = functions_of([thing]).values()
    value = function({"input": given})
    return asyncio.run(value) if function.is_async else value


def document(thing: Any) -> dict[str, Any]:
    spec = spec_of(thing)
    assert spec is not None
    return spec.document()
