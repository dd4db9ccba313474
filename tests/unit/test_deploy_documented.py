"""The commands of the documentation for containers, pasted: with the real gateway and a stand-in for kubectl."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.deploy.asked import IMAGE
from tests.readme.markdown import read
from tests.readme.registry import Entry, entries
from tests.readme.terminal import script

from .declaring import KEPT, ROOT, canary

BLOCKS = entries("render")
KEYS = ("GROQ_API_KEY", "LITELLM_MASTER_KEY")


def name_of(entry: object) -> str:
    """Return a test's id."""
    return f"{entry.block.document}:{entry.block.line}" if isinstance(entry, Entry) else str(entry)


def pasted(text: str, folder: Path) -> list[list[str]]:
    """Run a block in a folder with a declaration and key files, and return the words of each call of kubectl."""
    (folder / ".env").write_text("PROXY_MODEL_KEYS=llama\nMODEL_LLAMA_UPSTREAM_MODEL=groq/llama-3.3-70b-versatile\n",
                                 encoding="utf-8")
    for name in KEYS:
        (folder / f"{name}.key").write_text(f"{canary()}\n", encoding="utf-8")
    tools = folder / "tools"
    script(tools / "litellm-gateway", f'exec "{sys.executable}" -m src.main "$@"')
    script(tools / "kubectl", f'echo "$@" >> "{folder}/calls"',
           f'case "$*" in *" patch "*) cat /dev/stdin >> "{folder}/patches"; echo >> "{folder}/patches";; esac')
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    environ = {**kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
               "XDG_STATE_HOME": str(folder / "state")}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environ, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    calls = folder / "calls"
    return [line.split() for line in calls.read_text(encoding="utf-8").splitlines()] if calls.exists() else []


@pytest.mark.parametrize("entry", BLOCKS, ids=name_of)
def test_every_command_for_containers_works_when_pasted(entry: Entry, tmp_path: Path) -> None:
    calls = pasted(entry.block.text, tmp_path)
    assert {words[words.index("--namespace") + 1] for words in calls if "--namespace" in words} <= {"ml"}
    applied = [words[-1] for words in calls if "apply" in words]
    assert all("kind: Deployment" in (tmp_path / name).read_text(encoding="utf-8") for name in applied)
    keys = [(tmp_path / f"{name}.key").read_text(encoding="utf-8").strip() for name in KEYS]
    assert not any(key in word for words in calls for word in words for key in keys), "a key stands in an argument"
    if any("patch" in words for words in calls):
        sent = [json.loads(line)["data"] for line in (tmp_path / "patches").read_text(encoding="utf-8").splitlines()]
        for name, value in {name: value for one in sent for name, value in one.items()}.items():
            held = (tmp_path / f"{name}.key").read_text(encoding="utf-8").strip()
            assert base64.b64decode(value).decode() == held


def test_the_documentation_patches_the_master_key_and_another() -> None:
    text = read("docs/deploy.md")
    assert "for name in LITELLM_MASTER_KEY GROQ_API_KEY" in text and "--type merge --patch-file /dev/stdin" in text


def test_the_image_that_the_documentation_builds_is_the_one_that_is_rendered() -> None:
    assert f"docker build -t {IMAGE} ." in read("docs/deploy.md")


@pytest.mark.parametrize("word", ["--postgres", "--discovery", "--prometheus", "--publish", "--image", "--output",
                                  "--namespace", "--name", "--replicas", "--storage", "--no-secret"])
def test_every_option_of_render_is_documented(word: str) -> None:
    assert word in read("docs/deploy.md")
