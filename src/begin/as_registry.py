"""What was read for import becomes a registry document, as `registry import` takes it: names of keys, never keys."""

from collections.abc import Iterator
from typing import Any

from ..config.fields import BY_ATTRIBUTE
from ..config.readers import to_list
from ..config.rendering import dump
from ..policy.registry_safety import Rules, base_problem, key_problem
from .deployment import Deployment, Reading

_ALONE = "-alone"
Row = dict[str, Any]


def registry_text(reading: Reading, source: str) -> str:
    """Return the YAML document; what rows cannot hold is reported."""
    _one_per_alias(reading)
    _keys_of_their_own(reading)
    provider_rows = _providers(reading)
    document: dict[str, Any] = {
        "version": 1,
        "providers": list(provider_rows.values()),
        "models": [_model(reading, model, provider_rows[_upstream(model)]["name"]) for model in reading.models],
        "chains": list(_chains(reading)),
        "limits": [row for model in reading.models if (row := _limit(reading, model))],
    }
    kept = {name: rows for name, rows in document.items() if rows}
    return f"# Made by `litellm-gateway import --registry` from {source}. Read it with: registry import FILE\n" \
        + dump(kept)


def _one_per_alias(reading: Reading) -> None:
    """Keep the first model of each alias, which names a row; others are reported."""
    kept: dict[str, Deployment] = {}
    for model in reading.models:
        if kept.setdefault(model.alias, model) is not model:
            reading.report.lost(model.node, f"only one row can have the alias {model.alias}; import "
                                "without --registry to share it (GATEWAY_LOAD_BALANCE)")
    keys = {model.key: kept[model.alias].key for model in reading.models}
    for model in kept.values():
        model.fallbacks = list(dict.fromkeys(keys[key] for key in model.fallbacks if keys[key] != model.key))
    for _, members in reading.chains.values():
        members[:] = dict.fromkeys(keys[key] for key in members)
    reading.models = list(kept.values())


def _keys_of_their_own(reading: Reading) -> None:
    """Give models another key variable where a row must not send OPENAI_API_KEY."""
    for model in reading.models:
        key_env = model.values.get("api_key_env", "OPENAI_API_KEY" if model.provider == "openai" else None)
        why = key_problem(model.provider, key_env, model.values.get("api_base"), _rules(reading))
        if why is not None and key_env == "OPENAI_API_KEY":
            name = model.fresh_key
            model.values["api_key_env"] = name
            reading.wanted[name] = None
            reading.report.warn(model.node, f"{why}; {name} is its variable now")


def _rules(reading: Reading) -> Rules:
    """Return what the present environment permits rows to do."""
    def words(*names: str) -> tuple[str, ...]:
        return tuple(word for name in names for word in to_list(reading.value_of(name) or ""))
    bases = frozenset(base.rstrip("/") for base in words("OPENAI_API_BASE", "OPENAI_BASE_URL"))
    return Rules(bases, words("GATEWAY_ALLOWED_BASES"), frozenset(words("GATEWAY_REGISTRY_KEYS")))


def _upstream(model: Deployment) -> tuple[str | None, ...]:
    """Return what models of one provider's row have in common."""
    values = model.values
    return model.provider, *(values.get(name) for name in ("api_base", "api_key_env", "timeout", "retries"))


def _providers(reading: Reading) -> dict[tuple[str | None, ...], Row]:
    """Return the providers' rows. One that says nothing of its own is named after the provider, others are numbered."""
    rows: dict[tuple[str | None, ...], Row] = {}
    for model in reading.models:
        provider, base, key_env, timeout, retries = upstream = _upstream(model)
        if upstream not in rows:
            plain = not any((base, key_env, timeout, retries))
            number = sum(row["provider"] == provider and row["name"] != provider for row in rows.values()) + 1
            row = {"name": provider if plain else f"{provider}-{number}", "provider": provider, "base_url": base,
                   "key_env": key_env, "timeout_s": timeout and float(timeout), "retries": retries and int(retries)}
            rows[upstream] = {name: value for name, value in row.items() if value is not None}
    return rows


def _model(reading: Reading, model: Deployment, provider: str) -> Row:
    window = model.values.get("context_window")
    row = {"alias": _row_alias(model), "provider": provider, "model_id": model.model, "mode": model.values.get("mode"),
           "context_window": int(window) if window else None,
           "input_price_micros": _micros(model, "input_cost"), "output_price_micros": _micros(model, "output_cost"),
           **model.row}
    return {name: value for name, value in row.items() if value is not None}


def _micros(model: Deployment, attribute: str) -> int | None:
    text = model.values.get(attribute)
    return None if text is None else int(BY_ATTRIBUTE[attribute].read(text) * 1_000_000)  # type: ignore[operator]


def _row_alias(model: Deployment) -> str:
    """Return the alias of the row: a model with fallbacks leaves its name to the chain that stands for it."""
    return f"{model.alias}{_ALONE}" if model.fallbacks else model.alias


def _chains(reading: Reading) -> Iterator[Row]:
    models = {model.key: model for model in reading.models}
    for key, (alias, members) in reading.chains.items():
        yield {"name": key, "alias": alias, "models": [_row_alias(models[member]) for member in members]}
    for model in reading.models:
        if model.fallbacks:
            reading.report.warn(model.node, f"{model.alias} becomes a chain; {_row_alias(model)} is the model alone")
            yield {"name": model.key, "alias": model.alias,
                   "models": [_row_alias(models[member]) for member in (model.key, *model.fallbacks)]}


def _limit(reading: Reading, model: Deployment) -> Row | None:
    numbers: Row = {name: int(model.values[name]) for name in ("rpm", "tpm") if name in model.values}
    row: Row = {"name": f"{model.key}-limit", "scope": "model", "target": _row_alias(model)}
    return row | numbers if numbers else None


def permissions(reading: Reading) -> dict[str, str]:
    """Return the variables that must permit the rows' keys and bases, with the values that they have to have."""
    rules = _rules(reading)
    bases, names = dict[str, None](), dict[str, None]()
    for model in reading.models:
        base, key_env = model.values.get("api_base"), model.values.get("api_key_env")
        if base is not None and base_problem(model.provider, base, rules):
            bases[base] = None
        if key_problem(model.provider, key_env, None, rules):
            names[key_env or ""] = None
    wanted = {"GATEWAY_ALLOWED_BASES": (*rules.allowed, *bases) if bases else (),
              "GATEWAY_REGISTRY_KEYS": (*sorted(rules.keys), *names) if names else ()}
    return {name: ",".join(values) for name, values in wanted.items() if values}
