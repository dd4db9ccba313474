"""What a request costs, in whole numbers: prices are micro-dollars per million tokens, sums pico-dollars.

One token at one micro-dollar per million tokens is exactly one pico-dollar, so nothing is rounded before the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

State = Literal["priced", "free", "unknown"]
PICO_PER_MICRO = 1_000_000
MICROS_PER_DOLLAR = 1_000_000
TOKENS_PER_UNIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens; None is a price that nobody knows. ``cached`` None: as ``prompt``."""

    prompt: Decimal | None
    completion: Decimal | None
    cached: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as counted upstream; None is unknown. ``prompt`` includes ``cached``, ``completion`` reasoning."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """A sum in pico-dollars, None when it is unknown."""

    pico: int | None
    state: State

    @property
    def micros(self) -> int | None:
        """The sum in micro-dollars, rounded half up."""
        return None if self.pico is None else (self.pico + PICO_PER_MICRO // 2) // PICO_PER_MICRO


UNKNOWN = Cost(None, "unknown")


def declared_price(prompt: int | None, completion: int | None) -> Price | None:
    """Return the operator's price, None when none is declared."""
    if prompt is None and completion is None:
        return None
    return Price(_decimal(prompt), _decimal(completion))


def map_price(entry: Mapping[str, Any] | None) -> Price | None:
    """Return the price in an entry of LiteLLM's map (US dollars per token), None when it says nothing."""
    if not entry:
        return None
    prompt = _per_million(entry.get("input_cost_per_token"))
    completion = _per_million(entry.get("output_cost_per_token"))
    if prompt is None and completion is None:
        return None
    return Price(prompt, completion, _per_million(entry.get("cache_read_input_token_cost")))


def cost(usage: Usage, price: Price | None) -> Cost:
    """Return what ``usage`` costs; a price or a count that would be needed and is missing makes it unknown."""
    if price is None or (usage.prompt is None and usage.completion is None):
        return UNKNOWN
    cached = min(usage.cached or 0, usage.prompt or 0)
    cached_price = price.prompt if price.cached is None else price.cached
    parts = (
        ((usage.prompt or 0) - cached, price.prompt), (cached, cached_price), (usage.completion or 0, price.completion),
    )
    total = Decimal(0)
    for tokens, rate in parts:
        if tokens and rate is None:
            return UNKNOWN
        total += tokens * (rate or 0)
    free = not any(rate for _, rate in parts)
    return Cost(int(total.to_integral_value(ROUND_HALF_UP)), "free" if free else "priced")


def _decimal(value: Any) -> Decimal | None:
    try:
        number = None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and number >= 0 else None


def _per_million(value: Any) -> Decimal | None:
    per_token = _decimal(value)
    return None if per_token is None else per_token * MICROS_PER_DOLLAR * TOKENS_PER_UNIT
