"""Who the discovery service knows: tokens of its own, and client keys that may be made and revoked at any time."""

import asyncio
import threading
from datetime import datetime, timezone

from src.discovery.access import EVERYONE, Access
from src.errors import GatewayError
from src.policy.client_keys import ClientKey, digest_of

from .declaring import canary
from .discovery_support import Clock, Said, holder, ring, until


def test_each_of_several_tokens_sees_everything() -> None:
    tokens = [canary() for _ in range(3)]

    async def run() -> None:
        access = Access(tokens)
        for token in tokens:
            assert await access.holder(f"Bearer {token}".encode()) is EVERYONE
        assert await access.holder(b"Bearer " + tokens[0].encode()[:-1]) is None
        assert await access.holder("Bearer schl\u00fcssel".encode()) is None
    asyncio.run(run())


def test_every_token_is_compared_whichever_fits() -> None:
    compared: list[bytes] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return known == given
    tokens = [canary() for _ in range(3)]
    access = Access(tokens, same=compare)
    for token in (tokens[0], tokens[2], "unknown"):
        compared.clear()
        asyncio.run(access.holder(f"Bearer {token}".encode()))
        assert len(compared) == 3 and {len(digest) for digest in compared} == {32}


def test_a_key_that_was_made_a_moment_ago_opens_at_once() -> None:
    text = canary()
    keys: list[ClientKey] = []

    async def run() -> None:
        found = ring(lambda: keys)
        assert await found.find(digest_of(text)) is None
        keys.append(holder(text))
        assert await found.find(digest_of(text)) == keys[0]
    asyncio.run(run())


def test_guesses_share_one_reading_and_wait_for_it() -> None:
    reads = 0

    def read() -> list[ClientKey]:
        nonlocal reads
        reads += 1
        return []

    async def run() -> None:
        found = ring(read, rest=0.2)
        answers = await asyncio.gather(*(found.find(digest_of(str(number))) for number in range(100)))
        assert answers == [None] * 100
    asyncio.run(run())
    assert reads == 2, "the first one, and one for all guesses"


def test_a_revoked_key_is_refused_when_the_keys_were_read_again() -> None:
    text = canary()
    keys = [holder(text)]

    async def run() -> None:
        found = ring(lambda: keys, ttl=0.01, rest=0.0)
        assert await found.find(digest_of(text)) is not None and len(found) == 1
        keys.clear()
        task = asyncio.create_task(found.run())
        await until(lambda: len(found) == 0, "the keys are read again")
        task.cancel()
    asyncio.run(run())


def test_a_key_that_is_revoked_at_once_is_refused_without_waiting_for_the_ttl() -> None:
    text, clock = canary(), Clock()
    keys, revision, asked = [holder(text)], 0, 0

    def revised() -> int:
        nonlocal asked
        asked += 1
        return revision

    async def run() -> None:
        nonlocal revision
        found = ring(lambda: keys, ttl=1e9, rest=1.0, clock=clock, revision=revised)
        for _ in range(3):
            clock.now += 0.5
            assert await found.find(digest_of(text)) is not None
        keys.clear()
        assert await found.find(digest_of(text)) is not None, "nobody said that it was revoked at once"
        assert asked == 3, "with the keys, and once a second at most"
        revision += 1
        clock.now += 1.0
        assert await found.find(digest_of(text)) is None
    asyncio.run(run())


def test_a_database_that_cannot_say_whether_keys_were_revoked_stops_nobody() -> None:
    text, clock, fails = canary(), Clock(), False
    release = threading.Event()

    def revised() -> int:
        if fails:
            release.wait(20)
            raise GatewayError("the database is away")
        return 0

    async def run() -> None:
        nonlocal fails
        found = ring(lambda: [holder(text)], clock=clock, revision=revised)
        fails = True
        clock.now += 1.0
        assert await found.find(digest_of(text)) is not None, "while it hangs"
        release.set()
        clock.now += 1.0
        assert await found.find(digest_of(text)) is not None, "after it failed"
    asyncio.run(run())


def test_a_database_that_fails_leaves_the_keys_as_they_were_and_is_told_once() -> None:
    text, said, clock = canary(), Said(), Clock()
    fails = False

    def read() -> list[ClientKey]:
        if fails:
            raise GatewayError("the database is locked")
        return [holder(text)]

    async def run() -> None:
        nonlocal fails
        found = ring(read, tell=said, clock=clock)
        fails = True
        for _ in range(3):
            clock.now += 2.0
            await found.refresh()
        assert await found.find(digest_of(text)) is not None
        fails = False
        clock.now += 2.0
        await found.refresh()
    asyncio.run(run())
    assert said.lines == [("keys", "the database is locked; the client keys stay as they were read last"),
                          ("keys_read", "the client keys are read again")]


def test_the_number_of_keys_is_that_of_the_usable_ones() -> None:
    ended = holder("old", revoked_at=datetime.now(timezone.utc))
    assert (len(ring(lambda: [])), len(ring(lambda: [ended])), len(ring(lambda: [ended, holder("new")]))) == (0, 0, 1)
