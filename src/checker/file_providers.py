"""Whom each model asks, whether LiteLLM knows that provider and finds a key for it, and what its price list says."""

from collections.abc import Iterator

from ..config.models import litellm_drops_effort
from ..config.providers import NATIVE_PROVIDERS
from .file_context import REFERENCE, Context, Model, a
from .file_models import expired, needs_more, wildcard
from .findings import Finding
from .keys_models import KnownModel

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "disable", "default")
# Parameters that stand for a key of their own, or for none.
_OTHER_KEYS = {"litellm_credential_name", "azure_ad_token", "azure_ad_token_provider", "client_secret", "tenant_id",
               "azure_username", "openai_identity_provider_id", "anthropic_federation_rule_id", "mock_response",
               "use_xai_oauth", "vertex_credentials", "aws_access_key_id", "aws_role_name", "aws_profile_name",
               "oci_key", "oci_key_file", "oci_signer", "extra_headers", "headers"}
_MODULE_KEYS = {"openai": "openai_key", "azure": "azure_key", "anthropic": "anthropic_key", "groq": "groq_key"}
# Asked through OpenAI's library, which wants a key (LiteLLM 1.106); providers described by data alone are so too.
_MORE_KEYS = {"openai": "OPENAI_API_KEY", "text-completion-openai": "OPENAI_API_KEY", "custom_openai": "OPENAI_API_KEY",
              "ai21_chat": "AI21_API_KEY", "empower": "EMPOWER_API_KEY", "maritalk": "MARITALK_API_KEY",
              "qwen_ai_platform": "QWEN_AI_PLATFORM_API_KEY", "qwencloud": "QWENCLOUD_API_KEY",
              "text-completion-inception": "INCEPTION_API_KEY", "xinference": "XINFERENCE_API_KEY"}
# Retired models have left LiteLLM's list of bare names; whose they are is known from how they begin.
_FAMILIES = {"claude-": "anthropic", "gemini-": "vertex_ai"}
# What these need besides, or how their models are named, is not known here.
_NOT_CHECKED = ("oci", "ragflow", "azure_text")
_AZURE = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY", "AZURE_AD_TOKEN", "AZURE_CLIENT_SECRET",
          "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CREDENTIAL")


def check_providers(context: Context) -> Iterator[Finding]:
    """Find unknown providers, missing keys and bases, models without price or past their last day."""
    for model in context.models:
        upstream = context.resolved(model.params.get("model"))
        if not isinstance(upstream, str) or not upstream:
            continue  # said elsewhere
        provider, found = provider_of(context, model, upstream)
        yield from found
        if (strategy := needs_more(model)) is not None:
            yield Finding("GW212", f"the settings of {a(strategy or 'auto_router')} were not checked", model.place(),
                          "rehearse the start before you rely on it")
        elif provider:
            yield from _credentials(context, model, provider)
            yield from _known(context, model, provider, upstream)
            yield from _effort(context, model, provider, upstream)


def provider_of(context: Context, model: Model, upstream: str) -> tuple[str | None, list[Finding]]:
    """Return the provider that LiteLLM asks, and what is wrong where it knows none."""
    table, custom = context.table, context.resolved(model.params.get("custom_llm_provider"))
    own = _own_providers(context)
    prefix, slash, rest = upstream.partition("/")
    if isinstance(custom, str) and custom:
        if custom in table.providers or custom in own:
            return custom, []
        return None, [_unknown_provider(context, model, custom, "custom_llm_provider")]
    if slash and (prefix in table.providers or prefix in own):
        if rest:
            return prefix, []
        return None, [Finding("GW207", f"{a(upstream)} names a provider and no model", model.place(),
                              f"model: {prefix}/...")]
    if slash and prefix in table.raw["callbacks"]["callbacks"]:
        return None, []  # a prompt managed elsewhere says which model
    if inferred := table.inferred_provider(upstream):
        return inferred, []
    if endpoint := _endpoint(context, model):
        return endpoint, []
    if slash and (hint := context.hint(prefix, "providers", table.providers)):
        return None, [_unknown_provider(context, model, prefix, "model", hint)]
    if slash and not model.params.get("api_base"):
        return None, [_unknown_provider(context, model, prefix, "model")]
    return None, [_bare(context, model, upstream)]


def _own_providers(context: Context) -> set[str]:
    node = context.setting("litellm_settings", "custom_provider_map")
    names = [item.get("provider") for item in node.items] if node else []
    return {name.text for name in names if name and name.text}


def _endpoint(context: Context, model: Model) -> str | None:
    """Return a provider where the base is one by which LiteLLM knows it."""
    base = context.resolved(model.params.get("api_base"))
    if not isinstance(base, str):
        return None
    plain = base.partition("://")[2].rstrip("/") or base
    return next(("openai" for known in context.table.raw["endpoints"]
                 if plain == (known.partition("://")[2] or known).rstrip("/")), None)


def _unknown_provider(context: Context, model: Model, name: str, key: str, hint: str | None = None) -> Finding:
    hint = hint or context.hint(name, "providers", context.table.providers)
    value = f"{hint or 'openai'}/..." if key == "model" else hint or "openai"
    suggestion = f"; did you mean {hint}?" if hint else ""
    return Finding("GW706", f"LiteLLM knows no provider {a(name)} and leaves {a(model.alias)} out{suggestion}",
                   model.place(key), f"{key}: {value}")


