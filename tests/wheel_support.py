"""Builds the wheel as a release would, and installs it where no file of the checkout can be seen."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without anything of this checkout in its environment."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    return subprocess.run(command, cwd=folder, env=environ | variables, capture_output=True, text=True, timeout=300)


def build_wheel(folder: Path) -> Path:
    """Build source distribution and wheel, the one from the other as `python -m build` does; return the wheel."""
    copy, built = folder / "a source tree", folder / "built"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED:
        shutil.copy(ROOT / name, copy / name)
    done = run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built)], copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(built.glob("*.tar.gz"))) == 1
    return next(built.glob("*.whl"))


def install_wheel(wheel: Path, home: Path) -> Path:
    """Install the wheel into an empty environment that sees the dependencies; return its folder of commands."""
    venv.create(home, with_pip=False)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    # A path file does not read further path files, so an editable installation of the project stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    done = run([*pip, str(wheel)], home)
    assert done.returncode == 0, done.stdout + done.stderr
    return scripts
