"""Workflows and activities out of users' files: finds, imports and names them. Runs nothing."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from corago.cli.exits import LoadError
from corago.codecs import PayloadCodec

if TYPE_CHECKING:
    from corago.runtime.settings import Workflow

_PARTS = ("name", "version", "sha", "document", "functions", "program")
_NOT_THE_USERS = (
    "<frozen",
    str(Path(__file__).resolve().parents[1]),
    *(sysconfig.get_path(each) for each in ("stdlib", "purelib", "platlib")),
)


def is_file(target: str) -> bool:
    """Whether FILE:WORKFLOW names a file, rather than a module or a process."""
    return _divided(target)[0].endswith(".py")


def is_module(target: str) -> bool:
    """Whether FILE:WORKFLOW names a module that can be imported."""
    name = _divided(target)[0]
    _look_in(Path.cwd())
    try:
        return _is_dotted(name) and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def load_one(target: str) -> tuple[Workflow, list[Workflow]]:
    """The workflow that FILE:WORKFLOW names, and all that stand in its file.

    Without a name, the only one there. Raises LoadError.
    """
    place, name = _divided(target)
    found = _workflows(_imported(place), place)
    everything = list(found.values())
    if name is None:
        if len(everything) > 1:
            raise LoadError(
                f"{place} holds {len(everything)} workflows, so name one: "
                + ", ".join(f"{place}:{each}" for each in found)
            )
        return everything[0], everything
    by_name = found | {each.name: each for each in everything if each.name not in found}
    if name not in by_name:
        near = difflib.get_close_matches(name, by_name, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise LoadError(f"{name!r} is no workflow in {place}; there: {', '.join(by_name)}{meant}")
    return by_name[name], everything


def load_all(targets: Iterable[str]) -> list[Workflow]:
    """Every workflow of these files, each once; FILE:WORKFLOW gives just that one.

    Raises LoadError.
    """
    found: dict[str, Workflow] = {}
    for target in targets:
        place, name = _divided(target)
        if name is not None:
            chosen = [load_one(target)[0]]
        else:
            chosen = list(_workflows(_imported(place), place).values())
        found |= {each.sha: each for each in chosen}
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Code:
    """What files hold: workflows, and activities by the names under which workers know them."""

    workflows: list[Workflow]
    activities: dict[str, Any]


def load_code(targets: Iterable[str]) -> Code:
    """Every workflow and activity of these files; FILE:NAME gives just that one.

    Raises LoadError, too for two activities of one name, unless workflows bring them anyway.
    """
    workflows: dict[str, Workflow] = {}
    activities: dict[str, list[Any]] = {}
    for target in targets:
        place, name = _divided(target)
        module = _imported(place)
        found = {n: each for n, each in _activities(module).items() if name in (None, n)}
        if name is not None and not found:
            chosen = [load_one(target)[0]]
        else:
            chosen = list(_workflows(module, place, may_lack=bool(found)).values())
            chosen = chosen if name is None else []
        workflows |= {each.sha: each for each in chosen}
        for activity in found.values():
            namesakes = activities.setdefault(_key(activity), [])
            namesakes += [] if any(activity is each for each in namesakes) else [activity]
    brought = {key for each in workflows.values() for key in each.functions}
    for key, namesakes in activities.items():
        if len(namesakes) > 1 and key not in brought:
            raise LoadError(
                f"two activities are called {key!r}: rename one, or give it another version"
            )
    alone = {key: each[0] for key, each in activities.items() if len(each) == 1}
    return Code(list(workflows.values()), alone)


def load_activities(target: str) -> tuple[Any, ...]:
    """The activities that stand beside a workflow in its file. Raises LoadError."""
    return tuple(load_code([_divided(target)[0]]).activities.values())


def load_codecs(target: str, variable: str) -> Sequence[PayloadCodec]:
    """The codec, or several, that MODULE:NAME or FILE.py:NAME holds. Raises LoadError."""
    place, name = _divided(target)
    if name is None:
        raise LoadError(f"{variable} names a thing in a module, as in {place}:codec")
    found = getattr(_imported(place), name, None)
    codecs: Sequence[Any] = found if isinstance(found, (list, tuple)) else (found,)
    if not all(isinstance(each, PayloadCodec) for each in codecs):
        raise LoadError(
            f"{variable}: {target} is no codec, nor a list of them; a codec has a name, "
            "encode(bytes) and decode(bytes), as those of corago.codecs"
        )
    return codecs


def _divided(target: str) -> tuple[str, str | None]:
    place, colon, name = target.rpartition(":")
    return (place, name) if colon and name and os.sep not in name else (target.rstrip(":"), None)


def _workflows(module: ModuleType, place: str, *, may_lack: bool = False) -> dict[str, Workflow]:
    found: dict[str, Workflow] = {}
    for name, thing in vars(module).items():
        is_known = any(thing is each for each in found.values())
        if is_workflow(thing) and not is_known:
            found[name] = thing
    if not (found or may_lack):
        raise LoadError(
            f'no workflow stands in {place}; one is made by @workflow("…"), or by a class derived '
            "from Machine or from Workflow"
        )
    return found


def is_workflow(thing: Any) -> bool:
    """Whether it is one, of whatever door."""
    try:
        return all(hasattr(thing, part) for part in _PARTS) and isinstance(thing.sha, str)
    except Exception:  # noqa: BLE001 - a stranger's object may answer anything
        return False


def _activities(module: ModuleType) -> dict[str, Any]:
    """The activities of a module, each once, by the names that they have there."""
    decider = sys.modules.get("corago.decider.activities")
    if decider is None:
        return {}  # who has imported nothing of that door has none
    found: dict[str, Any] = {}
    for name, thing in vars(module).items():
        if decider.spec_of(thing) is not None and all(thing is not x for x in found.values()):
            found[name] = thing
    return found


def _key(activity: Any) -> str:
    key: str = sys.modules["corago.decider.activities"].spec_of(activity).key
    return key


# -- importing -------------------------------------------------------------------------------------


def _imported(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py":
        if not path.is_file():
            raise LoadError(f"there is no file {place}")
        return _guarded(place, _module_of(path.resolve()))
    if not _is_dotted(place):
        kind = "a directory" if path.is_dir() else "no Python file"
        raise LoadError(
            f"{place!r} is {kind}; name a file such as workflows.py:NAME, or a dotted module"
        )
    _look_in(Path.cwd())
    return _guarded(place, (place, None))


def _is_dotted(name: str) -> bool:
    return bool(name) and all(part.isidentifier() for part in name.split("."))


def _look_in(folder: Path) -> None:
    """Let modules beside the user's file be imported, as Python does for a script."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _module_of(path: Path) -> tuple[str, Path | None]:
    """A file's module name, and the file itself where that name would not lead to it."""
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    _look_in(folder)
    if len(parts) > 1:
        return ".".join(parts), None
    name = path.stem
    known = sys.modules.get(name)
    is_ours = known is not None and getattr(known, "__file__", None) == str(path)
    is_taken = name in sys.stdlib_module_names or (known is not None and not is_ours)
    if is_taken or not name.isidentifier():
        name = f"corago_workflows_{name}_{zlib.crc32(str(path).encode()):x}"
    return name, path


def _guarded(place: str, where: tuple[str, Path | None]) -> ModuleType:
    """Import, and tell what went wrong as the user's own error with its place."""
    name, path = where
    known = sys.modules.get(name)
    if known is not None:
        return known
    try:
        if path is None:
            return importlib.import_module(name)
        return _executed(name, path)
    except ModuleNotFoundError as error:
        if path is None and error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {error.name!r} (a file ends in .py)") from error
        raise _told(place, error) from error
    except (Exception, SystemExit) as error:
        raise _told(place, error) from error


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _told(place: str, error: BaseException) -> LoadError:
    if isinstance(error, SyntaxError) and error.filename:
        return _broken(place, f"SyntaxError: {error.msg}", f"{error.filename}:{error.lineno}")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_NOT_THE_USERS)
    ]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else place
    return _broken(place, f"{type(error).__name__}: {error}".rstrip(": "), where)


def _broken(place: str, said: str, where: str) -> LoadError:
    return LoadError(f"{place} can't be imported: {said} ({where})")
