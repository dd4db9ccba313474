"""What limits mean: windows, headroom, whom they count for, and what clients are told."""

from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.limits import (Charge, Limit, LimitSet, Reached, Rule, amount_text, charges, dollars_text, duration,
                               headers, limits_of, reached, window_of)


@dataclass(frozen=True)
class Model:
    key: str = "gpt5"
    alias: str = "gpt-5"
    provider: str | None = "openai"
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def charged(limit: Limit, tokens: int = 0, micros: int = 0, when: float = 0.0) -> list[Charge]:
    return charges([Rule(limit, limit.target)], tokens, micros, when)


@pytest.mark.parametrize(("period", "moment", "zone", "start", "end"), [
    ("minute", "2026-02-28T23:59:59+00:00", None, "2026-02-28T23:59:00+00:00", "2026-03-01T00:00:00+00:00"),
    ("day", "2026-02-28T23:59:59+00:00", None, "2026-02-28T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
    ("month", "2026-12-31T12:00:00+00:00", None, "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ("day", "2026-07-01T06:59:00+00:00", "America/Los_Angeles", "2026-06-30T07:00:00+00:00",
     "2026-07-01T07:00:00+00:00"),
    ("day", "2026-03-08T20:00:00+00:00", "America/Los_Angeles", "2026-03-08T08:00:00+00:00",
     "2026-03-09T07:00:00+00:00"),
    ("month", "2026-01-01T03:00:00+00:00", "Asia/Tokyo", "2025-12-31T15:00:00+00:00", "2026-01-31T15:00:00+00:00"),
])
def test_windows_are_calendar_windows(period, moment, zone, start, end) -> None:
    assert window_of(period, at(moment), zone) == (at(start), at(end))


@given(st.floats(0, 4e9), st.sampled_from(["minute", "day", "month"]), st.sampled_from([None, "Europe/Berlin"]))
def test_every_moment_is_inside_its_window(moment, period, zone) -> None:
    window = window_of(period, moment, zone)
    assert window.start <= moment < window.end


@pytest.mark.parametrize(("stated", "headroom", "cap"), [(100, 0, 100), (100, 10, 90), (6000, 5, 5700), (1, 99, 1),
                                                         (3, 50, 1), (10**12, 1, 990_000_000_000)])
def test_headroom_stays_unused_and_always_leaves_one(stated, headroom, cap) -> None:
    assert [one.cap for one in charged(Limit("a", "model", "m", rpm=stated, headroom=headroom))] == [cap]


def test_a_call_is_charged_to_every_number_of_a_limit() -> None:
    limit = Limit("a", "model", "m", 1, 20, 3, 4000, budget_micros=50)
    found = {one.measure.field: (one.amount, one.cap, one.ceiling) for one in charged(limit, 100, 70)}
    assert found == {"rpm": (1, 1, 1), "tpm": (20, 20, 20), "rpd": (1, 3, 3), "tpd": (100, 4000, 4000),
                     "budget_micros": (70, 50, 119)}


def test_a_budget_lets_in_while_something_of_it_is_left() -> None:
    charge, = charged(Limit("a", "model", "m", budget_micros=50), micros=1000)
    assert reached([charge], {charge.key: 49}) == []
    assert [one.used for one in reached([charge], {charge.key: 50})] == [50]


def test_the_limit_that_resets_last_is_told() -> None:
    found = reached(charged(Limit("a", "model", "m", rpm=1, rpd=1)), {
        one.key: 1 for one in charged(Limit("a", "model", "m", rpm=1, rpd=1))})
    assert [one.charge.measure.field for one in found] == ["rpd", "rpm"]


def test_a_client_is_told_the_limit_and_when_it_resets() -> None:
    when = at("2026-11-21T06:41:43.5+00:00")
    one = Reached(charged(Limit("free", "model", "gpt-5", rpm=20), when=when)[0], 20)
    assert one.retry_after(when) == 17
    assert one.message(when) == ("Rate limit reached: 20 requests per minute for model gpt-5 (limit free). "
                                 "It resets at 2026-11-21T06:42:00Z, in 17 s.")
    spent = Reached(charged(Limit("m", "key", "ann", budget_micros=5_250_000), when=when)[0], 6_000_000)
    assert spent.message(when).startswith("Budget spent: $5.25 per month for key ann (limit m). "
                                          "It resets at 2026-12-01T00:00:00Z")
    assert amount_text(one.charge.measure, 3) == "3 requests per minute"


def test_a_small_amount_of_money_is_not_told_as_nothing() -> None:
    assert [dollars_text(micros) for micros in (0, 140, 1000, 5_250_000, 20_001_500)] == [
        "$0.00", "$0.00014", "$0.001", "$5.25", "$20.0015"]


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1s"), (17, "17s"), (360, "6m0s"), (86_339.5, "23h59m0s"),
                                               (-5, "0s"), (3600, "1h0m0s")])
