"""The gate of a worker: what a request and its calls take, what they wait for, and what they give back."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.hooks import limits as gates
from src.hooks.callback_limits import retry_after, tell_limits, within_limits
from src.hooks.callback_walk import Progress
from src.hooks.errors_out import Refusal
from src.hooks.guard_body import ClientGone
from src.hooks.limits import MET, REFUSED, Gate, limit_headers, used
from src.hooks.limits_counting import Ask, Counting
from src.hooks.limits_line import LineFull, Lines
from src.hooks.limits_room import LimitReached, Need, Room
from src.policy.chains import Failure, Step, Walk
from src.policy.client_keys import ClientKey, digest_of
from src.policy.limits import Charge, Limit, Rule, charges
from src.store.counters import Held
from src.store.migrate import ensure_schema

from .limits_support import MODELS, counting_in, deployment, gate_of, go_through, request, stays
from .store_support import fresh_store

DAILY = Limit("daily", "model", "gpt-5", rpd=1, action="reject")
HOLD = Limit("hold", "model", "gpt-5", backoff="exponential", backoff_s=30.0, action="reject")


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    with fresh_store("sqlite", tmp_path) as store:
        ensure_schema(store)
        with counting_in(store.database) as found:
            yield found


async def counted(gate: Gate, *limits: Limit, subject: str = "gpt-5") -> list[int]:
    """Return what the counters of a subject hold, after everything before has been written."""
    wanted: list[Charge] = charges([Rule(limit, subject) for limit in limits], 0, 0, time.time())
    outcome = await gate.counting.take(Ask(wanted))
    return [outcome.used[one.key] - one.amount * outcome.complete for one in wanted]


def test_a_request_that_nothing_limits_touches_no_counter() -> None:
    class Untouched(Counting):
        async def take(self, ask: Ask) -> Any:
            raise AssertionError("nothing is to be counted")

    async def scenario() -> None:
        gate = gate_of(Untouched(None), Limit("other", "model", "free", rpm=1))
        record = request()
        await go_through(gate, record)
        gate.observe(record)
        assert limit_headers(record) == [] and record.extra.keys() <= {"size"}

    asyncio.run(scenario())


def test_a_call_beyond_the_limit_is_refused_and_named(counting: Counting) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, DAILY)
        first, second = request(), request()
        await go_through(gate, first)
        assert dict(limit_headers(first))[b"x-ratelimit-remaining-requests"] == b"0"
        with pytest.raises(LimitReached) as reached:
            await go_through(gate, second)
        refusal = second.extra[REFUSED]
        assert (refusal.status, refusal.code, second.extra[MET]) == (429, "rate_limited", {"daily"})
        assert abs(int(refusal.retry_after) - (86_400 - time.time() % 86_400)) < 3
        assert (reached.value.gateway_kind, reached.value.status_code, reached.value.moves_on) == ("limit", 429, False)

    asyncio.run(scenario())


@pytest.mark.parametrize(("action", "moves_on"), [("reject", False), ("fallback", True), ("wait", True)])
def test_what_becomes_of_a_chain_is_the_limits_action(counting: Counting, action: str, moves_on: bool) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, Limit("daily", "model", "gpt-5", rpd=1, action=action))
        gates.install(gate)
        first = request()
        step = Step("gpt-5", 1)
        await gate.call(first, [deployment()])
        progress = Progress(Walk("both", (step,)), step)
        with pytest.raises(LimitReached) as reached:
            await within_limits(request(), progress, [deployment()])
        assert reached.value.moves_on is moves_on and (progress.stopped is None) is moves_on

    try:
        asyncio.run(scenario())
    finally:
        gates.install(None)


def test_without_a_gate_or_a_request_nothing_is_limited() -> None:
    listed = [deployment()]
    assert asyncio.run(within_limits(request(), None, listed)) is listed
    gates.install(gate_of(Counting(None), DAILY))
    try:
        assert asyncio.run(within_limits(None, None, listed)) is listed
    finally:
        gates.install(None)
    tell_limits(request(), Failure("status", 429), ValueError())


def test_limits_of_keys_tiers_and_users_count_client_requests(counting: Counting) -> None:
    grant = ClientKey("ann", digest_of("x"), tier="gold", rpd=2)
    limits = (Limit("tier", "tier", "gold", rpd=3), Limit("user", "user", "*", rpd=1, action="reject"))

    async def scenario() -> None:
        gate = gate_of(counting, *limits)
        gate.keys.take([grant])
        for user in ("bob", "eve"):
            await gate.enter(request(user=user, grant=grant), b"{}", False, stays)
        with pytest.raises(Refusal, match=r"\(limit keys/ann\)"):
            await gate.enter(request(user="dan", grant=grant), b"{}", False, stays)
        with pytest.raises(Refusal, match=r"user bob \(limit user\)"):
            await gate.enter(request(user="bob"), b"{}", False, stays)
        await gate.enter(request(user=None), b"{}", False, stays)

    asyncio.run(scenario())


@pytest.mark.parametrize(("fields", "tokens", "micros"), [
    ({"prompt_tokens": 3, "completion_tokens": 4, "cost_micros": 7}, 7, 7),
    ({"error_type": "upstream_error"}, 0, 0),
    ({"status": 200}, None, None),
    ({"error_type": "client_gone", "client_gone": True}, None, None),
    ({"error_type": "stream_error", "first_byte_ns": 1}, None, None),
    ({"route": "count_tokens"}, 0, 0),
])
def test_what_a_request_used_is_known_zero_for_failures_or_unknown(fields, tokens, micros) -> None:
    record = request()
    for name, value in fields.items():
        setattr(record, name, value)
    assert used(record) == (tokens, micros)


def test_tokens_and_money_are_settled_when_the_request_ends(counting: Counting) -> None:
    limit = Limit("sized", "model", "gpt-5", tpd=10_000, budget_micros=10_000)
    grant = ClientKey("ann", digest_of("x"), tpd=10_000)

    async def scenario() -> None:
        gate = gate_of(counting, limit)
        gate.keys.take([grant])
        record = request(grant=grant)
        await go_through(gate, record, b'{"max_tokens": 500}')
        assert await counted(gate, limit) == [505, 505]
        record.prompt_tokens, record.completion_tokens, record.cost_micros = 6, 4, 3
        gate.observe(record)
        assert grant.limit is not None
        assert await counted(gate, limit) == [10, 3] and await counted(gate, grant.limit, subject="ann") == [10]

    asyncio.run(scenario())


def test_a_call_that_fails_gives_back_its_tokens_and_not_its_attempt(counting: Counting) -> None:
    limit = Limit("sized", "model", "gpt-5", rpd=10, tpd=10_000)

    async def scenario() -> None:
        gate = gate_of(counting, limit)
        gates.install(gate)
        record = request()
        await go_through(gate, record)
        tell_limits(record, Failure("status", 500), ValueError())
        await gate.call(record, [deployment()])
        await gate.call(record, [deployment("free")])
        gate.observe(record)
        assert await counted(gate, limit) == [2, 0]

    try:
        asyncio.run(scenario())
    finally:
        gates.install(None)


def test_answers_are_taken_to_be_as_long_as_usual(counting: Counting) -> None:
    limit = Limit("sized", "model", "gpt-5", tpd=10_000)

    async def scenario() -> None:
        gate = gate_of(counting, limit)
        gate.usual = {"gpt5": 77}
        await go_through(gate, request(), b"{}")
        assert gate.sized == ["gpt5"] and await counted(gate, limit) == [78]

    asyncio.run(scenario())


@pytest.mark.parametrize(("limit", "alias", "name"), [
    (Limit("m", "model", "free", budget_micros=5), "free", "free"),
    (Limit("u", "user", "*", budget_micros=5), "free", ""),
    (Limit("u", "user", "*", budget_micros=5), "unknown", ""),
])
def test_no_budget_is_kept_by_guessing_a_price(counting: Counting, limit: Limit, alias: str, name: str) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, limit)
        record = request(alias, user="bob")
        with pytest.raises((Refusal, LimitReached)) as refused:
            await go_through(gate, record, name=name)
        refusal = refused.value.refusal() if isinstance(refused.value, LimitReached) else refused.value
        assert isinstance(refusal, Refusal) and (refusal.status, refusal.code) == (403, "unpriced_model")

    asyncio.run(scenario())


def test_a_spent_budget_is_no_limit_to_wait_for(counting: Counting) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, Limit("month", "model", "gpt-5", budget_micros=5))
        await go_through(gate, request())
        with pytest.raises(LimitReached) as reached:
            await go_through(gate, request())
        assert (reached.value.gateway_kind, reached.value.moves_on) == ("budget", True)
        assert reached.value.refusal().code == "budget"

    asyncio.run(scenario())


def test_one_of_several_deployments_that_has_room_is_called(counting: Counting) -> None:
    models = [dict(MODELS[0], key=name, deployment=name, rpd=1) for name in ("one", "two")]

    async def scenario() -> None:
        gate = gate_of(counting, models=models)
        assert gate.limits_calls
        called = [await gate.call(request(), [deployment("one"), deployment("two")]) for _ in range(2)]
        assert sorted(found[0]["model_info"]["id"] for found in called) == ["one", "two"]
        with pytest.raises(LimitReached):
            await gate.call(request(), [deployment("one"), deployment("two")])
        listed = [deployment("three")]
        assert await gate.call(request(), listed) is listed

    asyncio.run(scenario())


def failed(gate: Gate, record: Any, after: float | None = None) -> None:
    gate.failed(record, 429, after)


def test_a_429_holds_back_the_model_longer_each_time_and_an_answer_ends_it(counting: Counting) -> None:
    async def seconds(gate: Gate) -> int:
        record = request()
        with pytest.raises(LimitReached):
            await gate.call(record, [deployment()])
        return int(record.extra[REFUSED].retry_after)

    async def scenario() -> None:
        gate = gate_of(counting, HOLD)
        record = request()
        await gate.call(record, [deployment()])
        failed(gate, record)
        failed(gate, record)
        assert 28 <= await seconds(gate) <= 30
        Room(counting).hold_back("gpt5", HOLD, 3, None)
        assert 118 <= await seconds(gate) <= 120
        Room(counting).hold_back("gpt5", HOLD, 9, 4000.0)
        assert 298 <= await seconds(gate) <= 300
        counting.post(lambda counters: counters.hold("gpt5", Held(0, 9)))
        answered = request()
        await gate.call(answered, [deployment()])
        gate.observe(answered)
        assert (await counting.take(Ask([], "gpt5"))).held is None

    asyncio.run(scenario())


def test_a_last_429_is_noticed_at_the_end_too(counting: Counting) -> None:
    from src.hooks.record import Attempt

    async def scenario() -> None:
        gate = gate_of(counting, HOLD)
        record = request()
        await gate.call(record, [deployment()])
        record.attempts.append(Attempt("gpt5", status=429))
        gate.observe(record)
        assert (await counting.take(Ask([], "gpt5"))).held is not None

    asyncio.run(scenario())


def told_by_litellm(headers: dict[str, str] | None) -> Exception:
    """Return an error as LiteLLM tells it: with the upstream's headers, and without its response."""
    error = ValueError()
    error.litellm_response_headers = headers  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(("failure", "seconds"), [
    (Failure("status", 429), 200), (Failure("status", 500), None), (Failure("timeout", 408), None),
    (Failure("limit", 429), None), (Failure("connection"), None),
])
def test_only_an_upstreams_own_429_holds_back_its_model_as_long_as_it_asked(
        failure: Failure, seconds: int | None, counting: Counting) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, HOLD)
        gates.install(gate)
        record, later = request(), request()
        await gate.call(record, [deployment()])
        tell_limits(record, failure, told_by_litellm({"retry-after": "200"}))
        if seconds is None:
            assert await gate.call(later, [deployment()]) == [deployment()]
            return
        with pytest.raises(LimitReached):
            await gate.call(later, [deployment()])
        assert seconds - 2 <= int(later.extra[REFUSED].retry_after) <= seconds

    try:
        asyncio.run(scenario())
    finally:
        gates.install(None)


