"""Client keys in a worker: those that were read last, and what the holder of one may ask for."""

from collections.abc import Iterable
from dataclasses import replace

from ..policy.chains import Walk
from ..policy.client_keys import ClientKey
from .errors_out import Refusal
from .listing import Change
from .record import RequestRecord
from .registry import ENDPOINT, TIER

# Where the record's ``extra`` holds the client key of the request; the master key has none.
GRANT = "grant"


class KeyRing:
    """The keys of one worker by digest; replaced as a whole, so that they outlive a store that is away."""

    def __init__(self, keys: Iterable[ClientKey] = ()) -> None:
        self._keys: dict[str, ClientKey] = {}
        self.take(keys)

    def take(self, keys: Iterable[ClientKey]) -> None:
        """Know exactly these keys from now on."""
        self._keys = {key.digest: key for key in keys}

    def find(self, digest: str, at: float) -> ClientKey | None:
        """Return the key with this digest if it may be used at ``at``."""
        key = self._keys.get(digest)
        return key if key is not None and key.usable(at) else None


def note(record: RequestRecord, grant: ClientKey | None) -> None:
    """Remember whose request this is, for flags, limits and models."""
    if grant is not None:
        record.extra[GRANT] = grant
        if grant.tier is not None:
            record.extra[TIER] = grant.tier


def check_names(record: RequestRecord, members: Iterable[str]) -> None:
    """Raise Refusal (403) where the key does not cover what was asked for: endpoint, alias and some model of it."""
    grant = record.extra.get(GRANT)
    if isinstance(grant, ClientKey) and grant.models:
        if not grant.may(record.extra.get(ENDPOINT), record.alias) or not grant.allowed(members):
            raise Refusal(403, f"This key may not use the model '{record.asked}'.", "model_not_allowed", "model")


def reduced(walk: Walk, record: RequestRecord) -> Walk:
    """Return ``walk`` without the models that the key does not cover."""
    grant = record.extra.get(GRANT)
    if not isinstance(grant, ClientKey) or not grant.models:
        return walk
    steps = tuple(step for step in walk.steps if grant.may(step.alias))
    return replace(walk, steps=steps) if steps else walk


def covered(grant: ClientKey) -> Change:
    """Return what keeps from a list of models those that the key does not cover."""
    return lambda entries: [one for one in entries if grant.may(one["id"])]
