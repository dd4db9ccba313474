"""What a user gets who installs the wheel: one package, a command that works from any folder, and nothing else."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from src import __version__

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without anything of this checkout in its environment."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    return subprocess.run(command, cwd=folder, env=environ | variables, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source distribution, as `python -m build` does, outside the checkout."""
    copy, built = tmp_path_factory.mktemp("a source tree"), tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED:
        shutil.copy(ROOT / name, copy / name)
    done = run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built)], copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(built.glob("*.tar.gz"))) == 1
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an empty environment that sees the dependencies, and return its folder of commands."""
    home = tmp_path_factory.mktemp("an installation") / "venv"
    venv.create(home, with_pip=False)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    done = run([*pip, str(wheel)], home)
    assert done.returncode == 0, done.stdout + done.stderr
    return scripts


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    folders = {path.parent.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    expected = {".".join(("litellm_gateway", *folder.parts)) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected, "list them in pyproject.toml"


def test_the_wheel_holds_one_package_with_all_its_modules_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"litellm_gateway"}
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert {f"litellm_gateway/{name}" for name in modules | {"py.typed"}} <= names


def test_the_installed_command_knows_its_version(installed: Path, tmp_path: Path) -> None:
    done = run([str(installed / "litellm-gateway"), "--version"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout and "1.106." in done.stdout


def test_the_installed_command_renders_the_same_bytes_as_the_checkout(installed: Path, tmp_path: Path) -> None:
    declared = {"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5"}
    theirs = run([str(installed / "litellm-gateway"), "--print-config"], tmp_path, **declared)
    ours = run([sys.executable, "-m", "src.main", "--print-config", "--no-env-file"], ROOT, **declared)
    assert theirs.returncode == 0, theirs.stderr
    assert theirs.stdout == ours.stdout


def test_the_mock_upstream_is_installed_too(installed: Path, tmp_path: Path) -> None:
    done = run([str(installed / "python"), "-m", "litellm_gateway.mock", "--help"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_installing_names_every_library_that_the_source_imports() -> None:
    from tests.unit.test_house import imports

    ours = {"src", "litellm_gateway"} | set(sys.stdlib_module_names)
    distributions = {"dotenv": "python-dotenv", "yaml": "pyyaml", "prometheus_client": "prometheus-client"}
    # LiteLLM's proxy cannot run without these; they come with `litellm[proxy]` and stay in its own range.
    with_litellm = {"fastapi", "starlette", "openai", "orjson", "pydantic"}
    declared = " ".join(PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["metrics"])
    used = {found.target for found in imports() if not found.inside} - ours - with_litellm
    assert {name for name in used if distributions.get(name, name) not in declared} == set()


def test_every_pinned_version_is_one_that_the_project_accepts() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins["litellm"].startswith("1.106.")
    assert pins["uvicorn"].startswith("0.54")
    assert len(pins) > 100
