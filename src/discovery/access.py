"""Who may see the list: the service's own tokens, and the client keys of the registry."""

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from ..errors import GatewayError
from .catalogue import Clock, Complaints, Tell

# An unknown token has the keys read again, this many seconds after the last time; whoever guesses waits so long.
READ_AGAIN_S = 1.0
# How long a request waits to hear whether keys were revoked at once; a database that hangs must not stop the list.
PATIENCE_S = 0.5


class Holder(Protocol):
    """What a client key says of its holder; `ClientKey` of the policy is one."""

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the key, in hexadecimal digits."""

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names and patterns that the key covers, empty for all."""

    def may(self, *names: str | None) -> bool:
        """Tell whether all of ``names`` are covered."""

    def usable(self, at: float) -> bool:
        """Tell whether the key is neither revoked nor expired at ``at``, in Unix seconds."""


ReadKeys = Callable[[], Iterable[Holder]]
Same = Callable[[bytes, bytes], bool]


class KeyRing:
    """The client keys as they were read last. ``read`` may block and raise GatewayError; ``ttl`` in seconds.

    ``rest`` is the least time between two readings, in seconds; ``revision`` tells how often keys were revoked at once.
    """

    def __init__(self, read: ReadKeys, ttl: float, tell: Tell, clock: Clock = time.monotonic,
                 rest: float = READ_AGAIN_S, revision: Callable[[], int] = int) -> None:
        self._read, self._ttl, self._clock, self._rest, self._revision = read, ttl, clock, rest, revision
        self._known = 0
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -math.inf
        self._complaints = Complaints(tell, clock)
        self._keys: dict[str, Holder] = {}
        self._task: asyncio.Task[None] | None = None
        self._read_at = -math.inf

    def __len__(self) -> int:
        return sum(key.usable(time.time()) for key in self._keys.values())

    def load(self) -> None:
        """Read the keys now; raises GatewayError."""
        self._read_at = self._clock()
        self._known = self._revision()  # before the keys: those that are revoked meanwhile are then read again
        self._keys = {key.digest: key for key in self._read()}

    async def find(self, digest: str) -> Holder | None:
        """Return the holder of the key with this digest; keys that were made a moment ago are found too."""
        await self._follow()
        if digest not in self._keys:
            await self.refresh()
        key = self._keys.get(digest)
        return key if key is not None and key.usable(time.time()) else None

    async def _follow(self) -> None:
        """Read the keys again where some were revoked at once, asked at most once in ``rest``."""
        if self._asking is None and self._clock() >= self._asked_at + self._rest:
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=PATIENCE_S)

    async def _ask(self) -> None:
        try:
            if await asyncio.to_thread(self._revision) != self._known:
                await self.refresh()
        except GatewayError:
            pass  # who reads the keys tells of it
        finally:
            self._asking = None

    async def run(self) -> None:
        """Read the keys again and again until cancelled."""
        while True:
            await asyncio.sleep(self._ttl)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the keys in a thread, or wait where that is about to happen; what cannot be read stays as it was."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._reload())
        await asyncio.shield(self._task)

    async def _reload(self) -> None:
        await asyncio.sleep(max(0.0, self._read_at + self._rest - self._clock()))
        try:
            await asyncio.to_thread(self.load)
        except GatewayError as error:
            self._complaints.say("keys", f"{error.problems[0].what}; the client keys stay as they were read last")
        else:
            self._complaints.over("keys_read", "the client keys are read again")


class Access:
    """Decides by the token of a request. ``tokens`` see everything, holders of client keys what these cover."""

    def __init__(self, tokens: Iterable[str], keys: KeyRing | None = None, same: Same = hmac.compare_digest) -> None:
        self._digests = [hashlib.sha256(token.encode()).digest() for token in tokens]
        self._same = same
        self.keys = keys

    async def holder(self, authorization: bytes) -> "Holder | Everyone | None":
        """Return whose token the `Authorization` header holds, None for nobody's.

        Client keys are found by their SHA-256, from which nobody can work towards a key; own tokens are compared.
        """
        scheme, _, token = authorization.partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            return None
        digest = hashlib.sha256(token)
        if self._is_token(digest.digest()):
            return EVERYONE
        return None if self.keys is None else await self.keys.find(digest.hexdigest())

    def _is_token(self, digest: bytes) -> bool:
        """Compare with every token, whichever fits, in a time that tells nothing about them."""
        found = False
        for known in self._digests:
            found |= self._same(known, digest)
        return found


class Everyone:
    """Whoever has a token of the service: sees every model."""

    models: tuple[str, ...] = ()

    def may(self, *_names: str | None) -> bool:
        """Tell that everything is covered."""
        return True


EVERYONE = Everyone()
