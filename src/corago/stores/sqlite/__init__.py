"""The embedded store: one SQLite file, written by one thread in groups, read by others.

`SqliteStore` is the store, `inspect` looks at a file that no store has open, `queries` and
`migrations` hold the SQL. Importing this opens nothing.
"""

from corago.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
