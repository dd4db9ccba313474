"""When the gateway is asked for its models, how old a list may be, and how often trouble is told."""

import asyncio
from collections.abc import Sequence

import pytest

from src.discovery.answers import Encoded
from src.discovery.catalogue import Catalogue, Complaints
from src.discovery.gateway import Listed
from src.discovery.reasons import Away

from .discovery_support import Clock, Said

AWAY, DENIED = Away("connection refused"), Away("it refuses the key (401)", kind="unauthorized")
Step = Exception | tuple[str, ...]


class Scripted:
    """Gives one answer after another, the last one again and again."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)

    async def __call__(self) -> tuple[Listed, ...]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return tuple(map(Listed, step))


def catalogue(clock: Clock, said: Said, *steps: Step, ttl: float = 300.0) -> Catalogue:
    return Catalogue(Scripted(*steps), [Listed("declared")], ttl, said, clock)


def pauses(steps: Sequence[Step], ttl: float = 300.0) -> list[float]:
    """Return how long is waited after each attempt."""
    found = catalogue(Clock(), Said(), *steps, ttl=ttl)

    async def run() -> list[float]:
        waits = []
        for _ in steps:
            await found.refresh()
            waits.append(found.pause)
        return waits
    return asyncio.run(run())


@pytest.mark.parametrize(("steps", "ttl", "expected"), [
    ([("a",), ("a",)], 300.0, [300.0, 300.0]),
    ([AWAY] * 6, 300.0, [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]),
    ([AWAY, AWAY, ("a",), DENIED], 300.0, [0.5, 1.0, 300.0, 0.5]),
    ([AWAY] * 4, 0.7, [0.5, 0.7, 0.7, 0.7]),
])
def test_after_a_failure_the_gateway_is_asked_again_soon_after_success_when_the_ttl_is_over(
        steps: Sequence[Step], ttl: float, expected: list[float]) -> None:
    assert pauses(steps, ttl) == expected


def test_the_age_is_that_of_the_list_and_a_list_older_than_its_ttl_is_stale() -> None:
    clock = Clock()
    found = catalogue(clock, Said(), ("a",), AWAY, ("a",))
    seen = []

    async def run() -> None:
        for seconds in (300.0, 0.9, 0.2):
            seen.append((found.state, found.headers()))
            await found.refresh()
            clock.now += seconds
            seen.append((found.state, found.headers()))
    asyncio.run(run())
    failed = {"age": "300", "warning": '111 litellm-gateway "Revalidation Failed"'}
    assert seen == [
        ("unasked", {"warning": '199 litellm-gateway "Configured, not confirmed by the gateway"'}),
        ("ok", {"age": "300"}), ("ok", {"age": "300"}), ("away", failed), ("away", failed), ("ok", {"age": "0"})]
    clock.now += 300.0
    assert found.headers() == {"age": "300", "warning": '110 litellm-gateway "Response is Stale"'}


@pytest.mark.parametrize(("before", "after", "line"), [
    (("a", "b"), ("a", "b"), None), (("a",), ("a", "b"), "2 models from the gateway: + b"),
    (("a", "b"), ("b",), "1 models from the gateway: - a"),
    (("a", "b"), ("c",), "1 models from the gateway: + c, - a, - b"),
    (("a", "b"), ("b", "a"), "2 models from the gateway: none came or went"),
    (("a", "a"), ("a", "a"), None),
    (("a",), ("a", *map(str, range(30))), "31 models from the gateway: " + ", ".join(f"+ {n}" for n in range(20))
     + ", and 10 more"),
    (("a",), (), "0 models from the gateway: - a"),
])
def test_the_log_says_what_changed(before: tuple[str, ...], after: tuple[str, ...], line: str | None) -> None:
    said = Said()
    found = catalogue(Clock(), said, before, after)

    async def run() -> None:
        await found.refresh()
        await found.refresh()
    asyncio.run(run())
    assert said.of("models")[1:] == ([] if line is None else [line])
    assert b'"data":[' in found.listing((), None) and found.size == len(set(after))


def test_a_gateway_without_models_is_believed_also_the_first_time() -> None:
    said = Said()
    found = catalogue(Clock(), said, ())
    asyncio.run(found.refresh())
    assert (found.size, found.state, found.headers()) == (0, "ok", {"age": "0"})
    assert said.of("models") == ["0 models from the gateway: none came or went"]


def test_trouble_is_told_once_a_minute_at_most_each_kind_and_its_end_once() -> None:
    clock, said = Clock(), Said()
    steps: list[Step] = [DENIED, DENIED, AWAY, DENIED, ("a",), ("a",), DENIED]
    found = catalogue(clock, said, *steps)

    async def run() -> None:
        for _ in steps:
            await found.refresh()
            clock.now += 10.0
        await found.refresh()  # a minute after the first one
    asyncio.run(run())
    assert [kind for kind, _ in said.lines] == ["unauthorized", "away", "answering", "models", "unauthorized"]
    assert said.of("unauthorized")[1].endswith("serving its list of 10 s ago, asking again")


def test_an_error_that_nobody_foresaw_ends_neither_the_list_nor_the_asking() -> None:
    said = Said()
    found = catalogue(Clock(), said, ("a",), ZeroDivisionError("secret"), ("a", "b"))

    async def run() -> None:
        for _ in range(3):
            await found.refresh()
            assert found.model("a") is not None
    asyncio.run(run())
    assert "asking it failed: ZeroDivisionError;" in said.of("away")[0] and "secret" not in said.of("away")[0]
    assert found.size == 2


def test_whoever_gives_up_waiting_does_not_stop_the_others_attempt() -> None:
    gate = asyncio.Event()

    async def fetch() -> tuple[Listed, ...]:
        await gate.wait()
        return (Listed("a"),)

    async def run() -> None:
        found = Catalogue(fetch, (), 300.0, Said())
        patient = asyncio.create_task(found.refresh())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(found.refresh(), 0.01)
        gate.set()
        await patient
        assert found.size == 1
    asyncio.run(run())


def test_lists_are_encoded_once_for_each_grant_and_their_number_is_bounded() -> None:
    asked: list[str] = []

    def may(name: str) -> bool:
        asked.append(name)
        return name != "b"
    encoded = Encoded([Listed("a"), Listed("b")])
    first = encoded.listing(("a",), may)
    assert encoded.listing(("a",), may) is first and asked == ["a", "b"]
    for number in range(2_000):
        encoded.listing((str(number),), may)
    assert len(encoded._lists) <= 256 and encoded.listing(("a",), may) == first


def test_complaints_of_a_quiet_time_are_told_at_once() -> None:
    clock, said = Clock(), Said()
    complaints = Complaints(said, clock)
    complaints.over("fine", "nothing was wrong")
    complaints.say("x", "one")
    clock.now += 59.9
    complaints.say("x", "two")
    clock.now += 0.1
    complaints.say("x", "three")
    assert said.lines == [("x", "one"), ("x", "three")]
