"""Keys made for one rehearsal, in the place of every real one: a leak is found by searching for them."""

import re
import secrets
from collections.abc import Iterable, Mapping

from ..config.environment import Secret

_SECRET_NAME = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|JWT|DSN)(_|$)", re.IGNORECASE)
# Shorter ones stand anywhere by chance.
_SHORTEST = 8
_NOT_SECRET = re.compile(r".*_(ENV|FILE)$", re.IGNORECASE)


def secret_name(name: str) -> bool:
    """Tell whether a variable of this name may hold a secret."""
    return bool(_SECRET_NAME.search(name)) and not _NOT_SECRET.match(name)


class Canaries:
    """One made-up value per variable; ``real`` are the secrets that a plan knows, whose values are replaced too."""

    def __init__(self, real: Mapping[str, Secret]) -> None:
        self._run = secrets.token_hex(12)
        self._real = {secret.value.strip(): name for name, secret in real.items() if secret.value}
        self.values: dict[str, str] = {}
        for name in real:
            self.of(name)

    def of(self, name: str) -> str:
        """Return the canary of a variable."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower())
        return self.values.setdefault(name, f"canary-{plain}-{self._run}{len(self.values):03d}")

    def instead(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with a canary for every secret: by its name, or because its value is a known one."""
        kept = {}
        for name, value in environ.items():
            if name in self.values or secret_name(name):
                kept[name] = self.of(name)
            elif value.strip() in self._real:
                kept[name] = self.of(self._real[value.strip()])
            elif not name.endswith("_FILE"):
                kept[name] = value
        return kept

    def found_in(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return `NAME in place` for every canary, and every real key, in one of ``places`` (name, content)."""
        known = [(name, value.encode()) for name, value in self.values.items()]
        listed = list(places)
        found = [f"{name} in {place}" for place, content in listed for name, value in known if value in content]
        return found + self.real_in(listed)

    def real_in(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return where a real key stands, which no part of a rehearsal should even know."""
        known = [(name, value.encode()) for value, name in self._real.items() if len(value) >= _SHORTEST]
        return [f"the real {name} in {place}" for place, content in places for name, value in known if value in content]
