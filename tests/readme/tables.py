"""Makes the README's tables from the code: `python -m tests.readme.tables` writes them between their markers."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from src.checker.codes import CODES
from src.config.fields import FIELDS, KEY_SUFFIXES
from src.config.models import MODEL_CAPS, ModelCaps
from src.config.parsing import CHAIN_FIELDS, CHAIN_PREFIX, MODEL_PREFIX
from src.config.providers import default_alias, split_provider
from src.config.settings import describe
from src.config.versions import MALICIOUS, RANGE, TESTED

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    cells = [list(heading)]
    cells.append(["---"] * len(cells[0]))
    cells += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def code(text: str) -> str:
    """Return ``text`` as code, nothing where it is empty."""
    return f"`{text}`" if text else ""


def variables() -> str:
    """Return the table of every variable: the gateway's own, then those of each model and each chain."""
    rows = [(code(name), code(default), text) for name, default, text in describe()]
    rows += [(", ".join(code(f"{MODEL_PREFIX}<KEY>_{suffix}") for suffix in field.suffixes), "", field.help)
             for field in FIELDS]
    rows += [(code(f"{MODEL_PREFIX}<KEY>_{suffix}"), "", f"{text} *(secret)*" if suffix == "API_KEY" else text)
             for suffix, text in KEY_SUFFIXES.items()]
    rows += [(code(f"{CHAIN_PREFIX}<KEY>_{suffix}"), "", text) for suffix, text in CHAIN_FIELDS.items()]
    return table(("variable", "default", "meaning"), rows)


def fields() -> str:
    """Return the table of per-model fields."""
    rows = ((", ".join(map(code, field.suffixes)), code(field.spec), field.help, code(field.example))
            for field in FIELDS)
    return table(("`MODEL_<KEY>_` +", "in a spec", "meaning", "example"), rows)


def models() -> str:
    """Return the table of the models that are known, with the recommended alias and effort."""
    heading = ("upstream id", "recommended alias", "effort levels", "recommended effort", "context", "longest answer",
               "notes")
    return table(heading, (_model(name, caps) for name, caps in MODEL_CAPS.items()))


def _model(name: str, caps: ModelCaps) -> tuple[str, ...]:
    return (code(name), code(default_alias(*split_provider(name))), ", ".join(caps.efforts) or "not accepted",
            caps.recommended_effort or "", _tokens(caps.context_window), _tokens(caps.max_output), _notes(caps))


def _tokens(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _notes(caps: ModelCaps) -> str:
    notes = [caps.mode] if caps.mode != "chat" else []
    notes += ["vision"] if caps.vision else []
    notes += [f"retired by its provider on {caps.deprecated_on}"] if caps.deprecated_on else []
    return ", ".join(notes)


def codes() -> str:
    """Return the table of what `check` finds."""
    return table(("code", "severity", "what it is"), ((code(row.code), row.severity, row.title)
                                                      for row in CODES.values()))


def versions() -> str:
    """Return the table of the LiteLLM releases that were tested, and of those that are never run."""
    rows = [(one.gateway, one.litellm, one.python, one.uvicorn, "tested") for one in TESTED]
    rows.append(("", RANGE, "", "", "the range that is asked for; outside of it the startup log warns"))
    rows += [("", ".".join(map(str, release)), "", "", f"refused: {why}") for release, why in MALICIOUS.items()]
    return table(("gateway", "LiteLLM", "Python", "uvicorn", ""), rows)


TABLES: dict[str, Callable[[], str]] = {"models": models, "variables": variables, "versions": versions}
# Document below the root -> its tables.
ELSEWHERE: dict[str, dict[str, Callable[[], str]]] = {
    "docs/check.md": {"codes": codes}, "docs/variables.md": {"fields": fields}}


def filled(text: str, made: Mapping[str, Callable[[], str]] | None = None) -> str:
    """Return a document with every table as the code has it."""
    known = TABLES if made is None else made
    return _TABLE.sub(lambda found: found[1] + known[found[2]]() + found[3], text)


def names(text: str) -> list[str]:
    """Return the names of the tables that a document marks."""
    return [found[2] for found in _TABLE.finditer(text)]


def update(path: Path = README, made: Mapping[str, Callable[[], str]] | None = None) -> bool:
    """Write the tables into the document; tell whether it changed."""
    before = path.read_text(encoding="utf-8")
    after = filled(before, made)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


if __name__ == "__main__":
    changed = [update(), *(update(ROOT / document, made) for document, made in ELSEWHERE.items())]
    print("updated" if any(changed) else "up to date", file=sys.stderr)
