"""What a user gets who installs the wheel: one package, a command that works from any folder, and nothing else."""

import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from src import __version__
from tests.wheel_support import ROOT, build_wheel, install_wheel, run

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built outside the checkout."""
    return build_wheel(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel."""
    return install_wheel(wheel, tmp_path_factory.mktemp("an installation") / "venv")


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    folders = {path.parent.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    expected = {".".join(("litellm_gateway", *folder.parts)) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected, "list them in pyproject.toml"


def test_the_wheel_holds_one_package_with_all_its_modules_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"litellm_gateway"}
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    pages = ("dashboard/style.css", "dashboard/icon.svg")
    assert {f"litellm_gateway/{name}" for name in modules | {"py.typed", *pages}} <= names


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


def test_the_installed_command_makes_its_database_from_its_own_migrations(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "litellm-gateway"), "tiers"]
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    added = run([*command, "add", "friends"], tmp_path, **state)
    assert added.returncode == 0, added.stderr
    assert "friends" in run([*command, "list"], tmp_path, **state).stdout
    assert list((tmp_path / "state").rglob("*.db")), "nowhere else"


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


def test_every_dependency_is_pinned_at_a_version_that_the_project_accepts() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    wanted = [Requirement(text) for group in groups for text in group]
    assert [str(need) for need in wanted
            if versions.get(canonicalize_name(need.name), "none") not in need.specifier] == [], "run .ci/freeze"
