"""The installed LiteLLM's own price file, read without importing LiteLLM."""

import json
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PRICE_FILE = "model_prices_and_context_window_backup.json"
Prices = Mapping[str, Mapping[str, Any]]


def price_file() -> Path | None:
    """Return the installed LiteLLM's price file, found without importing LiteLLM; None where there is none."""
    spec = find_spec("litellm")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    path = Path(folders[0]) / PRICE_FILE if folders else None
    return path if path is not None and path.is_file() else None


def read_prices(path: Path | None) -> Prices:
    """Return the price file's entries; no file means no prices, which stay unknown."""
    if path is None:
        return {}
    document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return {name: entry for name, entry in document.items() if isinstance(entry, dict)}


def price_source() -> str:
    """Return what rows say about where their prices come from."""
    try:
        return f"LiteLLM {version('litellm')} price file"
    except PackageNotFoundError:
        return "LiteLLM price file"
