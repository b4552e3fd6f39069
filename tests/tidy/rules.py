"""The house rules that no off-the-shelf checker knows, each from a source to its offences."""

import ast
import inspect
import io
import re
import subprocess
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LINES_WISHED, LINES_MAX, FUNCTION_LINES_MAX = 300, 500, 70

KINDS = (".css", ".html", ".js", ".json", ".md", ".py", ".sql", ".svg", ".toml", ".yaml", ".yml")

# Where an import may stand inside a function, and why.
LATE_IMPORTS = {
    "src/corago/cli/": "`--help` answers before the heavy parts are loaded",
    "src/corago/demo/": "as the command line, which starts it",
    "src/corago/wiring.py": "a store or backend is loaded when a URL names it",
}
# The rooms that stand outside, as users do, and so may use the public face.
SURFACES = ("src/corago/cli/", "src/corago/demo/", "src/corago/testing/")
READERS = ("src/corago/clock.py", "src/corago/ids.py")
SIMULATOR = "src/corago/testing/simulator/"  # its time is virtual, its chance comes from a seed
ALARMS = ("src/corago/runtime/", SIMULATOR)  # set the loop's alarms, which go by the loop's time

TIME_AND_CHANCE = re.compile(
    r"time\.(time|monotonic|perf_counter|process_time|thread_time)(_ns)?"
    r"|time\.(ctime|gmtime|localtime)"
    r"|datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today"
    r"|uuid\.uuid[1467]|os\.(urandom|getrandom)|(random|secrets)\..+"
)
SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\b(INSERT|REPLACE)\b.+\bINTO\b|\bUPDATE\b.+\bSET\b|\bDELETE\s+FROM\b"
    r"|\b(CREATE|ALTER|DROP)\s+(UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)\b"
    r"|\A\s*(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from|create\s+table)\b",
    re.DOTALL,
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:farm|home|mnt|opt|root|tmp|Users|work)/\w")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|crates\.io"
    r"|--(?:extra-)?index-url|index-url\s*=|--find[-]links|(?:PIP|UV)_(?:\w+_)?INDEX"
)
SCAFFOLD = re.compile(r"\.\./(?:shared|seeds)\b|\bshared/(?:data|design|hooks|seeds)\b")
LATER = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")
LOCK_FILE = re.compile(r"(?:^|/)(?:[^/]+\.lock|[^/]*-lock\.(?:json|yaml)|pylock[^/]*\.toml)$")
DRAWER = re.compile(r"(?:^|/)(?:utils?|helpers?|misc|common)(?:/|\.py$)")
BLANKET = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*pyright:\s*ignore(?!\[)|#\s*noqa(?!:)")
FENCE = re.compile(r"^([ ]*)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@dataclass(frozen=True)
class Source:
    """One file of the tree, by its path from the root."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def names(self) -> dict[str, str]:
        """What each imported name stands for, in full."""
        meaning: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    meaning[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    meaning[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return meaning

    def full_name(self, node: ast.AST) -> str:
        """`datetime.datetime.now` for `dt.now` after `from datetime import datetime as dt`."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.full_name(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def mentions(self, wanted: re.Pattern[str]) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute):
                name = self.full_name(node)
                if wanted.fullmatch(name):
                    yield f"line {node.lineno}: {name}"

    def lines_with(self, wanted: re.Pattern[str]) -> Iterator[str]:
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := wanted.search(line):
                yield f"line {number}: {found[0]}"


Rule = Callable[[Source], Iterable[str]]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> tuple[Source, ...]:
    """Every text that git keeps, and new ones of the usual kinds; without git, the usual kinds."""
    kept = listed("--cached")
    new = listed("--others", "--exclude-standard")
    if not kept + new:
        found = (str(path.relative_to(ROOT)) for path in ROOT.rglob("*"))
        new = [path for path in found if not re.search(r"(^|/)(\.\w|__pycache__)", path)]
    usual = (path for path in new if path == "Makefile" or Path(path).suffix in KINDS)
    texts = []
    for path in sorted({*kept, *usual}):
        file = ROOT / path
        if file.is_file() and b"\0" not in (data := file.read_bytes()):
            texts.append(Source(path, data.decode("utf-8", "replace")))
    return tuple(texts)


def listed(*which: str) -> list[str]:
    command = ["git", "ls-files", "-z", *which]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [path for path in asked.stdout.split("\0") if path]


def python(*rooms: str) -> list[Source]:
    return [each for each in sources() if each.path.endswith(".py") and each.path.startswith(rooms)]


# --------------------------------------------------------------------------------------- the rules
def too_long(source: Source) -> Iterator[str]:
    count = len(source.text.splitlines())
    if count > LINES_MAX:
        yield f"{count} lines, {LINES_MAX} is the end"


def too_long_function(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, FunctionNode):
            first = node.body[0]
            prose = 0
            if ast.get_docstring(node, clean=False) is not None:
                prose = (first.end_lineno or first.lineno) - first.lineno + 1
            count = (node.end_lineno or node.lineno) - node.lineno + 1 - prose
            if count > FUNCTION_LINES_MAX:
                yield f"{node.name} has {count} lines, {FUNCTION_LINES_MAX} is the end"


def postponed(source: Source) -> Iterable[str]:
    return source.lines_with(LATER)


def sleeping(source: Source) -> Iterable[str]:
    return source.mentions(re.compile(r"time\.sleep"))


def mocking(source: Source) -> Iterator[str]:
    imported = (node for node in ast.walk(source.tree) if isinstance(node, ast.Import))
    named = {alias.name for node in imported for alias in node.names} | set(source.names.values())
    for name in sorted(named):
        if re.match(r"(unittest\.mock|mock|pytest_mock)(\.|$)", name):
            yield f"imports {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "setattr":
            yield f"line {node.lineno}: replaces code in place; hand in a fake instead"
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield f"line {node.lineno}: asks for a mocker"


def sql_in_python(source: Source) -> Iterator[str]:
    prose = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "?" for p in node.values)
            text = "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if id(node) not in prose and SQL.search(text):
            yield f"line {getattr(node, 'lineno', '?')}: {text.strip()[:60]!r}"


def undescribed_module(source: Source) -> Iterator[str]:
    if not (ast.get_docstring(source.tree) or "").strip():
        yield "says neither what lives here nor what never may"


def late_import(source: Source) -> Iterator[str]:
    """An import inside a function waits in a listed room, or its line says what for."""
    if source.path.startswith(tuple(LATE_IMPORTS)):
        return
    lines = source.text.splitlines()
    for function in ast.walk(source.tree):
        if isinstance(function, FunctionNode):
            for node in ast.walk(function):
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                if not re.search(r"# noqa: PLC0415\W+\w", lines[node.lineno - 1]):
                    yield f"line {node.lineno}: imports inside {function.name}"


def bare_except(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: catches without a name"


def blanket_waiver(source: Source) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and BLANKET.search(token.string):
            yield f"line {token.start[0]}: {token.string}"


def time_or_chance(source: Source) -> Iterator[str]:
    if source.path in READERS:
        return
    for mention in source.mentions(TIME_AND_CHANCE):
        if not source.path.startswith(SIMULATOR) or not mention.endswith(" random.Random"):
            yield mention
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = ast.unparse(node.func.value)
            is_loop = node.func.attr == "time" and re.search(r"loop(\(\))?$", of)
            if is_loop and not source.path.startswith(ALARMS):
                yield f"line {node.lineno}: {of}.time()"


def faces_inward(source: Source) -> Iterator[str]:
    """Code behind the public face imports a name where it lives, not from the face."""
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "src/corago").iterdir()}
    if source.path.startswith(SURFACES):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import) and "corago" in {alias.name for alias in node.names}:
            yield f"line {node.lineno}: imports the public face"
        if isinstance(node, ast.ImportFrom) and node.module == "corago":
            for name in sorted({alias.name for alias in node.names} - rooms):
                yield f"line {node.lineno}: takes {name} from the public face"


