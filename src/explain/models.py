"""One deployment, value by value, with the defaults that the gateway applies when it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..config.document import DEFAULT_STREAM_TIMEOUT
from ..config.models import UNKNOWN_CAPS
from ..config.plan import LaunchPlan, Sources
from ..config.providers import OPENAI_BASE
from ..config.resolve import PlannedModel
from ..policy.costs import Known, Price
from .prices import PriceList
from .provenance import Declarations, layers, setting
from .values import DEFAULT, Said, Value, chosen, known

NO_TIMEOUT = "no limit; a read that brings nothing for 6000 s ends"
_COSTS = {"input_cost": "prompt", "output_cost": "completion"}
_LIMITS = {"rpm": "requests/minute", "tpm": "tokens/minute", "rpd": "requests/day", "tpd": "tokens/day"}


@dataclass(frozen=True)
class Model:
    """A deployment explained: ``values`` by name; ``window`` and ``most_output`` in tokens."""

    key: str
    alias: str
    upstream: str
    mode: str
    values: Mapping[str, Value]
    timeout: float | None
    window: int | None
    most_output: int | None
    price: Price | None
    price_source: str

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {"key": self.key, "alias": self.alias, "upstream": self.upstream, "mode": self.mode,
                "values": {name: value.document() for name, value in self.values.items()}}


class Models:
    """Explains the deployments of one plan."""

    def __init__(self, plan: LaunchPlan, sources: Sources, prices: PriceList) -> None:
        self._plan, self._sources, self._prices = plan, sources, prices
        self._said = Declarations(sources)

    def explain(self, model: PlannedModel) -> Model:
        """Return ``model`` with the history of every value."""
        spec, prices = model.spec, self._prices.of(model)
        values = [*self._where(model), *self._answers(model), *self._limits(model), *self._prices_of(model, prices)]
        most_input = spec.context_window or model.caps.max_input or model.caps.context_window
        return Model(spec.key, spec.alias, spec.upstream, model.mode, {value.name: value for value in values},
                     spec.timeout, most_input, _most_output(model, most_input), prices[0].price if prices else None,
                     prices[0].source if prices else "")

    def _where(self, model: PlannedModel) -> list[Value]:
        spec = model.spec
        alias = self._said.value(spec, "alias")
        if "alias" not in spec.origins and not spec.source.startswith("registry"):
            alias = replace(alias, origin=f"{DEFAULT}, made of the upstream id")
        return [alias, self._said.value(spec, "upstream"), self._base(model), self._key(model),
                self._said.value(spec, "headers", note="none"),
                self._said.value(spec, "mode", [Said(model.caps.mode, _known_of(model))])]

    def _base(self, model: PlannedModel) -> Value:
        own = self._said.value(model.spec, "api_base")
        said = [Said(own.value, own.origin)] if own.value is not None else []
        if model.spec.provider == "openai":
            for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL"):
                found = setting(self._sources, name)
                said += [Said(one.value, f"{name}, {one.origin}") for one in
                         (Said(found.value, found.origin), *found.overrode) if one.value is not None]
            said.append(Said(OPENAI_BASE, DEFAULT))
        winner = Said(model.base, model.base_origin)
        others = [one for one in known([*said[:1], *own.overrode, *said[1:]]) if one.origin != winner.origin]
        return chosen("base", [winner, *others], note="" if model.base else "LiteLLM's own for the provider")

    def _key(self, model: PlannedModel) -> Value:
        own = self._said.value(model.spec, "api_key_env")
        if model.key_env is None:
            return Value("key", None, own.origin, own.overrode, note="no key is sent")
        secret = self._plan.secrets.get(model.key_env)
        is_set = secret is not None and bool((secret.value or "").strip())
        lost = "".join(f", instead of {one.origin}" for one in layers(self._sources.env, model.key_env)[1:])
        note = f"set in {secret.where}{lost}" if secret is not None and is_set else "not set"
        origin = own.origin if own.value is not None else f"the usual one of {model.spec.provider}"
        return Value("key", model.key_env, origin, own.overrode, note=note)

    def _answers(self, model: PlannedModel) -> list[Value]:
        spec, caps = model.spec, model.caps
        window = [Said(number, _known_of(model)) for number in (caps.context_window,) if number is not None]
        most = Value("max_output", caps.max_output, _known_of(model), unit="tokens",
                     note="" if caps.max_output else "not known")
        return [self._effort(model),
                self._said.value(spec, "max_tokens", unit="tokens", note="what the client asks for"), most,
                self._said.value(spec, "context_window", window, "tokens", "not known"),
                self._said.value(spec, "allow_params", note="none"),
                self._said.value(spec, "drop_params", note="none"),
                self._said.value(spec, "timeout", unit="s", note=NO_TIMEOUT),
                self._said.value(spec, "stream_timeout", [Said(DEFAULT_STREAM_TIMEOUT, DEFAULT)], "s")]

    def _effort(self, model: PlannedModel) -> Value:
        own, usual = self._said.value(model.spec, "reasoning_effort"), setting(self._sources, "REASONING_EFFORT")
        said = [Said(own.value, own.origin)] if own.value is not None else []
        said += own.overrode
        said += [Said(one.value, f"REASONING_EFFORT, {one.origin}") for one in
                 (Said(usual.value, usual.origin), *usual.overrode)]
        origin = model.effort_origin or (own.origin if own.value is not None else DEFAULT)
        others = [one for one in known(said) if one.origin != origin]
        if model.effort is not None or own.value is not None:
            return chosen("reasoning_effort", [Said(model.effort, origin), *others],
                          note="" if model.effort else "left out, as `none` says")
        note = "the model does not take what is asked for everywhere" if others else "what the client asks for"
        return chosen("reasoning_effort", [Said(None, DEFAULT), *others], note=note)

    def _limits(self, model: PlannedModel) -> list[Value]:
        spec = model.spec
        return [*(self._said.value(spec, name, unit=unit, note="no limit") for name, unit in _LIMITS.items()),
                self._said.value(spec, "max_parallel", unit="at a time per worker", note="no limit"),
                self._said.value(spec, "retries", note="1 where it is asked for by name, 0 as part of a chain"),
                self._said.value(spec, "fallbacks", note="none")]

    def _prices_of(self, model: PlannedModel, prices: list[Known]) -> list[Value]:
        found = []
        for name, attribute in _COSTS.items():
            said = [Said(amount, self._priced_by(model, one, name)) for one in prices
                    if (amount := getattr(one.price, attribute)) is not None or one is prices[0]]
            said = [Said(None if one.value is None else one.value / 1_000_000, one.origin) for one in said]
            first = said or [Said(None, "nobody")]
            found.append(chosen(name, first, "dollars per million tokens",
                                "not known" if first[0].value is None else ""))
        return found

    def _priced_by(self, model: PlannedModel, one: Known, name: str) -> str:
        if one.source != "environment":
            return self._prices.source(model, one)
        # One of the two alone leaves the other unknown, whatever others say of it.
        said = [model.spec.origins[cost] for cost in (name, *_COSTS) if cost in model.spec.origins]
        return said[0] if said else model.spec.source


def _most_output(model: PlannedModel, most_input: int | None) -> int | None:
    """Return how long an answer can be: what is known, the declared default where that is more, else the window."""
    if model.mode == "embedding":
        return 0
    known_most = model.caps.max_output
    return most_input if known_most is None else max(known_most, model.spec.max_tokens or 0)


def _known_of(model: PlannedModel) -> str:
    if model.spec.caps is not None:
        return model.spec.source
    return DEFAULT if model.caps is UNKNOWN_CAPS else f"what is known of {model.spec.model}"
