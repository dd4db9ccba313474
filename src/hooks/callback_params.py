"""What becomes of the client's parameters on their way: reasoning translated, losses noted and warned of once."""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from ..policy.params import FirstSeen, client_names, compare
from ..policy.reasoning import EFFORT, effort_of_reasoning, effort_of_thinking, translate
from .planview import ModelView
from .record import RequestRecord

# Where the edge leaves the names of the client's own parameters, when it parsed the body itself.
SENT = "sent"
_CHANGED = "changed_params"
_EDGE = "edge_params"
_WITH_REASONING = frozenset({"chat", "completions", "messages"})
_log = logging.getLogger("gateway")
_seen = FirstSeen()


def remember_sent(record: RequestRecord, data: Mapping[str, Any]) -> None:
    """Keep the names of what the client sent, before LiteLLM adds its own."""
    if SENT not in record.extra:
        body = (data.get("proxy_server_request") or {}).get("body")
        names = client_names(body if isinstance(body, Mapping) else {})
        # LiteLLM puts its own `metadata` into the parsed body, the client's into that (litellm_pre_call_utils.py).
        own = (data.get("metadata") or {}).get("requester_metadata") if "litellm_metadata" not in data else True
        record.extra[SENT] = tuple(name for name in names if name != "metadata" or own)
    record.extra[_EDGE] = (tuple(record.dropped), dict(record.translated))


def apply_reasoning(record: RequestRecord, kwargs: MutableMapping[str, Any], model: ModelView | None) -> None:
    """Replace ``reasoning`` (and on messages ``thinking``) by the effort that this deployment accepts, or remove it.

    LiteLLM 1.106 sends messages with ``thinking`` to an OpenAI-compatible upstream's /responses, whatever the setting
    (llms/anthropic/experimental_pass_through/adapters/handler.py), so it must not see it.
    """
    earlier: dict[str, str | None] = record.extra.get(_CHANGED) or {}
    for name in earlier.keys() & kwargs.keys():  # another deployment's turn, with what the client sent
        del earlier[name]
    if model is None:
        return
    if record.route == "responses" and "reasoning" in kwargs and _compatible(model) and model.accepts_reasoning:
        # LiteLLM drops the object for models that it does not know; what is in extra_body goes as it is.
        kwargs["extra_body"] = {**(kwargs.get("extra_body") or {}), "reasoning": kwargs["reasoning"]}
    if record.route not in _WITH_REASONING:
        return
    if "reasoning" in kwargs and not _speaks_reasoning(model):
        _replace(record, kwargs, "reasoning", effort_of_reasoning(kwargs["reasoning"]), model)
    if record.route == "messages" and "thinking" in kwargs and _compatible(model):
        wanted = effort_of_thinking(kwargs["thinking"], kwargs.get("output_config"))
        _replace(record, kwargs, "thinking", wanted, model)


def _replace(record: RequestRecord, kwargs: MutableMapping[str, Any], name: str, wanted: str | None,
             model: ModelView) -> None:
    # Only the client's own effort wins: what stands in kwargs may be the deployment's default.
    change = translate(wanted, EFFORT in record.extra.get(SENT, ()), model.accepts_reasoning, model.levels)
    del kwargs[name]
    if change.effort is not None:
        kwargs[EFFORT] = change.effort
    changed: dict[str, str | None] = record.extra.setdefault(_CHANGED, {})
    changed[name] = None if change.dropped else EFFORT


def _compatible(model: ModelView) -> bool:
    return model.provider == "openai"


def _speaks_reasoning(model: ModelView) -> bool:
    # OpenRouter's own API takes the object as it is.
    return model.provider == "openrouter"


def note_upstream(record: RequestRecord, body: Mapping[str, Any]) -> None:
    """Compare what the client sent with the body that goes upstream; a later attempt replaces an earlier one."""
    edge_dropped, edge_translated = record.extra.get(_EDGE, ((), {}))
    result = compare(record.extra.get(SENT, ()), body)
    record.dropped = dict.fromkeys((*edge_dropped, *result.dropped))
    record.translated = {**edge_translated, **result.translated}
    for name, became in (record.extra.get(_CHANGED) or {}).items():
        record.dropped.pop(name, None)
        record.translated.pop(name, None)
        record.drop(name) if became is None else record.translate(name, became)
    _warn(record)


def _warn(record: RequestRecord) -> None:
    alias = record.alias or ""
    for name in record.dropped_names():
        if _seen.is_new(alias, name):
            _log.warning("parameter %s is dropped for %s; further cases are only counted", name, alias)
