"""Limits that a request may meet, in words."""

from dataclasses import dataclass
from typing import Any

from ..policy.limits import MEASURES, Limit, Rule, amount_text
from .models import Model

UPSTREAM_CALL, CLIENT_REQUEST = "upstream call", "client request"
_ORIGINS = {"row": "registry ai_rate_limit_configs", "key": "client key"}


@dataclass(frozen=True)
class Met:
    """One limit: ``counts`` client requests or upstream calls, of ``deployment`` where it is those of one.

    ``wait_s`` is how long one stands in line for room; ``moves_on`` the word of a chain's ON that lets a call go on to
    the next model where there is none.
    """

    name: str
    scope: str
    subject: str
    counts: str
    deployment: str | None
    numbers: tuple[str, ...]
    amounts: dict[str, int]
    action: str
    wait_s: float
    moves_on: str | None
    origin: str

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {**self.__dict__, "numbers": list(self.numbers)}


def met(rule: Rule, counts: str, model: Model | None) -> Met:
    """Return what ``rule`` means for a request; the numbers are what may be used, headroom taken off."""
    limit = rule.limit
    amounts = {measure.field: cap for measure in MEASURES if (cap := limit.cap(measure)) is not None}
    numbers = tuple(amount_text(measure, amounts[measure.field]) for measure in MEASURES if measure.field in amounts)
    return Met(limit.name, limit.scope, rule.subject, counts, model.key if model else None, numbers + _held(limit),
               amounts, limit.action, waiting(limit), _moves_on(limit) if model else None, _origin(limit, model))


def waiting(limit: Limit) -> float:
    """Return the seconds that one may stand in line for room; nobody waits for a budget."""
    return limit.wait_s if limit.action == "wait" and _in_line(limit) else 0.0


def _in_line(limit: Limit) -> bool:
    return bool(limit.backoff) or any(getattr(limit, name) is not None for name in ("rpm", "tpm", "rpd", "tpd"))


def _moves_on(limit: Limit) -> str | None:
    """Return the word; a budget moves on for `cost` whatever the limit's action, the rest does not where it rejects."""
    if not _in_line(limit):
        return "cost"
    return "rate_limit" if limit.action != "reject" else None


def _held(limit: Limit) -> tuple[str, ...]:
    return (f"{limit.backoff} backoff after a 429, from {limit.backoff_s:g} s",) if limit.backoff else ()


def _origin(limit: Limit, model: Model | None) -> str:
    if limit.origin != "env" or model is None:
        return _ORIGINS[limit.origin]
    said = [model.values[name].origin for name in ("rpm", "tpm", "rpd", "tpd") if getattr(limit, name) is not None]
    return "; ".join(dict.fromkeys(said))