def test_durations_are_written_as_openai_does(seconds, text) -> None:
    assert duration(seconds) == text


def test_headers_tell_the_tightest_limit_of_requests_and_tokens_and_no_money() -> None:
    limit = Limit("a", "model", "m", rpm=10, rpd=12, tpm=100, budget_micros=9)
    used = {"rpm": 3, "rpd": 11, "tpm": 120, "budget_micros": 5}
    found = dict(headers([(one, used[one.measure.field]) for one in charged(limit, when=30.0)], 30.0))
    assert found == {b"x-ratelimit-limit-requests": b"12", b"x-ratelimit-remaining-requests": b"1",
                     b"x-ratelimit-reset-requests": b"23h59m30s", b"x-ratelimit-limit-tokens": b"100",
                     b"x-ratelimit-remaining-tokens": b"0", b"x-ratelimit-reset-tokens": b"30s"}


def names(rules) -> list[tuple[str, str]]:
    return [(rule.limit.name, rule.subject) for rule in rules]


def test_a_call_meets_the_limits_of_its_model_and_its_provider() -> None:
    limits = LimitSet((Limit("alias", "model", "gpt-5", 1), Limit("key", "model", "gpt5", 1),
                       Limit("each", "model", "*", 1), Limit("other", "model", "grok", 1),
                       Limit("openai", "provider", "openai", 1), Limit("groq", "provider", "groq", 1),
                       Limit("ann", "user", "ann", 1)))
    assert names(limits.of_attempt(Model(rpm=5))) == [
        ("MODEL_GPT5", "gpt5"), ("alias", "gpt-5"), ("key", "gpt-5"), ("each", "gpt-5"), ("openai", "openai")]
    assert names(LimitSet().of_attempt(Model())) == []
    assert names(LimitSet((Limit("p", "provider", "x", 1),)).of_attempt(Model(provider=None))) == []


def test_a_request_meets_the_limits_of_its_key_tier_and_user() -> None:
    limits = LimitSet((Limit("keys", "key", "*", 1), Limit("ann", "user", "ann", 1), Limit("gold", "tier", "gold", 1),
                       Limit("model", "model", "*", 1)))
    assert names(limits.of_request(key="k", tier="gold", user="bob")) == [("keys", "k"), ("gold", "gold")]
    assert names(limits.of_request(key=None, tier=None, user="ann")) == [("ann", "ann")]
    assert limits.of_requests and not LimitSet((Limit("m", "model", "*", 1),)).of_requests


def test_days_of_a_provider_end_where_the_operator_says() -> None:
    zones = {"openai": "Asia/Tokyo"}
    limits = LimitSet((Limit("a", "provider", "openai", rpd=1),
                       Limit("b", "provider", "openai", rpd=1, reset_zone="UTC")), zones)
    own, row, said = limits.of_attempt(Model(rpd=1))
    assert [rule.limit.reset_zone for rule in (own, row, said)] == ["Asia/Tokyo", "Asia/Tokyo", "UTC"]


def test_counters_of_different_limits_and_subjects_never_meet() -> None:
    limits = [Limit("a", "user", "*", rpm=1), Limit("a", "model", "x", rpm=1, origin="env"),
              Limit("keys/a", "key", "0" * 16, rpm=1, origin="key")]
    keys = {one.key for limit in limits for subject in ("x", "b x", "")
            for one in charges([Rule(limit, subject)], 0, 0, 0)}
    assert len(keys) == 7, "a key's counter is that of its digest, whatever it is called"


def test_only_active_rows_limit_anything() -> None:
    rows = [{"name": "a", "scope": "model", "target": "m", "rpm": 5, "tpm": None, "active": True, "id": 1},
            {"name": "b", "scope": "model", "target": "m", "active": False}]
    assert limits_of(rows) == (Limit("a", "model", "m", rpm=5),)
