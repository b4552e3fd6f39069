"""The local backend: processes run here, over a Store; `backend` is its face."""

from corago.backends.local.backend import LocalBackend

__all__ = ["LocalBackend"]
