"""Every example gives exactly its golden file: `UPDATE_GOLDEN=1 pytest tests/unit/test_golden.py` writes them anew.

`tests/fixtures/NAME.env` and the flags below go through `python -m src.main --print-config` in a process of its own.
The content hash stands there as HASH: it covers plan.json too, and with it every new setting; test_rendering.py has it.
"""

import os
import re
from pathlib import Path

import pytest

from src.config.fields import BY_SPEC, FIELDS
from src.config.models import MODEL_CAPS

from .declaring import ROOT, run

GOLDEN, FIXTURES = ROOT / "tests" / "golden", ROOT / "tests" / "fixtures"
FROM_FLAGS = {
    "flags": ["--model-spec", "key=gpt5,upstream=gpt-5,reasoning=medium",
              "--model-spec", r"upstream=groq/llama-3.3-70b-versatile,alias=llama,headers=X-Title=a\,X-Env=b",
              "--base", "https://llm.example.com/v1", "--reasoning-effort", "low"],
    "model-and-alias": ["--model", "deepseek-v3.2", "--alias", "deepseek"],
    "all-families": [part for name in MODEL_CAPS for part in ("--model-spec", f"upstream={name}")],
}
NAMES = sorted([path.stem for path in FIXTURES.glob("*.env")] + list(FROM_FLAGS))
PROMISED = {"gpt5", "deepseek", "grok", "dual", "primary", "all-families", "every-field", "flags", "chain"}


def arguments(name: str) -> list[str]:
    """Return the flags of an example."""
    return FROM_FLAGS.get(name) or ["--env-file", str(FIXTURES / f"{name}.env")]


def compare(path: Path, text: str) -> None:
    """Compare with the golden file, or write it where the operator of the tests asks for that."""
    text, count = re.subn(r"\A(# .* Content hash: )[0-9a-f]{12}\n", r"\1HASH\n", text)
    assert count == 1
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_configuration_is_the_golden_one(name: str, tmp_path: Path) -> None:
    ran = run(*arguments(name), "--print-config", cwd=tmp_path)
    assert ran.code == 0, ran.err
    compare(GOLDEN / f"{name}.yaml", ran.text)


def test_there_is_an_example_for_everything_promised_and_no_golden_file_too_many() -> None:
    assert PROMISED <= set(NAMES)
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == NAMES


def test_one_example_uses_every_field() -> None:
    text = (FIXTURES / "every-field.env").read_text(encoding="utf-8")
    assert [field.spec for field in FIELDS if not any(f"_{suffix}=" in text for suffix in field.suffixes)] == []
    assert set(BY_SPEC) == {field.spec for field in FIELDS}
