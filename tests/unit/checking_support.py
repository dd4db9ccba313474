"""A LiteLLM file under the checker, with an environment in which nothing is missing."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from src.checker.codes import severity
from src.checker.file_check import check_text
from src.checker.findings import Finding
from src.checker.keys_table import KeyTable, load_table

# Made up, long and mixed enough for a master key.
MASTER = "".join("mK7pQ2xW9aZ4"[n * 5 % 12] + "rT3vB8nL"[n * 3 % 8] for n in range(20))
ENVIRON = {"LITELLM_MASTER_KEY": MASTER, "OPENAI_API_KEY": "v-openai", "GROQ_API_KEY": "v-groq"}
MODEL = """\
model_list:
- model_name: gpt-5
  litellm_params:
    model: openai/gpt-5
    api_key: os.environ/OPENAI_API_KEY
"""


@cache
def table() -> KeyTable:
    """Return the shipped table."""
    return load_table({})


def findings(text: str, environ: Mapping[str, str] | None = None, name: str = "config.yaml") -> list[Finding]:
    """Check a file; with ENVIRON where no environment is given."""
    return check_text(text, name, ENVIRON if environ is None else environ, table())


def short(text: str, environ: Mapping[str, str] | None = None, name: str = "config.yaml") -> list[str]:
    """Return `CODE line:column` for every finding."""
    return [f"{one.code} {one.place.line}:{one.place.column}" for one in findings(text, environ, name)]


def errors(text: str, environ: Mapping[str, str] | None = None, name: str = "config.yaml") -> list[str]:
    """Return the codes of the errors."""
    return [one.code for one in findings(text, environ, name) if severity(one.code) == "error"]


def model(more: str = "", **replaced: str) -> str:
    """Return a file with one model; ``more`` are lines for its litellm_params, ``replaced`` other values of them."""
    text = MODEL
    for name, value in replaced.items():
        text = "\n".join(f"    {name}: {value}" if line.startswith(f"    {name}:") else line
                         for line in text.splitlines()) + "\n"
    return text + "".join(f"    {line}\n" for line in more.splitlines())


def models(*names: str) -> str:
    """Return a file with these models of OpenAI under their own names."""
    entries = [f"- model_name: {name}\n  litellm_params:\n    model: openai/{name}\n" for name in names]
    return "model_list:\n" + "".join(entries)


def written(folder: Path, text: str) -> str:
    """Write a file and return its path."""
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)
