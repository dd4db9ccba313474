"""The rules of the house, read from the source itself: who imports whom, sizes, and what no file may hold."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"

# What each room may import from the others; the table of the design, kept by this test.
PURE = {"errors", "config"}
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors"},
    "control": PURE,
    "policy": PURE,
    "store": PURE | {"policy"},
    "discovery": PURE,
    "dashboard": PURE | {"policy", "store"},
    "deploy": PURE,
    "checker": PURE,
    "explain": PURE | {"policy"},
    "rehearse": PURE | {"policy", "control", "launch", "mock"},
    "begin": PURE | {"policy"},
    "launch": PURE,
    "webserver": set(),
    "proxy": PURE,
    "mock": set(),
    "hooks": PURE | {"policy", "store"},
    "serving": PURE | {"hooks"},
    "cli": PURE | {"control", "policy", "store", "discovery", "deploy", "checker", "explain", "rehearse", "begin"}
    | {"launch", "mock", "dashboard", "webserver"},
    "main": PURE | {"cli"},
}
# Heavy or framework libraries and the only rooms that may import them.
LIBRARIES: dict[str, set[str]] = {
    "litellm": {"serving", "hooks"},
    "click": {"cli", "main"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
}
READS_THE_ENVIRONMENT = {"main.py", "hooks/runtime.py", "serving/environment.py"}

# Longer than the house wants, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {}
LONG_FILES: dict[str, str] = {}

CHECKED = ("src", "demo", "benchmarks", "tests")
SKIPPED_FOLDERS = {".git", "__pycache__", "build", "dist", "htmlcov", ".mypy_cache", ".pytest_cache", ".hypothesis"}


class Import(NamedTuple):
    """One import: the file that has it, and what it names below the package or among the libraries."""

    file: str
    room: str
    inside: bool
    target: str


@cache
def modules(folder: str) -> dict[str, ast.Module]:
    """Return the syntax trees below ``folder`` by their path in the repository."""
    files = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def imports() -> Iterator[Import]:
    """Yield every import below `src`, also those inside functions and those by name."""
    for file, tree in modules("src").items():
        parts = Path(file).with_suffix("").parts[1:]
        room = parts[0]
        for node in ast.walk(tree):
            for inside, target in named(node, parts):
                yield Import(file, room, inside, target)


def named(node: ast.AST, parts: tuple[str, ...]) -> list[tuple[bool, str]]:
    """Return what one node imports, as (inside our package?, first name)."""
    if isinstance(node, ast.Import):
        return [(False, alias.name.split(".")[0]) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(False, str(node.module).split(".")[0])]
    if isinstance(node, ast.ImportFrom):
        base = (*parts[:-node.level], *(node.module or "").split("."))
        path = [part for part in base if part]
        return [(True, path[0])] if path else [(True, alias.name) for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant):
            return [(False, str(first.value).split(".")[0])]
    return []


def is_module(name: str) -> bool:
    return (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def test_every_room_is_in_the_table() -> None:
    rooms = {Path(file).with_suffix("").parts[1] for file in modules("src")} - {"__init__"}
    assert rooms <= set(ROOMS)


def test_rooms_import_only_what_the_table_allows() -> None:
    broken = [f"{found.file}: {found.target}" for found in imports()
              if found.inside and is_module(found.target)
              and found.target not in ROOMS[found.room] | {found.room}]
    assert broken == []


def test_developers_read_the_same_table() -> None:
    text = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`src/.+`) \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    told = {room: set(allowed.split(", ")) - {"nothing"} for places, allowed in rows
            for room in re.findall(r"src/(\w+)", places) if "all but" not in allowed}
    assert told == {room: allowed for room, allowed in ROOMS.items() if room not in ("cli", "main")}
    assert ROOMS["cli"] == set(ROOMS) - {"serving", "hooks", "proxy", "cli", "main"}


def test_frameworks_stay_in_their_rooms() -> None:
    broken = [f"{found.file}: {found.target}" for found in imports()
              if not found.inside and found.room not in LIBRARIES.get(found.target, {found.room})]
    assert broken == []


def test_the_package_works_under_both_of_its_names() -> None:
    named_absolutely = {found.file for found in imports() if not found.inside
                        and found.target in ("src", "litellm_gateway")}
    assert named_absolutely <= {"src/proxy.py"}, "proxy.py alone is a script; the others import relatively"


def environment_reads(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that read the process environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb"):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ("environ", "getenv", "environb"))


def test_the_environment_is_read_at_the_doors_only() -> None:
    broken = [f"{file}:{line}" for file, tree in modules("src").items() for line in environment_reads(tree)
              if file.removeprefix("src/") not in READS_THE_ENVIRONMENT]
    assert broken == []


def functions(folder: str) -> Iterator[tuple[str, int]]:
    """Yield the name and number of lines of every function below ``folder``."""
    for file, tree in modules(folder).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file} {node.name}", (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("folder", CHECKED)
def test_no_function_is_longer_than_60_lines(folder: str) -> None:
    long = {name: lines for name, lines in functions(folder) if lines > 60}
    assert set(long) <= set(LONG_FUNCTIONS), long


@pytest.mark.parametrize("folder", ["src", "demo", "benchmarks"])
def test_no_file_is_longer_than_300_lines(folder: str) -> None:
    lengths = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in modules(folder)}
    long = {file: lines for file, lines in lengths.items() if lines > 300}
    assert set(long) <= set(LONG_FILES), long


def test_every_exception_from_the_sizes_is_still_needed() -> None:
    known = {name for folder in CHECKED for name, lines in functions(folder) if lines > 60}
    assert set(LONG_FUNCTIONS) <= known
    assert all((ROOT / file).is_file() for file in LONG_FILES)


def swallows(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler catches everything and tells nobody."""
    broad = handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    return broad and all(isinstance(node, ast.Pass | ast.Continue | ast.Return) for node in handler.body)


