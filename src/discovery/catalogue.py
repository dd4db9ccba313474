"""The last good list of models, kept fresh behind the callers' backs.

Nobody waits for the gateway: whoever asks gets what is there, and one task asks the gateway when the list has reached
its age, sooner again after a failure.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable

from .answers import Encoded
from .gateway import Listed
from .reasons import AWAY, Away

Fetch = Callable[[], Awaitable[tuple[Listed, ...]]]
Tell = Callable[[str, str], None]
Clock = Callable[[], float]
# Seconds between attempts after failures, the last one from then on; never longer than the TTL.
RETRY_S = (0.5, 1.0, 2.0, 5.0)
COMPLAIN_EVERY_S = 60.0
UNASKED, OK = "unasked", "ok"
# Names that one line of the log holds at most.
_SHOWN = 20
# Warn codes of RFC 7234, 5.5. RFC 9111 no longer has the header, and no other says the same.
_STALE, _FAILED = '110 litellm-gateway "Response is Stale"', '111 litellm-gateway "Revalidation Failed"'
_CONFIGURED = '199 litellm-gateway "Configured, not confirmed by the gateway"'


class Complaints:
    """Says what is wrong at most once a minute for each kind of trouble."""

    def __init__(self, tell: Tell, clock: Clock = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._said: dict[str, float] = {}
        self._open = False

    def say(self, kind: str, text: str) -> None:
        """Say ``text`` unless the same kind was said within the last minute."""
        now = self._clock()
        if now - self._said.get(kind, -COMPLAIN_EVERY_S) >= COMPLAIN_EVERY_S:
            self._said[kind] = now
            self._open = True
            self._tell(kind, text)

    def over(self, kind: str, text: str) -> None:
        """Say that it is over, where it was said that it began."""
        if self._open:
            self._open = False
            self._tell(kind, text)


class Catalogue:
    """What is served now. ``configured`` stands in until the gateway has answered once; ``ttl`` in seconds."""

    def __init__(self, fetch: Fetch, configured: Iterable[Listed], ttl: float, tell: Tell,
                 clock: Clock = time.monotonic) -> None:
        self._fetch, self._ttl, self._tell, self._clock = fetch, ttl, tell, clock
        self._list = Encoded(configured)
        self._since: float | None = None
        self._failures = 0
        self._complaints = Complaints(tell, clock)
        self._task: asyncio.Task[None] | None = None
        self.state = UNASKED

    def model(self, name: str) -> bytes | None:
        """Return the encoded model, None where the list has none of this name."""
        return self._list.model(name)

    def listing(self, permits: Hashable, may: Callable[[str], bool] | None) -> bytes:
        """Return the encoded list of those models that ``may`` admits; ``permits`` stands for what it admits."""
        return self._list.listing(permits, may)

    @property
    def size(self) -> int:
        """Return how many models are listed."""
        return len(self._list.models)

    @property
    def age(self) -> float | None:
        """Return the seconds since the gateway gave the list, None where it has not yet."""
        return None if self._since is None else self._clock() - self._since

    def headers(self) -> dict[str, str]:
        """Return what tells a client how old the list is, and why that is."""
        age = self.age
        if age is None:
            return {"warning": _CONFIGURED}
        if self._failures:
            return {"age": str(int(age)), "warning": _FAILED}
        return {"age": str(int(age)), "warning": _STALE} if age > self._ttl else {"age": str(int(age))}

    @property
    def pause(self) -> float:
        """Return the seconds until the gateway is asked again."""
        if not self._failures:
            return self._ttl
        return min(self._ttl, RETRY_S[min(self._failures, len(RETRY_S)) - 1])

    async def run(self) -> None:
        """Keep the list fresh until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(self.pause)

    async def refresh(self) -> None:
        """Ask the gateway, or wait for the answer where it is being asked already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask())
        await asyncio.shield(self._task)

    async def _ask(self) -> None:
        try:
            models = await self._fetch()
        except Away as away:
            self._failed(away.kind, away.reason)
        except Exception as error:  # whatever it is, the next attempt has to come
            self._failed(AWAY, f"asking it failed: {type(error).__name__}")
        else:
            self._took(models)

    def _took(self, models: tuple[Listed, ...]) -> None:
        new, first = Encoded(models), self._since is None
        before, now = {} if first else self._list.models, new.models
        self._since, self._failures, self.state = self._clock(), 0, OK
        self._complaints.over("answering", "the gateway answers again")
        if not first and list(now.values()) == list(before.values()):
            return
        self._list = new
        self._tell("models", f"{len(now)} models from the gateway: {_changes(before, now)}")

    def _failed(self, kind: str, reason: str) -> None:
        self._failures += 1
        self.state = kind
        age = self.age
        serving = f"the {self.size} configured aliases" if age is None else f"its list of {age:.0f} s ago"
        self._complaints.say(kind, f"the gateway gives no list of models: {reason}; serving {serving}, asking again")


def _changes(before: Collection[str], now: Collection[str]) -> str:
    """Return which names came and went, the first ones where they are many."""
    found = [f"+ {name}" for name in now if name not in before] + [f"- {name}" for name in before if name not in now]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return ", ".join(found[:_SHOWN] + more) or "none came or went"
