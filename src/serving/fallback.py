"""Where processes cannot be forked (Windows): LiteLLM's own single process, started through its own command line."""

import functools
import importlib
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import EXIT_INTERRUPTED, EXIT_OK
from . import app, environment
from .generation import Generation, prepare
from .log import Log
from .order import Order
from .worker import wrapped

_NOTICE = "this system cannot fork: one process of LiteLLM's own serves; no reload, no status, no stop, one worker"


def serve(order: Order, start: Mapping[str, str]) -> int:
    """Run LiteLLM's command line in this process until it ends; return the exit code."""
    log = Log(order.log_json)
    log("fallback", _NOTICE)
    with tempfile.TemporaryDirectory(prefix="litellm-gateway-") as folder:
        generation = prepare(1, order.generation, start, Path(folder))
        environment.replace(generation.environ)
        proxy = app.load(generation.environ)
        environment.replace({**proxy.set_names, **generation.environ})
        # Starlette calls its middleware factories with the app inside; any callable that returns an app will do.
        proxy.app.add_middleware(functools.partial(_inside, generation))
        threading.Thread(target=_announce, args=(order, log), daemon=True).start()
        return _run(arguments(order, generation))


def arguments(order: Order, generation: Generation) -> list[str]:
    """Return the arguments of LiteLLM's command line; it reads CONFIG_FILE_PATH first, which names the same file."""
    words = ["--config", generation.environ["CONFIG_FILE_PATH"], "--host", order.host, "--port", str(order.port)]
    for flag, value in (("--ssl_certfile_path", order.ssl_certfile), ("--ssl_keyfile_path", order.ssl_keyfile)):
        words += [flag, value] if value else []
    return [*words, "--keepalive_timeout", str(round(order.keepalive)), "--num_workers", "1"]


def _inside(generation: Generation, inner: Any) -> Any:
    return wrapped(inner, generation)


def _run(words: list[str]) -> int:
    command = importlib.import_module("litellm.proxy.proxy_cli").run_server
    try:
        command.main(args=words, standalone_mode=False)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_OK
    return EXIT_OK


def _announce(order: Order, log: Log) -> None:
    deadline = time.monotonic() + order.boot_timeout
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{order.url}/health/liveliness", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
            continue
        log.prepared(order.ready_line)
        return
