"""The names that the installed LiteLLM calls its own, so that an upgrade's new ones are closed without us."""

from collections.abc import Iterable
from typing import Any


def derived_fields() -> frozenset[str]:
    """Return every request field that LiteLLM (1.106: types/utils.py, types/router.py, auth_utils.py,
    litellm_pre_call_utils.py) reads for itself, refuses, or takes as a deployment's parameter."""
    from litellm.proxy import litellm_pre_call_utils
    from litellm.proxy.auth import auth_utils
    from litellm.types import router
    from litellm.types.utils import all_litellm_params

    return frozenset(all_litellm_params).union(
        router.LiteLLM_Params.model_fields,
        router.LiteLLMParamsTypedDict.__annotations__,
        *_lists(auth_utils, "_BANNED_REQUEST_BODY_PARAMS", "_NESTED_CONFIG_KEYS"),
        *_lists(litellm_pre_call_utils, "_UNTRUSTED_ROOT_CONTROL_FIELDS", "_UNTRUSTED_METADATA_CONTROL_FIELDS",
                "_ROUTER_RESERVED_METADATA_FIELDS", "LITELLM_TRACE_CONTROL_METADATA_FIELDS"),
    ) - {"extra_body"}


def _lists(module: Any, *names: str) -> Iterable[Iterable[str]]:
    # Private names: one that is gone in another version raises here, at start, not in silence.
    return (getattr(module, name) for name in names)
