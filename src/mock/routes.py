"""Which operation a path names, and what a request's body says about it."""

import json
import re
from typing import Any, NamedTuple

from aiohttp import web

from .anthropic import Anthropic
from .chat import Chat, Completions
from .gemini import Gemini
from .media import WHOLE
from .ollama import Ollama
from .responses import Responses
from .wire import Dialect

TEXT: dict[str, Dialect] = {"chat/completions": Chat(), "completions": Completions(), "responses": Responses(),
                            "messages": Anthropic(), "api/chat": Ollama(chat=True),
                            "api/generate": Ollama(chat=False), "gemini": Gemini()}
_GETS = ("models",)
_OPERATIONS = (*(name for name in TEXT if name != "gemini"), *WHOLE, *_GETS)
_PREFIX = re.compile(r"/(?:.*/)?(?:v\d\w*|openai|openai/deployments/[^/]+)/|/")
_GEMINI = re.compile(r"/(?:.*/)?models/(?P<model>[^/]+(?:/[^/]+)*):(?P<verb>generateContent|streamGenerateContent)")


class Target(NamedTuple):
    """Where a request goes: the operation (empty: none), and what its path says of the model and of streaming."""

    operation: str
    model: str = ""
    stream: bool = False


def target(method: str, path: str) -> Target:
    """Return what ``method`` and ``path`` name."""
    if found := _GEMINI.fullmatch(path):
        return Target("gemini" if method == "POST" else "", found["model"], found["verb"].startswith("stream"))
    for name in _OPERATIONS:
        if path.endswith(f"/{name}") and _PREFIX.fullmatch(path[:-len(name)]):
            return Target(name if method == ("GET" if name in _GETS else "POST") else "")
    return Target("")


async def read_body(request: web.Request) -> Any:
    """Return the body: JSON as its value, a form as a dict (files by name and size), other text as it is, else None."""
    if request.content_type.startswith("multipart/"):
        return {name: _described(value) for name, value in (await request.post()).items()}
    raw = await request.read()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def _described(value: object) -> str:
    if isinstance(value, web.FileField):
        return f"{value.filename} ({len(value.file.read())} bytes)"
    return str(value)
