"""The master key as LiteLLM 1.106 sees it at its start (proxy/auth/master_key_boot_check.py)."""

from collections.abc import Iterator

from ..config import checks
from ..config.environment import Secret
from .file_context import REFERENCE, Context
from .findings import Finding, Place
from .secrets import guessable

_OVERRIDE = "dangerously_permit_weak_or_unset_master_key"
_MAKE = "general_settings:\n  master_key: os.environ/LITELLM_MASTER_KEY"


def check_master_key(context: Context) -> Iterator[Finding]:
    """Find a key with which LiteLLM refuses to start, and one that can be guessed."""
    node = context.setting("general_settings", "master_key")
    name = "LITELLM_MASTER_KEY"
    if node is not None and node.kind != "scalar":
        return  # of a wrong type, which is said elsewhere
    place = node.place() if node is not None else Place(context.root.file, name=name)
    value = context.resolved(node) if node is not None else context.environ.get(name)
    if node is not None and node.text and node.text.startswith(REFERENCE):
        name = node.text.removeprefix(REFERENCE)
    override = context.setting("general_settings", _OVERRIDE)
    allowed = str(context.environ.get(f"LITELLM_{_OVERRIDE.upper()}", "")).strip().lower() == "true" \
        or (override is not None and override.value is True)
    if not isinstance(value, str) or not value.strip():
        if not allowed and (node is None or value is None or isinstance(value, str)):
            yield Finding("GW401", _missing(node is not None, name), place, f"{_MAKE}\n{checks.MAKE_KEY}")
    else:
        yield from _weak(value, place, name, allowed)


def _missing(stated: bool, name: str) -> str:
    if stated:
        return f"the master key is empty, or {name} is not set: LiteLLM refuses to start"
    return "neither general_settings.master_key nor LITELLM_MASTER_KEY is set: LiteLLM refuses to start"


def _weak(value: str, place: Place, name: str, allowed: bool) -> Iterator[Finding]:
    if allowed and value.strip() in checks.PUBLIC_KEYS:
        return
    problems = checks.master_key(Secret(name, value, place.text()))
    for problem in problems:
        yield Finding(problem.code or "GW403", problem.what.replace(checks.MASTER_KEY, name), place, problem.repair)
    if not problems and guessable(value):
        yield Finding("GW404", "the master key is easy to guess", place, checks.ANOTHER_KEY)
