"""What a request costs, in whole numbers: prices are micro-dollars per million tokens, sums pico-dollars.

One token at one micro-dollar per million tokens is exactly one pico-dollar, so nothing is rounded before the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal, Protocol

State = Literal["priced", "free", "unknown"]
Source = Literal["environment", "registry", "litellm"]
PICO_PER_MICRO = 1_000_000
MICROS_PER_DOLLAR = 1_000_000
TOKENS_PER_UNIT = 1_000_000


class Priced(Protocol):
    """What is asked of a deployment to find its price; costs are micro-dollars per million tokens."""

    @property
    def alias(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def provider(self) -> str | None: ...
    @property
    def key_env(self) -> str | None: ...
    @property
    def input_cost_micros(self) -> int | None: ...
    @property
    def output_cost_micros(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens; None is a price that nobody knows.

    ``cached`` None: as ``prompt``; ``reasoning`` None: as ``completion``.
    """

    prompt: Decimal | None
    completion: Decimal | None
    cached: Decimal | None = None
    reasoning: Decimal | None = None


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
    return Price(prompt, completion, _per_million(entry.get("cache_read_input_token_cost")),
                 _per_million(entry.get("output_cost_per_reasoning_token")))


def registry_price(row: Mapping[str, Any]) -> Price | None:
    """Return the price in a registry row (`input_micros` and so on), None when it says nothing."""
    prompt, completion = _decimal(row.get("input_micros")), _decimal(row.get("output_micros"))
    if prompt is None and completion is None:
        return None
    return Price(prompt, completion, _decimal(row.get("cached_input_micros")), _decimal(row.get("reasoning_micros")))


@dataclass(frozen=True, slots=True)
class Known:
    """A price and who says so: `environment`, `registry` or `litellm`."""

    price: Price
    source: Source

    def parts(self) -> list[str | None]:
        """Return source and prices as text: prompt, completion, cached, reasoning."""
        price = self.price
        numbers = (price.prompt, price.completion, price.cached, price.reasoning)
        return [self.source, *(None if number is None else format(number.normalize(), "f") for number in numbers)]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What `Priced` asks for, by itself."""

    alias: str
    model: str | None
    provider: str | None
    key_env: str | None
    input_cost_micros: int | None
    output_cost_micros: int | None


@dataclass(frozen=True, slots=True)
class Prices:
    """Where prices are looked up: the registry's rows as plan.json has them, and LiteLLM's map."""

    registry: tuple[Mapping[str, Any], ...] = ()
    litellm: Mapping[str, Any] = field(default_factory=dict)

    def find(self, model: Priced, declared_in: str = "") -> Known | None:
        """Return the price of a deployment, which was declared in ``declared_in``; None where nobody knows one.

        The environment's wins over the registry's, that over LiteLLM's. Of the latter only an entry for exactly this
        provider and model counts, and none for a keyless upstream: that is the operator's own, whose model may be
        called like a paid one and cost nothing.
        """
        declared = declared_price(model.input_cost_micros, model.output_cost_micros)
        if declared is not None and not declared_in.startswith("registry"):
            return Known(declared, "environment")
        price = registry_price(self._row(model)) or declared
        if price is not None:
            return Known(price, "registry")
        price = None if model.key_env is None else map_price(self._entry(model))
        return None if price is None else Known(price, "litellm")

    def _row(self, model: Priced) -> Mapping[str, Any]:
        rows = [row for row in self.registry if f"{row.get('provider')}/{row.get('model')}" == model.model]
        return next((row for row in rows if row.get("alias") == model.alias), rows[0] if rows else {})

    def _entry(self, model: Priced) -> Mapping[str, Any] | None:
        name = model.model or ""
        full = self.litellm.get(name)
        if full is not None:
            return full if isinstance(full, Mapping) else None
        bare = self.litellm.get(name.partition("/")[2])
        return bare if isinstance(bare, Mapping) and bare.get("litellm_provider") == model.provider else None


def cost(usage: Usage, price: Price | None) -> Cost:
    """Return what ``usage`` costs; a price or a count that would be needed and is missing makes it unknown.

    So does a count that is none: an upstream may claim anything.
    """
    if price is None or (usage.prompt is None and usage.completion is None):
        return UNKNOWN
    for claimed in (usage.prompt, usage.completion, usage.cached, usage.reasoning):
        if claimed is not None and (type(claimed) is not int or claimed < 0):
            return UNKNOWN
    cached = min(usage.cached or 0, usage.prompt or 0)
    cached_price = price.prompt if price.cached is None else price.cached
    reasoning = min(usage.reasoning or 0, usage.completion or 0)
    reasoning_price = price.completion if price.reasoning is None else price.reasoning
    parts = (
        ((usage.prompt or 0) - cached, price.prompt), (cached, cached_price),
        ((usage.completion or 0) - reasoning, price.completion), (reasoning, reasoning_price),
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
