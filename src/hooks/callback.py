"""LiteLLM's callback: fills the record of each request. It translates between LiteLLM and policy, and decides nothing.

Which hook fires when, on which route, was measured for LiteLLM 1.106; hooks are called with keyword arguments, so their
parameters keep LiteLLM's names. ``instance`` is what the private YAML names under ``litellm_settings.callbacks``.
"""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from ..policy.chains import Kind, Walk, plan_walks, walk_of
from ..policy.names import DeclaredNames
from . import metrics
from .callback_deadline import LONGEST_READ, Limits, install, open_clock, set_limits, share_client
from .callback_errors import become, error_text, error_type, failure_of, upstream_code
from .callback_limits import tell_limits, within_limits
from .callback_params import apply_reasoning, note_upstream, remember_sent
from .callback_usage import fill, usage_of
from .callback_walk import enter, progress_of, start
from .client_keys import reduced
from .errors_out import UPSTREAM_CODE
from .planview import ModelView
from .record import RequestRecord
from .runtime import Runtime, current
from .upstreams import note

_USAGE_ASKED = "usage_asked"


class GatewayLogger(CustomLogger):
    """One per worker; everything that it knows of a request is in the request's record."""

    def __init__(self) -> None:
        super().__init__()
        install()
        self._runtime: Runtime | None = None
        self._walks: dict[str, Walk] = {}
        self._names = DeclaredNames.of(())
        self._models: dict[str, ModelView] = {}

    def _load(self) -> Runtime:
        runtime = current()
        if runtime is not self._runtime:
            self._walks = plan_walks(runtime.plan.models, runtime.plan.chains)
            self._names = runtime.plan.names()
            self._models = {model.deployment: model for model in runtime.plan.models}
            self._runtime = runtime
            if metrics.observe not in runtime.sinks:
                metrics.start()
                runtime.sinks.append(metrics.observe)
        return runtime

    def _find(self, data: Mapping[str, Any]) -> RequestRecord | None:
        call_id = data.get("litellm_call_id")
        if call_id is None:
            # Images have no id in pre_call; the edge has set the header to it.
            call_id = ((data.get("proxy_server_request") or {}).get("headers") or {}).get("x-litellm-call-id")
        return self._load().book.find(call_id)

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any],
                                  call_type: Any) -> dict[str, Any]:
        """Once per request, before LiteLLM chooses a deployment: plan the walk."""
        share_client()
        record = self._find(data)
        if record is None:
            return data
        open_clock()
        remember_sent(record, data)
        record.stream = bool(data.get("stream"))
        alias = record.alias or str(data.get("model"))
        walk = walk_of(self._walks, self._names, alias)
        if walk is not None:
            start(record, reduced(walk, record), data)
        else:
            data["fallbacks"] = []
        if record.route == "completions" and record.stream:
            _ask_usage(record, data)
        return data

    async def async_filter_deployments(self, model: str, healthy_deployments: list[Any], messages: Any,
                                       request_kwargs: dict[str, Any] | None = None,
                                       parent_otel_span: Any = None) -> list[Any]:
        """Before each attempt: take the walk's next step, or end it with the error that it met."""
        record = self._find(request_kwargs or {})
        progress = progress_of(record)
        if progress is not None:
            enter(progress, request_kwargs or {})
        return await within_limits(record, progress, healthy_deployments)

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> dict[str, Any]:
        """After a deployment is chosen, perhaps several times for bridged calls: its time limits and its effort."""
        record = self._find(kwargs)
        if record is None:
            set_limits(None)
            return kwargs
        model = self._models.get(str((kwargs.get("model_info") or {}).get("id")))
        model = model.serving(record.alias) if model is not None else None
        if model is not None:
            self._choose(record, model)
            _limit(kwargs, model, record)
        apply_reasoning(record, kwargs, model)
        return kwargs

    def _choose(self, record: RequestRecord, model: ModelView) -> None:
        record.answered, record.deployment = model.alias, model.deployment
        record.provider, record.model = model.provider, model.model
        progress = progress_of(record)
        if progress is not None:
            progress.model = model
            record.chain_position = progress.step.position if progress.walk.models > 1 else None

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: dict[str, Any]) -> None:
        """Just before the HTTP call, once per attempt: what really goes upstream."""
        record = self._find(kwargs)
        progress = progress_of(record)
        if record is None or progress is None or record.deployment is None:
            return
        progress.called(record, record.deployment, record.model, record.provider)
        body = (kwargs.get("additional_args") or {}).get("complete_input_dict")
        if isinstance(body, Mapping):
            note_upstream(record, body)

    async def async_post_call_failure_deployment_hook(self, request_data: Mapping[str, Any], exception: Exception,
                                                      call_type: Any, fallback_depth: int | None = None) -> None:
        """One attempt has failed."""
        record = self._find(request_data)
        progress = progress_of(record)
        if record is not None and progress is not None:
            tell_limits(record, progress.failed(exception), exception)

    async def async_post_call_failure_hook(self, request_data: dict[str, Any], original_exception: Exception,
                                           user_api_key_dict: Any, traceback_str: str | None = None) -> None:
        """The request has failed; the error that ended its walk goes to the client."""
        record = self._find(request_data)
        if record is None:
            return
        progress = progress_of(record)
        error = progress.stopped if progress is not None and progress.stopped is not None else original_exception
        failure = progress.failed(error) if progress is not None else failure_of(error)
        record.fail(error_type(failure), error_text(failure))
        record.answered = None
        if code := upstream_code(error):
            record.extra[UPSTREAM_CODE] = code
        self._load().book.settle(record)
        if error is not original_exception:
            become(original_exception, error)
        if failure.kind in ("timeout", "connection"):
            become(original_exception, message=error_text(failure))

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any,
                                      end_time: Any) -> None:
        """The answer is complete: tokens, cost, and nothing more to come."""
        record = self._find(kwargs)
        progress = progress_of(record)
        if record is None or progress is None:
            return
        logged = kwargs.get("standard_logging_object") or {}
        progress.answered()
        model = self._models.get(str(logged.get("model_id")), progress.model)
        model = model.serving(record.alias) if model is not None else None
        fill(record, usage_of(logged), model, self._load().plan.raw)
        self._load().book.settle(record)

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any,
                                      end_time: Any) -> None:
        """A broken stream still tells how many tokens came; a first failed attempt has none."""
        record = self._find(kwargs)
        progress = progress_of(record)
        if record is not None and progress is not None and record.first_byte_ns is not None and record.stream:
            logged = kwargs.get("standard_logging_object") or {}
            fill(record, usage_of(logged), progress.model, self._load().plan.raw)

    def async_post_call_streaming_iterator_hook(  # type: ignore[override]  # an iterator is all that LiteLLM uses
            self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]) -> AsyncIterator[Any]:
        """Streams pass as they are, save text completions, where LiteLLM logs nothing when a client leaves."""
        record = self._find(request_data)
        if record is None or record.route != "completions":
            return response  # type: ignore[no-any-return]
        return self._completions(record, response)

    async def _completions(self, record: RequestRecord, response: Any) -> AsyncIterator[Any]:
        complete = False
        try:
            async for chunk in response:
                if not (record.extra.get(_USAGE_ASKED) and _only_usage(chunk)):
                    yield chunk
            complete = True
        except Exception:
            complete = True  # the failure hook settles it
            raise
        finally:
            if not complete:
                record.client_gone = True
                self._load().book.settle(record)


def _ask_usage(record: RequestRecord, data: dict[str, Any]) -> None:
    # LiteLLM asks for the usage of chat streams by itself, not of text completions.
    options = data.get("stream_options")
    if not isinstance(options, Mapping) or "include_usage" not in options:
        data["stream_options"] = {**(options or {}), "include_usage": True}
        record.extra[_USAGE_ASKED] = True


def _only_usage(chunk: Any) -> bool:
    says = [choice for choice in getattr(chunk, "choices", None) or () if choice.text or choice.finish_reason]
    return getattr(chunk, "usage", None) is not None and not says


def _limit(kwargs: dict[str, Any], model: ModelView, record: RequestRecord) -> None:
    progress = progress_of(record)
    broken = progress.break_off if progress is not None else _nobody
    set_limits(Limits(model.timeout, model.stream_timeout, bool(record.stream), broken, partial(note, record),
                      answer_errors=record.route.startswith("images")))
    kwargs["timeout"] = LONGEST_READ
    kwargs.pop("stream_timeout", None)


def _nobody(kind: Kind) -> None:
    """Take what no walk wants to know."""


instance = GatewayLogger()
