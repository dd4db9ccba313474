"""Entries of model_list that share a name: LiteLLM spreads the requests over them."""

from collections.abc import Iterator

from .file_context import Context, Model, a
from .findings import Finding

# What says that several deployments under one name are meant.
_MEANT = ("weight", "order", "tags", "tag_regex")


def check_aliases(context: Context) -> Iterator[Finding]:
    """Find names under which different models answer, unless GATEWAY_LOAD_BALANCE names them."""
    shared = {name.strip() for name in context.environ.get("GATEWAY_LOAD_BALANCE", "").split(",")}
    groups: dict[str, list[Model]] = {}
    for model in context.models:
        groups.setdefault(model.alias, []).append(model)
    for alias, group in groups.items():
        if len(group) == 1 or not alias or alias in shared or _meant(group):
            continue
        kinds = {_model(model) for model in group}
        if len(kinds) > 1:
            first, second = group[0], next(model for model in group if _model(model) != _model(group[0]))
            yield Finding("GW301", f"{a(alias)} is the name of {len(group)} models: requests go to {_model(first)} or "
                          f"{_model(second)} at random", second.entry.place(),
                          f"rename one, or set GATEWAY_LOAD_BALANCE={alias}")


def _model(model: Model) -> str:
    """Return the model behind an entry, without whom it is asked of: `gpt-5` of Azure and of OpenAI are one."""
    base = model.info.get("base_model") if model.info else None
    name = base.text if base and base.text else model.upstream
    return name.rpartition("/")[2]


def _meant(group: list[Model]) -> bool:
    teams = [model.info is not None and model.info.get("team_id") is not None for model in group]
    said = [any(model.params.get(name) is not None for name in _MEANT) for model in group]
    return all(teams) or all(said)
