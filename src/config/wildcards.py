"""Names that stand for many: `xai/*`. A declared one ends with its only star; a LiteLLM file's may have several."""

import re
from collections.abc import Sequence
from functools import lru_cache

STAR = "*"
# What a star stands for: characters of model names. No comma (LiteLLM 1.106 fans "a,b" out), no space, no star.
_WILD = "([A-Za-z0-9._:@+/-]+)"


def is_wildcard(name: str) -> bool:
    """Tell whether ``name`` stands for many."""
    return STAR in name


def parts_of(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what the stars of ``pattern`` stand for in ``name``, None where it does not cover that name."""
    found = _compiled(pattern).fullmatch(name)
    return None if found is None else found.groups()


def fill(pattern: str, parts: Sequence[str]) -> str:
    """Return ``pattern`` with its stars replaced by ``parts``, in order."""
    pieces = pattern.split(STAR)
    filled = [piece + part for piece, part in zip(pieces, parts)]
    return "".join(filled) + "".join(pieces[len(filled):])


def upstream_of(alias: str, upstream: str, name: str) -> str:
    """Return the model behind ``name``, which the wildcard ``alias`` of ``upstream`` covers; as LiteLLM 1.106 does it.

    (router_utils/pattern_match_deployments.py, `set_deployment_model_name`)
    """
    parts = parts_of(alias, name)
    if parts is None or not is_wildcard(upstream):
        return upstream
    return name if len(parts) > upstream.count(STAR) else fill(upstream, parts)


def precedence(pattern: str) -> int:
    """Return by what LiteLLM 1.106 sorts patterns, the greatest first: the length of their regular expression."""
    return len(re.escape(pattern)) + pattern.count(STAR) * 2


@lru_cache(512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_WILD.join(map(re.escape, pattern.split(STAR))))
