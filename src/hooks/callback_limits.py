"""Between LiteLLM's hooks and the limits of upstream calls."""

from typing import Any

from ..policy.chains import Failure
from .callback_walk import Progress
from .limits import installed
from .limits_room import LimitReached
from .record import RequestRecord


async def within_limits(record: RequestRecord | None, progress: Progress | None, deployments: list[Any]) -> list[Any]:
    """Return those of ``deployments`` that may be called now; raises LimitReached where there is none in time."""
    gate = installed()
    if gate is None or record is None:
        return deployments
    try:
        return await gate.call(record, deployments)
    except LimitReached as reached:
        if progress is not None and not reached.moves_on:
            progress.stopped = reached
        raise


def tell_limits(record: RequestRecord, failure: Failure, error: BaseException) -> None:
    """Tell the limits that an upstream call failed."""
    gate = installed()
    if gate is not None:
        gate.failed(record, failure.status if failure.kind == "status" else None, retry_after(error))


def retry_after(error: BaseException) -> float | None:
    """Return the seconds that an upstream's `Retry-After` names, None where it names none."""
    response = getattr(error, "response", None)
    for headers in (getattr(response, "headers", None), getattr(error, "litellm_response_headers", None)):
        text = (headers or {}).get("retry-after")
        if isinstance(text, str) and text.replace(".", "", 1).isdigit():
            return float(text)
    return None
