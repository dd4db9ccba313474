"""What LiteLLM does for every request and what can have no effect behind this gateway, left out.

A sixth of a request's CPU time (LiteLLM 1.106): hooks of its own look for limits and budgets of virtual keys, which
live in a database that a gateway never has, or tell services that nobody listed; for a deployment without limits it
looks twice for limits to count against; and the same few paths are held against all patterns of management routes.
Nothing a client or an operator sees depends on any of it.
Whatever another LiteLLM names otherwise stays as it is.
"""

import functools
from collections.abc import Awaitable, Callable, Collection
from typing import Any

# Of LiteLLM's registry of its own hooks (litellm/proxy/hooks/__init__.py): limits, budgets and permissions of virtual
# keys, teams and agents, and observers of features that a generated configuration never has. Those that protect ids
# of responses and that answer requests for skills stay.
_OF_VIRTUAL_KEYS = ("parallel_request_limiter", "cache_control_check", "max_iterations_limiter",
                    "max_budget_per_session_limiter", "sensitive_data_routing", "prompt_cache_prediction",
                    "autorouter_baseline_cache")
_LISTS = ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_input_callback",
          "_async_success_callback", "_async_failure_callback")
_PATHS = 1024
Increment = Callable[..., Awaitable[str | None]]


def leave_out(proxy: Any, foreign: bool) -> None:
    """Leave it out from now on, in a worker whose LiteLLM has booted; ``proxy`` is its proxy_server module.

    A ``foreign`` configuration, one that a user wrote, may use every feature: its hooks stay.
    """
    if not foreign:
        _forget(proxy.litellm, _idle_hooks(proxy))
    if proxy.llm_router is not None:
        _count_limited_only(proxy.llm_router)
    _remember_paths()


def _idle_hooks(proxy: Any) -> list[Any]:
    if proxy.prisma_client is not None:
        return []
    logging = proxy.proxy_logging_obj
    own = [logging.get_proxy_hook(name) for name in _OF_VIRTUAL_KEYS]
    # It tells services that the operator listed how long calls took.
    services = None if proxy.litellm.service_callback else getattr(logging, "service_logging_obj", None)
    return [hook for hook in (*own, getattr(proxy, "model_max_budget_limiter", None), services) if hook is not None]


def _forget(litellm: Any, hooks: Collection[Any]) -> None:
    """Take ``hooks`` out of the lists that LiteLLM goes through; whoever asks for one by its name still gets it."""
    for name in _LISTS:
        callbacks = getattr(litellm, name, None)
        if isinstance(callbacks, list):
            callbacks[:] = [callback for callback in callbacks if not any(callback is hook for hook in hooks)]


def _count_limited_only(router: Any) -> None:
    """Count requests and tokens only of deployments that have a limit; for others LiteLLM looks it up and returns."""
    increment: Increment | None = getattr(router, "_increment_deployment_usage", None)
    if increment is None:
        return
    found: dict[tuple[str, str], bool] = {}

    async def counted(*, deployment_id: str, model_group: str, **usage: Any) -> str | None:
        key = deployment_id, model_group
        if key not in found and model_group in router.model_names:  # names of a wildcard have no end
            found[key] = _limited(router, deployment_id, model_group)
        if found.get(key, True):
            return await increment(deployment_id=deployment_id, model_group=model_group, **usage)
        return None

    router._increment_deployment_usage = counted


def _limited(router: Any, deployment_id: str, model_group: str) -> bool:
    """Tell whether LiteLLM would count, by what it looks at itself (router.py, 1.106)."""
    from litellm.router_utils.pre_call_checks.io_token_rate_limit_check import deployment_has_io_token_limits

    deployment = router.get_deployment(model_id=deployment_id)
    if deployment is None:
        return True
    info = router.get_router_model_info(deployment=deployment, received_model_name=model_group)
    params = deployment.litellm_params
    limits = (deployment.get("tpm"), deployment.get("rpm"), params.tpm, params.rpm, info.get("tpm"), info.get("rpm"))
    return any(limit is not None for limit in limits) or bool(deployment_has_io_token_limits(deployment.model_dump()))


def _remember_paths() -> None:
    """Hold a path against the patterns of management routes once."""
    from litellm.proxy.auth.route_checks import RouteChecks

    known = vars(RouteChecks).get("is_management_route")
    if isinstance(known, staticmethod) and not hasattr(known.__func__, "cache_info"):
        setattr(RouteChecks, "is_management_route", staticmethod(functools.lru_cache(_PATHS)(known.__func__)))
