"""The ``reasoning`` object that clients send, as the ``reasoning_effort`` that chat upstreams understand.

Claude Code, Codex and OpenRouter clients send ``{"reasoning": {"effort": "high"}}``; OpenAI-compatible chat upstreams
refuse it. Anthropic clients send ``thinking`` with a budget of tokens.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

EFFORT = "reasoning_effort"
# The same steps as LiteLLM's own translation (llms/anthropic/experimental_pass_through/adapters, 1.106).
BUDGET_STEPS = ((10_000, "high"), (5_000, "medium"), (2_000, "low"), (0, "minimal"))
KNOWN_LEVELS = ("minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with the parameter: remove it, and send ``effort`` instead unless that is None."""

    effort: str | None = None

    @property
    def dropped(self) -> bool:
        """Whether the parameter is lost, rather than translated."""
        return self.effort is None


def nearest(level: str, levels: Collection[str]) -> str | None:
    """Return the accepted level nearest to ``level``, the lower one of two; None when there is none."""
    if level not in KNOWN_LEVELS:
        return None
    accepted = [known for known in KNOWN_LEVELS if known in levels] or list(KNOWN_LEVELS)
    wanted = KNOWN_LEVELS.index(level)
    return min(accepted, key=lambda known: (abs(KNOWN_LEVELS.index(known) - wanted), KNOWN_LEVELS.index(known)))


def effort_of_budget(tokens: int) -> str:
    """Return the effort that stands for a thinking budget of so many tokens."""
    return next((effort for least, effort in BUDGET_STEPS if tokens >= least), "minimal")


def effort_of_reasoning(value: Any) -> str | None:
    """Return the effort that a ``reasoning`` object asks for, None when it asks for none or for ``none``."""
    if not isinstance(value, Mapping) or value.get("enabled") is False:
        return None
    effort, budget = value.get("effort"), value.get("max_tokens")
    if isinstance(effort, str):
        return effort.lower()
    return effort_of_budget(budget) if isinstance(budget, int) and not isinstance(budget, bool) else None


def effort_of_thinking(value: Any, output_config: Any = None) -> str | None:
    """Return the effort that Anthropic's ``thinking`` (with ``output_config.effort``) asks for, None when it is off."""
    if not isinstance(value, Mapping) or value.get("type") not in ("enabled", "adaptive"):
        return None
    named = output_config.get("effort") if isinstance(output_config, Mapping) else None
    if isinstance(named, str):
        return "xhigh" if named == "max" else named.lower()
    budget = value.get("budget_tokens")
    return effort_of_budget(budget) if isinstance(budget, int) and not isinstance(budget, bool) else None


def translate(wanted: str | None, sent: bool, accepts: bool | None, levels: Collection[str]) -> Change:
    """Say what becomes of a wanted effort; ``sent``: the client's own ``reasoning_effort`` is there, and wins.

    ``accepts`` False: the model takes no effort. None, nobody knows: passed on, as LiteLLM does with the field itself.
    """
    if wanted is None or sent or accepts is False:
        return Change()
    return Change(nearest(wanted, levels))
