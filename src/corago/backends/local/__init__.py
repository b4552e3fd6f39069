"""The local backend: processes run here, over a Store; `backend` is its face."""

from corago.backends.local.backend import LocalBackend
from corago.backends.local.definitions import ProgramOf

__all__ = ["LocalBackend", "ProgramOf"]
