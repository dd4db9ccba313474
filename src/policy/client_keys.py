"""Client keys: who holds one, what it may ask for, and until when. The key itself is known to nobody but its holder."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from re import split
from typing import Any

from .limits import Limit
from .names import DeclaredNames

PREFIX = "sk-gw-"
BYTES = 32
# The administrator's key has this name in logs.
RESERVED = ("master",)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key by the SHA-256 of its text; ``models`` are names and patterns, empty for all. Times are in UTC."""

    name: str
    digest: str
    tier: str | None = None
    models: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    budget_micros: int | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime | None = None

    def usable(self, at: float) -> bool:
        """Tell whether the key opens anything at ``at``, in Unix seconds."""
        now = datetime.fromtimestamp(at, timezone.utc)
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def may(self, *names: str | None) -> bool:
        """Tell whether all of ``names`` may be asked for with this key; None is nothing."""
        return not self.models or all(name is None or any(fnmatchcase(name, pattern) for pattern in self.models)
                                      for name in names)

    def allowed(self, names: Iterable[str]) -> list[str]:
        """Return those of ``names`` that may be asked for."""
        return [name for name in names if self.may(name)]

    @property
    def limit(self) -> Limit | None:
        """Return the key's own limit, None where it has none."""
        numbers = (self.rpm, self.tpm, self.rpd, self.tpd, self.budget_micros)
        if all(number is None for number in numbers):
            return None
        # The digest keeps the counters of a removed key from a new one of its name.
        return Limit(f"keys/{self.name}", "key", self.digest[:16], self.rpm, self.tpm, self.rpd, self.tpd,
                     budget_micros=self.budget_micros, origin="key")

    def state(self, at: float) -> str:
        """Return `active`, `revoked` or `expired`."""
        return "revoked" if self.revoked_at else "active" if self.usable(at) else "expired"


def fits(pattern: str, names: DeclaredNames) -> bool:
    """Tell whether a key's name or pattern stands for any of ``names``; where a wildcard may answer to it, it does."""
    fixed = split(r"[*?[]", pattern, maxsplit=1)[0]
    stems = [wild.partition("*")[0] for wild in names.wildcards] if fixed != pattern else []
    return pattern in names or any(fnmatchcase(name, pattern) for name in names.exact) or any(
        stem.startswith(fixed) or fixed.startswith(stem) for stem in stems)


def to_documents(keys: Iterable[ClientKey]) -> list[dict[str, Any]]:
    """Return keys as JSON-ready values; digests are no secrets."""
    return [{name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(key).items()}
            for key in keys]


def of_documents(documents: Iterable[dict[str, Any]]) -> tuple[ClientKey, ...]:
    """Return the keys that `to_documents` wrote; raises ValueError or TypeError for anything else."""
    return tuple(ClientKey(**{name: _value(name, value) for name, value in document.items()}) for document in documents)


def _value(name: str, value: Any) -> Any:
    if name == "models":
        return tuple(value)
    return datetime.fromisoformat(value) if name.endswith("_at") and value else value


def new_key() -> str:
    """Return a new key: the prefix and 32 random bytes."""
    return PREFIX + secrets.token_urlsafe(BYTES)


def digest_of(key: str | bytes) -> str:
    """Return what is kept of a key: the SHA-256 of its text, which with 32 random bytes in it is not to be guessed."""
    return hashlib.sha256(key if isinstance(key, bytes) else key.encode()).hexdigest()
