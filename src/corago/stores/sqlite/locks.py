"""File locks beside the database: what dies with an OS process, however it dies. Knows no table.

A lock belongs to an open file, so two stores in one OS process exclude each other, too. Where the
platform has no such locks, `hold` and `is_free` say that nothing is known.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform
    fcntl = None  # type: ignore[assignment]

_inherited: WeakSet[Locks] = WeakSet()


def lock(file: int) -> bool:
    """Lock an open file for oneself, or say that somebody else has it. Never waits."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(file: int) -> None:
    """Let an open file's lock go."""
    fcntl.flock(file, fcntl.LOCK_UN)


class Locks:
    """The lock files of one store object, by short names: `gate`, `turn`, `worker-3`."""

    def __init__(self, path: Path) -> None:
        """Know where the database is; open nothing."""
        self._path = path
        self._files: dict[str, int] = {}
        self._own: set[str] = set()
        _inherited.add(self)

    def _place(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-lock-{name}")

    def open(self, name: str) -> int | None:
        """The open file of a lock that all share, made if missing; None where there can be none."""
        try:
            return self._open(name, os.O_CREAT) if fcntl is not None else None
        except OSError:
            return None

    def hold(self, name: str) -> bool:
        """Create a lock and keep it until `release`, `close` or the end of this OS process.

        The name must be one that nobody else uses: whatever lies there is a leftover.
        """
        if fcntl is None:
            return False
        with suppress(OSError):
            self._place(name).unlink()
        self._own.add(name)
        try:
            return lock(self._open(name, os.O_CREAT | os.O_EXCL))
        except OSError:
            return False

    def release(self, name: str) -> None:
        """Remove a lock, one's own or one whose holder is gone."""
        self._own.discard(name)
        file = self._files.pop(name, None)
        with suppress(OSError):
            self._place(name).unlink()
        if file is not None:
            os.close(file)

    def is_free(self, name: str) -> bool | None:
        """Whether nobody holds a lock; None if that cannot be found out."""
        if fcntl is None:
            return None
        if name in self._files:
            return False
        try:
            file = os.open(self._place(name), os.O_RDONLY)
        except FileNotFoundError:
            return True
        except OSError:
            return None
        try:
            # A shared lock, so that two who look do not take each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(file)

    def close(self) -> None:
        """Let everything go; the files of shared locks stay, since others may wait at them."""
        for name in tuple(self._own):
            self.release(name)
        self.abandon()

    def abandon(self) -> None:
        """Close the files and leave everything as it is."""
        while self._files:
            _, file = self._files.popitem()
            os.close(file)

    def _open(self, name: str, how: int) -> int:
        """Whoever may write the database may use its locks."""
        owner = self._path.stat()
        file = os.open(self._place(name), os.O_RDWR | how, stat.S_IMODE(owner.st_mode))
        self._files[name] = file
        if os.geteuid() == 0:
            os.fchown(file, owner.st_uid, owner.st_gid)
        return file


def _abandon() -> None:
    """In a forked child: close what was inherited, which would keep the parent's locks alive."""
    for locks in list(_inherited):
        locks.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
