"""Removing secrets from text that others wrote: tracebacks, renderer messages, LiteLLM's boot output."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HIDDEN = "***"
# Shorter values would tear holes into ordinary words without hiding anything.
_SHORTEST = 4


@dataclass(frozen=True)
class Scrubber:
    """Replaces known secret values."""

    values: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], names: Iterable[str]) -> "Scrubber":
        """Return a scrubber of the values that ``names`` have in ``environ``."""
        values = {environ[name].strip() for name in names if name in environ}
        return cls(tuple(sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for value in self.values:
            text = text.replace(value, HIDDEN)
        return text
