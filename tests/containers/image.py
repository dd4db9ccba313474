"""What the container tests share: the engine, and the image of this very source, built when there is none yet."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.containers.run_compose import ROOT, Project, copied, say

TAG = "litellm-local-gateway-test:ci"
# Prints the digest of the installed package as `source_digest` computes that of the checkout.
_DIGEST = """
import hashlib, pathlib, litellm_gateway
root = pathlib.Path(litellm_gateway.__file__).parent
found = hashlib.sha256()
for path in sorted(root.rglob("*.py")):
    found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
print(found.hexdigest())
"""


def engine() -> str:
    """Return the engine's command; podman first, because it runs Kubernetes documents too."""
    for name in ("podman", "docker"):
        if shutil.which(name):
            return name
    sys.exit("neither podman nor docker was found")


def run(*arguments: str, check: bool = True, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the engine; a failure is an AssertionError with what it said."""
    done = subprocess.run([engine(), *arguments], input=given, text=True, capture_output=True, timeout=300)
    if check and done.returncode != 0:
        raise AssertionError(f"{engine()} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done


def image() -> str:
    """Return the image's name after building it, unless it holds this source already."""
    done = run("run", "--rm", "--pull", "never", "--entrypoint", "python", TAG, "-c", _DIGEST, check=False)
    if done.stdout.strip() == source_digest():
        say(f"  {TAG} holds this source already")
        return TAG
    with copied() as project:
        say("  building the image")
        project.declare("gpt-5")
        project.compose("build")
    return TAG


def source_digest() -> str:
    """Return the digest of the checkout's package."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        found.update(path.relative_to(ROOT / "src").as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def rendered(name: str, declared: Path, *arguments: str) -> str:
    """Return what the image's own `render` makes of a `.env` file, without any key."""
    done = run("run", "--rm", "--read-only", "--network", "none", "-v", f"{declared}:/tmp/declared.env:ro", name,
               "--env-file", "/tmp/declared.env", "render", *arguments)
    return done.stdout


def logs_of(*containers: str) -> str:
    """Return everything that containers have printed."""
    done = [run("logs", one, check=False) for one in containers]
    return "".join(one.stdout + one.stderr for one in done)


__all__ = ["TAG", "Project", "engine", "image", "logs_of", "rendered", "run"]


if __name__ == "__main__":
    image()
