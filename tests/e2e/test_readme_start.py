"""The README's first screen, pasted on a machine that has Python: a gateway answers, and the demo scripts stream."""

import os
import re
import shutil
import signal
import site
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import bootstrap
from src.errors import EXIT_INTERRUPTED
from tests.e2e.gateway import ROOT, Gateway, until
from tests.readme.registry import Entry, entries
from tests.readme.terminal import environment, paste, script

BLOCKS = {(entry.block.section, entry.block.line): entry for entry in entries("demo")}
START, *AFTERWARDS = BLOCKS.values()
SCRIPTS_SECTION = "Streaming: the demo scripts"


def checkout(folder: Path) -> Path:
    """Make a copy of the checkout whose `.venv` is ready, as after a first run: installing takes minutes."""
    shutil.copytree(ROOT / "demo", folder / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "src").symlink_to(ROOT / "src")
    for name in bootstrap.INPUTS:
        shutil.copy(ROOT / name, folder / name)
    home = folder / ".venv"
    venv.create(home, with_pip=False)
    packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    script(home / "bin" / "litellm-gateway", 'exec python -m src.main "$@"')
    bootstrap.write_stamp(home, {"fingerprint": bootstrap.fingerprint(folder), "extras": []})
    assert bootstrap.is_ready(folder, ())
    return folder


@pytest.fixture(scope="module")
def demo() -> Iterator[Gateway]:
    """The first command, as it stands in the README, up to its ready line."""
    gateway = Gateway({}, command=["bash", "-euc", f"exec {START.block.text}"])
    checkout(gateway.home)
    gateway.environ |= environment(gateway.home, gateway.port)
    del gateway.environ["PYTHONPATH"], gateway.environ["LITELLM_MASTER_KEY"]
    with gateway:
        yield gateway


def terminal(gateway: Gateway) -> dict[str, str]:
    """Return the environment of a second terminal that knows the demo's key file, as the ready line tells it."""
    found = re.search(r"(/\S+\.key)\)", gateway.stderr)
    assert found, gateway.stderr
    return {**gateway.environ, "GATEWAY_URL": gateway.url, "LITELLM_MASTER_KEY": Path(found[1]).read_text().strip(),
            "PATH": f"{gateway.home / '.venv' / 'bin'}{os.pathsep}{gateway.environ['PATH']}"}


def test_the_first_command_is_the_first_block() -> None:
    assert START.block.text == "python3 demo/start.py\n"


def test_the_printed_curl_line_gets_an_answer(demo: Gateway) -> None:
    command = demo.stderr.rstrip().splitlines()[-1].strip()
    assert command.startswith("curl ")
    assert "mock upstream answering as gpt-5" in paste(command, demo.home, demo.environ)


@pytest.mark.parametrize("entry", AFTERWARDS, ids=lambda entry: entry.block.section)
def test_what_follows_the_first_command_works(demo: Gateway, entry: Entry) -> None:
    said = paste(entry.block.text, demo.home, terminal(demo))
    if entry.block.section == SCRIPTS_SECTION:
        answers = [line.partition(":")[2].strip() for line in said.splitlines() if "answering as" in line]
        assert len(answers) == 6 and answers[0::2] == answers[1::2], "one plain and one streamed answer per family"
    else:
        assert said.startswith("litellm-gateway ") and "LiteLLM" in said


def test_ctrl_c_ends_it_and_leaves_nothing_behind(demo: Gateway) -> None:
    assert demo.stop(signal.SIGINT) == EXIT_INTERRUPTED
    # The mock upstream ends as the last one, and takes the folder with it.
    until(lambda: not list(demo.tmp.iterdir()), "the demo's temporary folder is gone")