@pytest.mark.parametrize(("error", "seconds"), [
    (ValueError(), None),
    (httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://x"),
                           response=httpx.Response(429, headers={"Retry-After": "2.5"})), 2.5),
    (httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://x"),
                           response=httpx.Response(429, headers={"Retry-After": "tomorrow"})), None),
    (told_by_litellm({"retry-after": "7"}), 7.0), (told_by_litellm({"retry-after": "1.2.3"}), None),
    (told_by_litellm(None), None),
])
def test_the_upstreams_retry_after_is_read(error, seconds) -> None:
    assert retry_after(error) == seconds


def test_who_waits_gets_the_room_that_others_give_back_in_order(counting: Counting) -> None:
    limit = Limit("tokens", "user", "*", tpd=100, wait_s=20.0)
    order: list[int] = []

    async def scenario() -> None:
        gate = gate_of(counting, limit)
        first = request(user="bob")
        await gate.enter(first, b'{"max_tokens": 95}', False, stays)

        async def wait(number: int) -> None:
            own = request(user="bob")
            await gate.enter(own, b'{"max_tokens": 60}', False, stays)
            order.append(number)
            own.prompt_tokens = own.completion_tokens = 0
            gate.observe(own)

        tasks = []
        for number in range(3):
            tasks.append(asyncio.create_task(wait(number)))
            await asyncio.sleep(0)
        first.error_type = "upstream_error"
        await asyncio.sleep(0.05)
        assert order == []
        gate.observe(first)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert order == [0, 1, 2]


