"""The synchronous face: `Engine` and `Handle`, whose methods are generated."""

from corago.blocking.engine import Engine
from corago.blocking.handle import Handle

__all__ = ["Engine", "Handle"]
