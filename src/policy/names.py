"""Which names are models: the declared ones, and nothing that merely looks like one to LiteLLM."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..config.wildcards import is_wildcard, parts_of, precedence

_LONGEST = 256
# Segments that mean something to an upstream's path, or to LiteLLM 1.106: with `responses/` in a name it calls another
# API (main.py, `responses_api_bridge_check`).
_STEERING = frozenset(("", ".", "..", "responses"))


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """The aliases that clients may ask for: exact ones, and ``wildcards``, the most specific first.

    ``taken`` are names by which LiteLLM would find a deployment directly: no wildcard stands for one.
    """

    exact: frozenset[str]
    wildcards: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, aliases: Iterable[str], taken: Iterable[str] = ()) -> "DeclaredNames":
        """Return the declared names."""
        listed = list(dict.fromkeys(aliases))
        wild = sorted(filter(is_wildcard, listed), key=precedence, reverse=True)
        return cls(frozenset(alias for alias in listed if not is_wildcard(alias)), tuple(wild), frozenset(taken))

    def declared(self, name: object) -> str | None:
        """Return the declared alias that ``name`` is or falls under, None for every other name."""
        if not isinstance(name, str):
            return None
        if name in self.exact:
            return name
        if not self.wildcards or len(name) > _LONGEST or name in self.taken:
            return None
        if not _STEERING.isdisjoint(name.split("/")):
            return None
        return next((wild for wild in self.wildcards if parts_of(wild, name) is not None), None)

    def __contains__(self, name: object) -> bool:
        return self.declared(name) is not None
