"""The one table of codes: what each finding means, how bad it is, why it matters, and how it is put right."""

from collections.abc import Mapping
from types import MappingProxyType

from . import codes_declared, codes_environment, codes_file, codes_limits, codes_models, codes_names, codes_secrets
from .codes_shape import Code

GROUPS: Mapping[str, str] = MappingProxyType({
    "GW1": "Declarations: names, values, spelling",
    "GW2": "LiteLLM's file: structure and keys",
    "GW3": "Aliases, fallbacks, chains",
    "GW4": "Secrets and keys",
    "GW5": "Environment and database",
    "GW6": "Limits, budgets, prices",
    "GW7": "Models and parameters",
})
_ROWS = (*codes_declared.ROWS, *codes_file.ROWS, *codes_names.ROWS, *codes_secrets.ROWS, *codes_environment.ROWS,
         *codes_limits.ROWS, *codes_models.ROWS)
CODES: Mapping[str, Code] = MappingProxyType({row.code: row for row in _ROWS})


def severity(code: str) -> str:
    """Return `error` or `warning`; KeyError for what is no code."""
    return CODES[code].severity


def explain(code: Code) -> str:
    """Return the text of `check --explain`."""
    examples = (("wrong", code.wrong), ("right", code.right))
    blocks = [f"{name}:\n" + "\n".join(f"    {line}" for line in text.splitlines()) for name, text in examples]
    return "\n\n".join([f"{code.code} ({code.severity}): {code.title}", code.why, *blocks])