def ships_tests(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and ".testing" in ast.unparse(node):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def machine_path(source: Source) -> Iterable[str]:
    return source.lines_with(MACHINE_PATH)


def registry(source: Source) -> Iterable[str]:
    return source.lines_with(REGISTRY)


def scaffold(source: Source) -> Iterable[str]:
    return source.lines_with(SCAFFOLD)


def lock_file(source: Source) -> Iterator[str]:
    if LOCK_FILE.search(source.path):
        yield "pins what the user's resolver should choose"


def drawer(source: Source) -> Iterator[str]:
    if DRAWER.search(source.path):
        yield "put each function beside the noun it serves"


def broken_page(source: Source) -> Iterator[str]:
    """A page's commands exist, its Python compiles and its links lead somewhere."""
    blocks = [(kind, textwrap.dedent(code)) for _, kind, code in FENCE.findall(source.text)]
    prose = FENCE.sub("", source.text)
    said = [code for kind, code in blocks if kind in {"", "console", "bash", "sh", "shell"}]
    for code in [*said, *re.findall(r"`([^`\n]+)`", prose)]:
        for target in re.findall(r"(?:^|[\s;&])make ([a-z][a-z-]*)", code):
            if target not in make_targets():
                yield f"`make {target}` does not exist"
    for kind, code in blocks:
        if kind in {"python", "py"} and ">>> " not in code:
            try:
                compile(code, source.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            except SyntaxError as error:
                yield f"Python that does not compile ({error}): {code.strip()[:60]!r}"
    for link in LINK.findall(prose):
        if not (ROOT / source.path).parent.joinpath(link).exists():
            yield f"the link {link} leads nowhere"


def unreasoned(source: Source) -> Iterator[str]:
    """In ruff's settings, every line that names a waived rule says why."""
    sections = r"^\[tool\.ruff\.lint\]$.*?(?=^\[)|^\[tool\.ruff\.lint\.per-file.*?(?=^\[)"
    for section in re.findall(sections, source.text, re.DOTALL | re.MULTILINE):
        for line in section.splitlines():
            if re.search(r'"[A-Z]+\d*"', line) and "select" not in line and " # " not in line:
                yield f"a waiver without a reason: {line.strip()}"


def undescribed_face(face: ModuleType) -> Iterator[str]:
    for name in getattr(face, "__all__", ()):
        thing = getattr(face, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            text = (thing.__doc__ or "").strip()
            if not text or text.startswith(f"{name}("):  # as a dataclass describes itself
                yield f"{name} has no docstring of its own"


@cache
def make_targets() -> frozenset[str]:
    text = (ROOT / "Makefile").read_text("utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
