"""Names in `.env` that are nearly ones that the gateway reads: such a slip does nothing, and nobody tells of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..errors import Problem
from .environment import Environment
from .notes import Note
from .providers import NATIVE_PROVIDERS
from .readers import to_list
from .settings import BY_NAME, RESERVED_SECRETS
from .shield import FIXED, REMOVED

_KEYS = tuple(name for provider in NATIVE_PROVIDERS.values() for name in provider.key_envs)
_SECRET = (*_KEYS, *(name for name, variable in BY_NAME.items() if variable.secret))
_OTHERS = frozenset((*RESERVED_SECRETS, *REMOVED, *FIXED))
# Of short words too many are one letter apart: SAIL_API_KEY is a provider's, MAIL_API_KEY anybody's. The first word of
# a name tells it apart from others, so it is held to more.
_LONG_FIRST, _LONG = 6, 4
_DIGITS = re.compile(r"\d")


def misspelt(env: Environment, needed: Iterable[str] = ()) -> dict[str, str]:
    """Return name -> the name that is meant, for slips in `.env`; ``needed`` are key variables that models name.

    Whoever has set the right name too, or names the other one somewhere, has a use for it.
    """
    keys = (*needed, *_SECRET)
    read = dict.fromkeys((*keys, *BY_NAME, *(f"{name}_FILE" for name in keys)))
    unset = [name for name in read if not env.get(name) and not env.get(_other_form(name))]
    used = {word for value in env.values.values() for word in to_list(value)} | _OTHERS | set(read) | set(env.process)
    slips = {}
    for name in env.dotenv.values:
        if name not in used and not name.startswith(("MODEL_", "CHAIN_")):
            slips[name] = next((right for right in unset if _is_near(name.upper(), right)), "")
    return {name: right for name, right in slips.items() if right}


def _other_form(name: str) -> str:
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def notes(env: Environment, slips: Mapping[str, str]) -> list[Note]:
    """Return a note for each slip."""
    return [Note(f"{name} ({env.dotenv.where(name)}) is read by nothing; did you mean {right}?", "GW501",
                 env.dotenv.where(name), f"write {right}") for name, right in slips.items()]


def explained(problems: Iterable[Problem], env: Environment, slips: Mapping[str, str]) -> list[Problem]:
    """Return ``problems``; those with a variable that is not set say in which line a slip stands in its place."""
    found = []
    for problem in problems:
        missing = problem.what.partition(" is not set")[0]
        lines = [f"{env.dotenv.where(name)} sets {name}" for name, right in slips.items() if right == missing]
        found.append(replace(problem, where="; ".join(filter(None, (problem.where, *lines)))))
    return found


def _is_near(name: str, right: str) -> bool:
    """Tell whether ``name`` is ``right`` but for underscores, for API, or for one slip in one of its words."""
    if name.replace("_", "") == right.replace("_", ""):
        return True
    # LITELLM_KEY rather means the master key.
    if right.endswith("_API_KEY") and right != "LITELLM_API_KEY" and name == right.replace("_API_KEY", "_KEY"):
        return True
    words, wanted = name.split("_"), right.split("_")
    differing = [place for place, (word, other) in enumerate(zip(words, wanted)) if word != other]
    return len(words) == len(wanted) and len(differing) == 1 and _one_slip(
        words[differing[0]], wanted[differing[0]], first=not differing[0])


def _one_slip(word: str, wanted: str, first: bool) -> bool:
    """Tell whether two letters are exchanged or, in a word that is long enough, one is too many, missing or wrong."""
    start = next((index for index, (one, other) in enumerate(zip(word, wanted)) if one != other),
                 min(len(word), len(wanted)))
    rest, other = word[start:], wanted[start:]
    if len(word) == len(wanted) and rest[:2] == other[:2][::-1]:
        return rest[2:] == other[2:] and len(rest) > 1
    # PORT2 is another port, and no slip.
    if (first and len(wanted) < _LONG_FIRST) or _DIGITS.sub("", word) == _DIGITS.sub("", wanted):
        return False
    if len(word) == len(wanted):
        return rest[1:] == other[1:] and len(wanted) >= _LONG
    return rest[1:] == other if len(word) > len(wanted) else rest == other[1:]
