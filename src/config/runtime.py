"""Where a running gateway keeps its control socket and private files: one folder per user, one inside it per port."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

FOLDER = "litellm-gateway"
SOCKET = "control.sock"
# The last good client keys, as digests, for workers that start while the database is away.
CLIENT_KEYS = "client-keys.json"
# The last good lists of providers' models, one file each, for workers that start while a provider is away.
UPSTREAM_MODELS = "upstream-models"


def runtime_root(environ: Mapping[str, str]) -> Path:
    """Return the folder that holds one folder per port; nothing is created.

    ``GATEWAY_RUNTIME_DIR`` wins, then ``XDG_RUNTIME_DIR``, then a per-user folder below the temporary directory.
    """
    if own := environ.get("GATEWAY_RUNTIME_DIR"):
        return Path(own)
    if xdg := environ.get("XDG_RUNTIME_DIR"):
        return Path(xdg) / FOLDER
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"{FOLDER}-{user}"


def runtime_dir(environ: Mapping[str, str], port: int) -> Path:
    """Return the folder of the gateway that listens on ``port``."""
    return runtime_root(environ) / str(port)
