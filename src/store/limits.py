"""ai_rate_limit_configs: what may be used, by whom, in which time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..config.fields import suggest
from ..config.providers import PROVIDERS
from ..errors import PROGRAM, Problem
from ..policy.limits import DEFAULT_WAIT_S, EACH, MEASURES
from ..policy.names import DeclaredNames
from . import limits_tables
from .rows import Repository, Row


@dataclass(frozen=True)
class LimitRow(Row):
    """One limit; ``wait_s`` and ``backoff_s`` in seconds, ``headroom`` in percent."""

    name: str
    scope: str
    target: str
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    headroom: int = 0
    budget_micros: int | None = None
    action: str = "wait"
    wait_s: float = DEFAULT_WAIT_S
    backoff: str | None = None
    backoff_s: float = 1.0
    reset_zone: str | None = None
    active: bool = True


class Limits(Repository[LimitRow]):
    """The rows of ai_rate_limit_configs."""

    name, table, kind = "limits", limits_tables.limits, LimitRow


def limit_problems(rows: Iterable[LimitRow], models: Iterable[str], tiers: Iterable[str]) -> Iterator[Problem]:
    """Find limits that limit nothing, or nobody; ``models`` and ``tiers`` are the names that there are."""
    known = {"model": set(models), "tier": set(tiers), "provider": set(PROVIDERS)}
    covered = DeclaredNames.of(known["model"])
    for row in rows:
        place = f"registry ai_rate_limit_configs row {row.id}"
        if row.backoff is None and all(getattr(row, measure.field) is None for measure in MEASURES):
            yield Problem(f"the limit {row.name} limits nothing", place, "give --rpm, --tpm, --rpd, --tpd or --budget")
        if row.backoff is not None and row.scope not in ("model", "provider"):
            yield Problem(f"the limit {row.name}: backoff is for models and providers", place, "--unset backoff")
        if row.budget_micros is not None and row.scope == "provider":
            yield Problem(f"the limit {row.name}: budgets are for keys, tiers, users and models", place,
                          "give each model a budget: --scope model")
        names = known.get(row.scope)
        if row.scope != "model" and row.target != EACH and EACH in row.target:
            yield Problem(f"the limit {row.name}: only models have wildcards, {row.target!a} is none", place,
                          f"--target NAME, or --target '{EACH}' for each")
        under = row.scope == "model" and row.target in covered
        if names is not None and row.target != EACH and row.target not in names and not under:
            yield Problem(f"the limit {row.name} is for {row.scope} {row.target!a}, which there is not"
                          f"{suggest(row.target, names)}", place, f"--target NAME, or --target '{EACH}' for each; to "
                          f"remove a stored row: {PROGRAM} limits remove {row.name}")
