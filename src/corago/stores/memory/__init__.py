"""The store in memory: the executable specification of the Store port, small before it is fast.

`store` holds the store, `processes` and `tasks` what it keeps.
"""

from corago.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
