"""What a wildcard stands for right now: the provider's own list, asked for in the background, never at a request.

LiteLLM 1.106 can ask too (`check_provider_endpoint`), but at every listing, at a wrong path, and it lists names that no
alias matches; so it is left off, and its answer is put right here.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson

from ..config.runtime import UPSTREAM_MODELS
from ..config.wildcards import fill, parts_of
from ..policy.names import DeclaredNames
from .background import pause
from .listing import Entry, added
from .planview import ModelView, PlanView
from .upstream_lists import Place, ids_of, known_ids, own_place, place_of

SECONDS = 10.0
RETRY_S = 30.0
MOST_BYTES = 4 * 1024 * 1024
_log = logging.getLogger("gateway.models")


class Unlisted(Exception):
    """A list that cannot be had; the reason names no address."""


@dataclass(slots=True)
class Followed:
    """One deployment of a wildcard; ``found`` is the last good list, None before there was one."""

    model: ModelView
    place: Place | None
    known: tuple[str, ...] = ()
    cache: Path | None = None
    found: tuple[str, ...] | None = None
    reason: str | None = field(default=None)

    def names(self) -> tuple[str, ...]:
        """Return what clients may call it, as far as that is known."""
        upstream = (self.model.model or "").removeprefix(f"{self.model.provider}/")
        ids = self.known if self.found is None else self.found
        parts = (parts_of(upstream, one) for one in ids)
        return tuple(fill(self.model.alias, part) for part in parts if part is not None)

    def recall(self) -> None:
        """Take the list that another worker of this gateway kept."""
        with suppress(OSError, ValueError):  # nobody has kept one yet
            if self.cache is not None:
                kept = orjson.loads(self.cache.read_bytes())
                self.found = tuple(name for name in kept if isinstance(name, str))

    def take(self, ids: tuple[str, ...]) -> bool:
        """Use this list from now on; tell whether it is another one."""
        changed, self.found = ids != self.found, ids
        if changed and self.cache is not None:
            own = self.cache.with_name(f"{self.cache.name}.{os.getpid()}")
            with suppress(OSError):  # the list is only lost with this worker
                own.write_bytes(orjson.dumps(ids))
                own.chmod(0o600)
                own.replace(self.cache)
        return changed


class Catalog:
    """The models of every wildcard of one worker. ``ttl`` in seconds."""

    def __init__(self, names: DeclaredNames, followed: Sequence[Followed], ttl: float,
                 transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._names, self._followed, self._ttl, self._transport = names, tuple(followed), ttl, transport
        for one in self._followed:
            one.recall()
        self._listed = self._gather()

    @classmethod
    def of(cls, plan: PlanView, environ: Mapping[str, str], folder: Path | None = None) -> "Catalog":
        """Return the catalog of ``plan``; keys come from ``environ``, lists are kept in ``folder``."""
        headers = {raw.get("key"): raw.get("headers") or {} for raw in plan.raw.get("models", ())}
        followed = []
        for model in plan.models:
            if model.wildcard:
                place = place_of(model, environ, headers.get(model.key, {}))
                known = known_ids(model.provider or "", model.mode) if own_place(model, environ) else ()
                followed.append(Followed(model, place, known, _cache(folder, model, place)))
        return cls(plan.names(), followed, plan.settings.models_ttl)

    def __bool__(self) -> bool:
        return bool(self._names.wildcards)

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names under wildcards that can be called, as far as that is known."""
        return self._listed

    def listed(self, entries: list[Entry]) -> list[Entry]:
        """Return LiteLLM's entries without those that it makes of wildcards, and with the names that can be called."""
        return added([one for one in entries if one["id"] in self._names.exact], self._listed)

    def _gather(self) -> tuple[str, ...]:
        by_alias: dict[str, list[tuple[str, ...]]] = {}
        for one in self._followed:
            by_alias.setdefault(one.model.alias, []).append(one.names())
        return tuple(dict.fromkeys(name for alias, lists in by_alias.items() for name in _common(lists)
                                   if self._names.declared(name) == alias))

    async def run(self) -> None:
        """Ask for every list again and again."""
        client = httpx.AsyncClient(timeout=SECONDS, transport=self._transport)
        async with client, asyncio.TaskGroup() as tasks:
            for one in self._followed:
                if one.place is not None:
                    tasks.create_task(self._follow(client, one, one.place))

    async def _follow(self, client: httpx.AsyncClient, one: Followed, place: Place) -> None:
        while True:
            good = await self._refresh(client, one, place)
            await pause(self._ttl if good else min(self._ttl, RETRY_S))

    async def _refresh(self, client: httpx.AsyncClient, one: Followed, place: Place) -> bool:
        """Ask once; what cannot be had leaves the last list, and is told once."""
        reason = None
        try:
            if one.take(await fetch(client, place)):
                self._listed = self._gather()
        except Unlisted as error:
            reason = str(error)
        if reason is not None and reason != one.reason:
            left = len(one.names())
            _log.warning("the models of %s cannot be listed: %s; /v1/models shows %s", one.model.alias, reason,
                         f"the {left} known before" if left else "none of them")
        elif reason is None and one.reason is not None:
            _log.info("the models of %s are listed again", one.model.alias)
        one.reason = reason
        return reason is None


def _common(lists: Iterable[tuple[str, ...]]) -> list[str]:
    """Return what every deployment of one alias has: each request may go to any of them."""
    full = [names for names in lists if names] or [()]
    return [name for name in full[0] if all(name in others for others in map(frozenset, full[1:]))]


def _cache(folder: Path | None, model: ModelView, place: Place | None) -> Path | None:
    if folder is None or place is None:
        return None
    told = hashlib.sha256(f"{model.alias}\n{model.model}\n{place.url}".encode()).hexdigest()
    return folder / f"{UPSTREAM_MODELS}-{told[:16]}.json"


async def fetch(client: httpx.AsyncClient, place: Place) -> tuple[str, ...]:
    """Return the ids of one list; raises Unlisted. Redirects are not followed: the key is for this place."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS), client.stream(
                "GET", place.url, headers={"accept-encoding": "identity", **place.headers}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unlisted(f"the provider answered {answer.status_code}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Unlisted("the answer is compressed, unasked")  # a few bytes may become very many
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Unlisted(f"its list is longer than {MOST_BYTES // 1024} KiB")
        return ids_of(bytes(body))
    except TimeoutError:
        raise Unlisted(f"no list within {SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
        raise Unlisted(type(error).__name__) from None
    except ValueError:
        raise Unlisted("the answer is no list of models") from None
