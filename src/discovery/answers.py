"""Answers in OpenAI's shape, encoded once and sent many times."""

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from .gateway import Listed

# Lists for so many different grants are kept.
_KEPT = 256


def encode(document: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def error(message: str, kind: str, code: str | None = None, param: str | None = None) -> bytes:
    """Return an error document."""
    return encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


class Encoded:
    """One list of models that does not change any more."""

    def __init__(self, models: Iterable[Listed]) -> None:
        self.models = {model.id: model for model in models}
        self._single = {name: encode(model.document()) for name, model in self.models.items()}
        self._lists: dict[Hashable, bytes] = {}

    def model(self, name: str) -> bytes | None:
        """Return one model, None where there is none of this name."""
        return self._single.get(name)

    def listing(self, permits: Hashable, may: Callable[[str], bool] | None) -> bytes:
        """Return the list of what ``may`` admits, everything for None; the same ``permits`` admit the same."""
        found = self._lists.get(permits)
        if found is None:
            if len(self._lists) >= _KEPT:
                self._lists.clear()
            found = self._lists[permits] = encode({"object": "list", "data": [
                model.document() for name, model in self.models.items() if may is None or may(name)]})
        return found