def test_a_client_that_leaves_leaves_the_line(counting: Counting) -> None:
    async def scenario() -> None:
        gate = gate_of(counting, Limit("tokens", "user", "*", tpd=10, wait_s=600.0))
        await gate.enter(request(user="bob"), b'{"max_tokens": 9}', False, stays)

        async def leaves() -> Any:
            return {"type": "http.disconnect"}

        with pytest.raises(ClientGone):
            await gate.enter(request(user="bob"), b'{"max_tokens": 9}', False, leaves)
        await asyncio.sleep(0)
        assert not gate._room._lines.busy("row tokens bob")

    asyncio.run(scenario())


def test_patience_ends_with_the_limits_own_message(counting: Counting) -> None:
    limit = Limit("tokens", "user", "*", tpd=10, wait_s=0.3)

    async def scenario() -> None:
        gate = gate_of(counting, limit)
        await gate.enter(request(user="bob"), b'{"max_tokens": 9}', False, stays)
        waiting = [gate.enter(request(user="bob"), b'{"max_tokens": 9}', False, stays) for _ in range(2)]
        for found in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(found, Refusal) and "10 tokens per day" in found.message

    asyncio.run(scenario())


def test_a_line_is_bounded_and_those_who_cannot_wait_do_not_join(counting: Counting) -> None:
    limit = Limit("tokens", "user", "*", tpd=10, wait_s=5.0)

    async def scenario() -> None:
        room = Room(counting, Lines(1))
        await room.take(Need((Rule(limit, "bob"),), 10))
        head = asyncio.create_task(room.take(Need((Rule(limit, "bob"),), 10)))
        while not room._lines.busy("row tokens bob"):
            await asyncio.sleep(0.01)
        for patient in (True, False):
            with pytest.raises(LimitReached, match="too many requests wait already"):
                await room.take(Need((Rule(limit, "bob"),), 10, patient=patient))
        head.cancel()

    asyncio.run(scenario())