def _bare(context: Context, model: Model, upstream: str) -> Finding:
    spelled = context.hint(upstream, "names", context.table.bare_names)
    family = next((name for prefix, name in _FAMILIES.items() if upstream.startswith(prefix)), "openai")
    provider = f"openai/{upstream}" if model.params.get("api_base") else spelled or f"{family}/{upstream}"
    hint = f"; did you mean {spelled}?" if spelled and not model.params.get("api_base") else ""
    return Finding("GW707", f"{a(upstream)} names no provider that LiteLLM knows; it leaves {a(model.alias)} out{hint}",
                   model.place(), f"model: {provider}")


def _credentials(context: Context, model: Model, provider: str) -> Iterator[Finding]:
    params = model.params
    known = NATIVE_PROVIDERS.get(provider)
    stated = any(params.get(name) is not None for name in ("api_base", "base_url"))  # unset: said at the reference
    if known and known.needs_base and not stated and not context.available(
            f"{provider.upper()}_API_BASE", "AZURE_API_BASE" if provider == "azure" else f"{provider.upper()}_BASE"):
        yield Finding("GW104", f"{a(model.alias)} has no api_base; {provider} has no address of its own",
                      model.place(), "api_base: https://...")
    if provider in _NOT_CHECKED:
        yield Finding("GW212", f"what {provider} needs besides was not checked", model.place(),
                      "rehearse the start before you rely on it")
    names = () if known and known.keyless else _key_names(context, provider)
    if not names:
        return
    key = params.get("api_key")
    if key is not None and key.text and key.text.startswith(REFERENCE):
        return  # whether it is set is said once, at the reference
    if _given(context, model, "api_key", *_OTHER_KEYS) or context.available(*names) or _module_key(context, provider):
        return
    if names == ("OPENAI_API_KEY",) and context.available("OPENAI_ADMIN_KEY"):
        return
    yield Finding("GW406", f"{a(model.alias)} has no api_key, and {names[0]} is not set", model.place(),
                  f"api_key: os.environ/{names[0]}")


def _key_names(context: Context, provider: str) -> tuple[str, ...]:
    """Return the variables in which LiteLLM looks for a provider's key, the usual one first."""
    if provider == "azure":
        return _AZURE
    if provider in NATIVE_PROVIDERS:
        return NATIVE_PROVIDERS[provider].key_envs
    name = _MORE_KEYS.get(provider) or context.table.raw["key_names"].get(provider)
    return (name,) if name else ()


def _given(context: Context, model: Model, *names: str) -> bool:
    nodes = [model.params.get(name) for name in names]
    return any(node is not None and not node.empty
               and (node.kind != "scalar" or context.resolved(node) not in (None, "")) for node in nodes)


def _module_key(context: Context, provider: str) -> bool:
    names = ("api_key", _MODULE_KEYS.get(provider, f"{provider}_key"))
    return any((node := context.setting("litellm_settings", name)) is not None and not node.empty for name in names)


def known_model(context: Context, model: Model) -> KnownModel | None:
    """Return what LiteLLM's price list knows of the model behind an entry."""
    upstream = context.resolved(model.params.get("model"))
    if not isinstance(upstream, str):
        return None
    base = (model.info.get("base_model") if model.info else None) or model.params.get("base_model")
    name = upstream.partition("/")[2]
    own_base = model.params.get("api_base") is not None and upstream.startswith("openai/")
    names = [base.text if base and base.text else upstream, upstream, "" if own_base and "/" in name else name]
    return context.table.model(*filter(None, names))


def _known(context: Context, model: Model, provider: str, upstream: str) -> Iterator[Finding]:
    known, native = known_model(context, model), NATIVE_PROVIDERS.get(provider)
    if wildcard(model):
        return
    priced = any("cost" in str(name) or name == "tiered_pricing" for node in (model.params, model.info) if node
                 for name in node.entries)
    if not priced and not (known and known.priced) and not (native and native.keyless):
        yield Finding("GW601", f"LiteLLM has no price for {a(upstream)}", model.place(),
                      "model_info:\n  input_cost_per_token: 0.00000125\n  output_cost_per_token: 0.00001")
    if known and expired(known.retired):
        yield Finding("GW704", f"{a(upstream)} was retired on {known.retired}", model.place(), "name a newer model")
    for name in ("max_tokens", "max_completion_tokens"):
        limit = model.params.get(name)
        if known and known.max_output and limit and isinstance(limit.value, int) and limit.value > known.max_output:
            yield Finding("GW708", f"{a(upstream)} answers with {known.max_output} tokens at most", limit.place(),
                          f"{name}: {known.max_output}")


def _effort(context: Context, model: Model, provider: str, upstream: str) -> Iterator[Finding]:
    node = model.params.get("reasoning_effort")
    value = context.resolved(node)
    if node is None or not isinstance(value, str):
        return
    name = upstream.partition("/")[2] or upstream
    if value not in _EFFORTS:
        yield Finding("GW701", f"reasoning_effort {a(value)} is no level", node.place(), "reasoning_effort: medium")
    elif value not in ("none", "disable") and litellm_drops_effort(provider, name):
        yield Finding("GW703", f"LiteLLM knows {a(upstream)} as a model that does not reason: the parameter is "
                      "removed, or each request refused", node.place(), "remove reasoning_effort")
