"""plan.json: what the workers need to know and LiteLLM does not. It holds names of secrets, never a secret."""

from decimal import Decimal
from typing import Any

from .models import ChainSpec
from .plan import LaunchPlan
from .resolve import PlannedModel

VERSION = 1
DEFAULT_STREAM_TIMEOUT = 60.0


def plan_document(plan: LaunchPlan) -> dict[str, Any]:
    """Return plan.json without its hash, as JSON-ready values; see `rendering.content_hash`."""
    settings = plan.settings
    return {
        "version": VERSION,
        "models": [_model(model) for model in plan.models],
        "chains": [_chain(chain) for chain in plan.chains],
        "settings": {
            "max_body_mb": settings.whole("GATEWAY_MAX_BODY_MB"),
            "body_timeout": settings.number("GATEWAY_BODY_TIMEOUT"),
            "cors_origins": list(settings.words("GATEWAY_CORS_ORIGINS")),
            "extra_routes": list(settings.words("GATEWAY_EXTRA_ROUTES")),
            "metrics_public": settings.flag("GATEWAY_METRICS_PUBLIC"),
            "config_ttl": settings.number("GATEWAY_CONFIG_TTL"),
            "models_ttl": settings.number("GATEWAY_MODELS_TTL"),
            "store_down": settings.text("GATEWAY_STORE_DOWN"),
            "reset_zones": list(settings.words("GATEWAY_RESET_ZONES")),
            "environment": settings.text("GATEWAY_ENVIRONMENT"),
            "log_json": settings.text("GATEWAY_LOG_FORMAT") != "text",
        },
        "ledger": {
            "mode": settings.text("GATEWAY_LEDGER"),
            "days": settings.whole("GATEWAY_LEDGER_DAYS"),
            "max_mb": settings.whole("GATEWAY_LEDGER_MAX_MB"),
            "content": settings.whole("GATEWAY_LEDGER_CONTENT"),
            "spill_mb": settings.whole("GATEWAY_LEDGER_SPILL_MB"),
            "spill_dir": settings.text("GATEWAY_LEDGER_SPILL_DIR"),
        },
        "secret_names": sorted(plan.secrets),
        "sources": {model.spec.key: model.spec.source for model in plan.models},
        **({"registry": dict(plan.registry)} if plan.registry else {}),
    }


def micros(dollars: Decimal | None) -> int | None:
    """Return dollars as whole micro-dollars."""
    return None if dollars is None else int(dollars * 1_000_000)


def _model(model: PlannedModel) -> dict[str, Any]:
    spec, caps = model.spec, model.caps
    return {
        "key": spec.key, "alias": spec.alias, "deployment": spec.key, "provider": spec.provider,
        "model": spec.upstream, "mode": model.mode, "base": model.base, "key_env": model.key_env,
        "reasoning_effort": model.effort, "accepts_reasoning": bool(caps.efforts), "levels": list(caps.efforts),
        "timeout": spec.timeout, "stream_timeout": spec.stream_timeout or DEFAULT_STREAM_TIMEOUT,
        "retries": spec.retries, "max_tokens": spec.max_tokens, "rpm": spec.rpm, "tpm": spec.tpm, "rpd": spec.rpd,
        "tpd": spec.tpd, "max_parallel": spec.max_parallel, "fallbacks": list(spec.fallbacks),
        "input_cost_micros": micros(spec.input_cost), "output_cost_micros": micros(spec.output_cost),
        "context_window": model.context_window, "max_output": caps.max_output,
        "vision": caps.vision, "tools": caps.tools, "streaming": caps.streaming,
        "headers": dict(spec.headers), "allow_params": list(spec.allow_params), "drop_params": list(spec.drop_params),
    }


def _chain(chain: ChainSpec) -> dict[str, Any]:
    return {"key": chain.key, "alias": chain.alias, "models": list(chain.models), "on": list(chain.triggers)}