def test_no_broad_except_is_silent() -> None:
    silent = [f"{file}:{node.lineno}" for file, tree in modules("src").items() for node in ast.walk(tree)
              if isinstance(node, ast.ExceptHandler) and swallows(node)]
    assert silent == []


@cache
def repository_files() -> dict[str, str]:
    """Return every text file that belongs to the repository, not what tools and users leave beside it."""
    found = {}
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in SKIPPED_FOLDERS and not name.startswith(".venv")
                    and not name.endswith(".egg-info")]
        for name in files:
            path = Path(folder) / name
            private = name.startswith((".env", ".coverage")) and not name.endswith(".example")
            if not private and not name.endswith((".pyc", ".db")):
                found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return found


# Written so that this file does not hold what it looks for.
KEY_SHAPES = {
    "OpenAI and its imitators": r"\bs[k]-[A-Za-z0-9_-]{16,}",
    "Groq": r"\bgs[k]_\w{16,}",
    "xAI": r"\bxa[i]-[\w-]{16,}",
    "Google": r"\bAIz[a][\w-]{16,}",
    "AWS": r"\bAKI[A][A-Z0-9]{12,}",
    "Hugging Face": r"\bh[f]_\w{20,}",
    "GitHub": r"\bgh[pousr]_\w{20,}",
    "JSON web token": r"\bey[J][\w-]{10,}\.ey[J]",
    "private key": r"-----BEGI[N] [A-Z ]*PRIVATE KEY",
    "assigned": r"(?i)(?:key|token|secret|password)[\"']?\s*[=:]\s*[\"']?(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9+/]{32,}",
}
FOREIGN = {
    # ops is the operator in made-up examples.
    "somebody's home": r"(?<![\w.])/(?:home|root|Users)/(?!ops/)[\w.]|[A-Z]:\\Users",
    "the workplace": r"(?<![\w.-])/wor[k]/|\.\./share[d]\b",
    "a registry": r"\bpyp[i]\.org|pythonhoste[d]\.org|registry\.npmj[s]|\bdocke[r]\.io/|\bghc[r]\.io|\bqua[y]\.io",
}
MAY_NAME_THE_WORKPLACE = {".ci/run"}


@pytest.mark.parametrize("shape", KEY_SHAPES)
def test_no_file_holds_anything_shaped_like_a_key(shape: str) -> None:
    pattern = re.compile(KEY_SHAPES[shape])
    assert [file for file, text in repository_files().items() if pattern.search(text)] == []


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_file_names_a_foreign_place(kind: str) -> None:
    pattern = re.compile(FOREIGN[kind])
    named_in = {file for file, text in repository_files().items() if pattern.search(text)}
    assert named_in <= MAY_NAME_THE_WORKPLACE


def test_the_shapes_find_what_they_look_for() -> None:
    body = "a1" * 20
    samples = {
        "OpenAI and its imitators": f"key: sk{'-'}proj-{body}", "Groq": f"gsk{'_'}{body}", "xAI": f"xai{'-'}{body}",
        "Google": f"AIz{'a'}{body}", "AWS": f"AKI{'A'}{'B2' * 8}", "Hugging Face": f"hf{'_'}{body}",
        "GitHub": f"ghp{'_'}{body}", "JSON web token": f"ey{'J'}{body}.ey{'J'}{body}",
        "private key": "-----BEGIN" + " RSA PRIVATE KEY-----", "assigned": f"MY_KEY={body}",
    }
    assert set(samples) == set(KEY_SHAPES)
    for shape, sample in samples.items():
        assert re.search(KEY_SHAPES[shape], sample), shape


PROBE = """
import runpy, sys
try:
    runpy.run_module("src.main", run_name="__main__", alter_sys=True)
except SystemExit as end:
    code = end.code or 0
heavy = {"litellm", "fastapi", "sqlalchemy", "aiohttp", "uvicorn", "openai", "httpx"} & set(sys.modules)
print("heavy:", sorted(heavy), "code:", code, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--print-config"]], ids=lambda names: names[0])
def test_what_only_prints_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path), "PROXY_MODEL_KEYS": "one",
               "MODEL_ONE_UPSTREAM_MODEL": "gpt-5"}
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], cwd=tmp_path, env=environ,
                          capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1:] == ["heavy: [] code: 0"], done.stderr
