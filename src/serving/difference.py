"""What a reload would change, in the words that are logged and told to whoever asked for it."""

from collections.abc import Mapping, Set
from dataclasses import replace

from ..config.diff import changed_names, diff_environments, diff_plans
from .generation import overlay
from .order import Document

# The launcher has used these before the serving process began; a reload cannot move a socket or a thread of time.
_AT_START_ONLY = frozenset("""
    WORKERS LITELLM_HOST GATEWAY_GRACE GATEWAY_RELOAD_GRACE GATEWAY_KEEPALIVE GATEWAY_BOOT_TIMEOUT GATEWAY_SEND_TIMEOUT
    GATEWAY_SSL_CERTFILE GATEWAY_SSL_KEYFILE GATEWAY_LOG_FORMAT GATEWAY_DEBUG GATEWAY_RUNTIME_DIR
""".split())
# What these declare is in the plan, whose differences say it better.
_DECLARATIONS = ("MODEL_", "PROXY_MODEL_KEYS")


def differences(old: Document, new: Document, start: Mapping[str, str], read_at_import: Set[str]) -> list[str]:
    """Return one line per difference, empty where the two configurations are the same.

    ``read_at_import`` are the variables that LiteLLM looked up while it was imported: changing them takes a restart.
    """
    lines = diff_plans(old.plan, new.plan) + environment_differences(old, new, start, read_at_import)
    if not lines and replace(old, notes=()) != replace(new, notes=()):
        lines.append("configuration: what LiteLLM is told changed")
    return lines


def environment_differences(old: Document, new: Document, start: Mapping[str, str],
                            read_at_import: Set[str]) -> list[str]:
    """Return one line per variable that differs beside the plan, by name only, and per one that takes a restart."""
    before, after = overlay(start, old), overlay(start, new)
    secrets = {*old.secret_names, *new.secret_names}
    lines = diff_environments(_told(before, secrets), _told(after, secrets), secrets)
    for name in sorted(changed_names(before, after) & (read_at_import | _AT_START_ONLY)):
        lines.append(f"variable {name}: it is read at start only, restart the gateway for it")
    return lines


def _told(environ: Mapping[str, str], secrets: Set[str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name in secrets or not name.startswith(_DECLARATIONS)}
