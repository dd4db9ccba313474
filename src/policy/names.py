"""Which names are models: the declared ones, and nothing that merely looks like one to LiteLLM."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A wildcard stands for the characters of model names: no comma (LiteLLM 1.106 fans "a,b" out), no space, no star.
_WILD = "[A-Za-z0-9._:@+/-]+"
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """The aliases that clients may ask for; one that contains ``*`` stands for many."""

    exact: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, aliases: Iterable[str]) -> "DeclaredNames":
        """Return the declared names."""
        listed = list(aliases)
        wild = (alias.split("*") for alias in listed if "*" in alias)
        patterns = tuple(re.compile(_WILD.join(map(re.escape, parts))) for parts in wild)
        return cls(frozenset(alias for alias in listed if "*" not in alias), patterns)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name in self.exact or (
            len(name) <= _LONGEST and any(pattern.fullmatch(name) for pattern in self.patterns))
