"""What the installed LiteLLM declares about itself, read once in a process of its own, and gateways for edge tests."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.gateway import ROOT, canary, clean_environment

_OURS = re.compile(r"litellm-gateway |starting at |  |note: |worker \d+ |ready: |stopping: ")
KEY, OTHER_KEY = canary("upstream"), canary("other")
LISTED = Path(__file__).with_name("litellm_routes.txt")
READ = """
import inspect, json, sys
import litellm
from litellm import Router
from litellm.proxy import _lazy_features
from litellm.proxy.proxy_server import app
from fastapi.routing import _IncludedRouter
from src.hooks.litellm_names import derived_fields

def walk(routes):
    for route in routes:
        if isinstance(route, _IncludedRouter):
            yield from walk(route.effective_candidates())
        else:
            yield route

def told(route):
    inner = getattr(route, "starlette_route", None) or route
    path = getattr(route, "path", None) or inner.path
    methods = getattr(route, "methods", None) or getattr(inner, "methods", None)
    return [f"{method} {path}" for method in sorted(methods or [type(inner).__name__])]

for feature in _lazy_features.LAZY_FEATURES:
    feature.register_fn(app, __import__(feature.module_path, fromlist=["x"]))
calls = [litellm.acompletion, litellm.atext_completion, litellm.text_completion, litellm.embedding, litellm.aresponses,
         litellm.image_generation, litellm.image_edit, litellm.speech, litellm.transcription]
calls += [getattr(Router, name) for name in ("acompletion", "atext_completion", "aembedding", "aimage_generation")]
json.dump({
    "routes": sorted({line for route in walk(app.routes) for line in told(route)}),
    "fields": sorted(derived_fields()),
    "parameters": sorted({name for call in calls for name in inspect.signature(call).parameters}),
}, sys.stdout)
"""


@cache
def installed() -> dict[str, list[str]]:
    """Return the routes, own fields and parameters of the installed LiteLLM."""
    environ = {**clean_environment(measured=False), "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
               "LITELLM_MODE": "PRODUCTION"}
    done = subprocess.run([sys.executable, "-c", READ], env=environ, capture_output=True, text=True, timeout=180,
                          cwd=os.path.dirname(__file__))
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout[done.stdout.index("{"):])
    return found


def two_upstreams(first: str, second: str, **more: str) -> dict[str, str]:
    """Return variables of two models, each with an upstream and a key of its own."""
    return {
        "PROXY_MODEL_KEYS": "main,other,embed,image", "UPSTREAM_KEY": KEY, "OTHER_KEY": OTHER_KEY,
        "MODEL_MAIN_UPSTREAM_MODEL": "deepseek-v3.2", "MODEL_MAIN_ALIAS": "main", "MODEL_MAIN_API_BASE": first,
        "MODEL_MAIN_API_KEY_ENV": "UPSTREAM_KEY",
        "MODEL_EMBED_UPSTREAM_MODEL": "text-embedding-3-small", "MODEL_EMBED_ALIAS": "embed",
        "MODEL_EMBED_MODE": "embedding", "MODEL_EMBED_API_BASE": first, "MODEL_EMBED_API_KEY_ENV": "UPSTREAM_KEY",
        "MODEL_IMAGE_UPSTREAM_MODEL": "gpt-image-1", "MODEL_IMAGE_ALIAS": "image", "MODEL_IMAGE_MODE": "image",
        "MODEL_IMAGE_API_BASE": first, "MODEL_IMAGE_API_KEY_ENV": "UPSTREAM_KEY",
        "MODEL_OTHER_UPSTREAM_MODEL": "grok-code-fast-1", "MODEL_OTHER_ALIAS": "other", "MODEL_OTHER_API_BASE": second,
        "MODEL_OTHER_API_KEY_ENV": "OTHER_KEY", **more}


def foreign_lines(stderr: str) -> list[str]:
    """Return what a log holds beside the lines that tell of a start and an end."""
    return [line for line in stderr.splitlines() if not _OURS.match(line)]


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the request lines in a gateway's standard output."""
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [row for row in rows if "request_id" in row]
