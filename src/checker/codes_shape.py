"""What one row of the table of codes holds."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Code:
    """One kind of finding. ``code`` never changes its meaning and is never used again.

    An error keeps the gateway from starting, or an alias from answering as declared; a warning does not. ``why`` says
    what an operator would see at run time; ``wrong`` and ``right`` are examples, with `<placeholders>` for keys.
    """

    code: str
    severity: Severity
    title: str
    why: str
    wrong: str
    right: str


def error(code: str, title: str, why: str, wrong: str, right: str) -> Code:
    """Return the row of a fault that must be repaired."""
    return Code(code, "error", title, why, wrong, right)


def warning(code: str, title: str, why: str, wrong: str, right: str) -> Code:
    """Return the row of what works, but hardly as it is meant."""
    return Code(code, "warning", title, why, wrong, right)
