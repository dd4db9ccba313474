"""Asks an upstream which models it has. Bounded in time and size; a failure is a sentence, never an exception."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .offers import Style

TIMEOUT_S, DEADLINE_S = 5.0, 15.0
MOST_BYTES, MOST_MODELS = 8 * 2**20, 5_000
_ANTHROPIC_VERSION = "2023-06-01"


@dataclass(frozen=True)
class Found:
    """The models, or ``why`` there are none. ``refused``: the upstream did not take the key."""

    models: tuple[str, ...] = ()
    why: str = ""
    refused: bool = False


def list_models(base: str, key: str | None, style: Style = "openai") -> Found:
    """Return the ids that GET ``base``/models lists, in the upstream's order."""
    import httpx
    url = f"{base.rstrip('/')}/models"
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client, \
                client.stream("GET", url, headers=_headers(key, style), params=_PAGES[style]) as response:
            if response.status_code != 200:
                return _refusal(response.status_code)
            return _models(_body(response), style)
    except httpx.TimeoutException:
        return Found(why=f"no answer within {TIMEOUT_S:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return Found(why=f"it cannot be reached ({type(error).__name__})")


_PAGES: Mapping[Style, Mapping[str, str]] = {"openai": {}, "gemini": {"pageSize": "1000"}, "anthropic":
                                             {"limit": "1000"}}


def _headers(key: str | None, style: Style) -> dict[str, str]:
    if not key:
        return {}
    if style == "gemini":
        return {"x-goog-api-key": key}
    if style == "anthropic":
        return {"x-api-key": key, "anthropic-version": _ANTHROPIC_VERSION}
    return {"Authorization": f"Bearer {key}"}


def _refusal(status: int) -> Found:
    if status in (401, 403):
        return Found(why=f"it does not accept the key ({status})", refused=True)
    return Found(why=f"it answers {status}")


def _body(response: Any) -> bytes:
    """Return the body, as much of it as is permitted: what is longer will not parse."""
    data, until = b"", time.monotonic() + DEADLINE_S
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MOST_BYTES or time.monotonic() > until:
            return b""
    return data


def _models(body: bytes, style: Style) -> Found:
    try:
        document = json.loads(body)
        entries = document["models" if style == "gemini" else "data"]
        ids = [_id(entry, style) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Found(why="its list of models cannot be read")
    models = [name for name in dict.fromkeys(ids) if name and _usable(name)][:MOST_MODELS]
    return Found(tuple(models)) if models else Found(why="it lists no models")


def _id(entry: Mapping[str, Any], style: Style) -> str:
    if style != "gemini":
        return str(entry["id"])
    methods = entry.get("supportedGenerationMethods", ("generateContent",))
    return str(entry["name"]).removeprefix("models/") if "generateContent" in methods else ""


def _usable(name: str) -> bool:
    return len(name) <= 256 and name.isprintable() and " " not in name and not set(",*") & set(name)