def test_lines_exist_while_somebody_waits() -> None:
    async def scenario() -> None:
        lines, clock = Lines(1), asyncio.get_running_loop()
        async with lines.turn("a", clock.time() + 1):
            assert lines.busy("a") and not lines.busy("b")
            with pytest.raises(LineFull):
                async with lines.turn("a", clock.time() + 1):
                    raise AssertionError
        assert not lines.busy("a")

    asyncio.run(scenario())


def test_keys_are_read_again_where_some_were_revoked_at_once(counting: Counting) -> None:
    grant = ClientKey("ann", digest_of("x"), rpd=5)

    async def scenario() -> None:
        gate = gate_of(counting)
        gate.keys.take([grant])
        gate.revision = 0
        left = [[grant], []]

        async def read_again() -> None:
            gate.keys.take(left.pop(0))

        gate.reload = read_again
        await gate.enter(request(grant=grant), b"{}", False, stays)
        assert len(left) == 2, "nothing was revoked"
        counting.post(lambda counters: counters.revoke_now())
        await gate.enter(request(grant=grant), b"{}", False, stays)
        with pytest.raises(Refusal) as refused:
            await gate.enter(request(grant=grant), b"{}", False, stays)
        assert refused.value.status == 401

    asyncio.run(scenario())


@pytest.mark.parametrize(("left", "status"), [(True, 429), (False, 401)])
def test_a_key_that_is_revoked_at_once_is_wrong_before_its_limit_is_reached(
    left: bool, status: int, counting: Counting
) -> None:
    grant = ClientKey("ann", digest_of("x"), rpd=1)

    async def scenario() -> None:
        gate = gate_of(counting)
        gate.keys.take([grant])
        gate.revision = 0

        async def read_again() -> None:
            gate.keys.take([grant] if left else [])

        gate.reload = read_again
        await gate.enter(request(grant=grant), b"{}", False, stays)
        counting.post(lambda counters: counters.revoke_now())
        with pytest.raises(Refusal) as refused:
            await gate.enter(request(grant=grant), b"{}", False, stays)
        assert refused.value.status == status

    asyncio.run(scenario())
