"""Each trial passes a gateway that behaves, and names what one does that does not."""

from typing import Any

import pytest

from src.rehearse import trials
from src.rehearse.judging import cases
from src.rehearse.results import Check

from .rehearse_support import staged, target

CHAIN = {"default": ("one", "two", "three"), "one": ("one",)}


def failed(told: list[Check], *words: str) -> None:
    """Check that there are failures and that they hold every one of ``words``."""
    text = "\n".join(f"{check.name} {check.subject}: {check.detail}" for check in told if check.outcome == "failed")
    assert text and [word for word in words if word not in text] == [], told


def passed(told: list[Check], *names: str) -> None:
    assert [(check.name, check.outcome) for check in told] == [(name, "passed") for name in names], told


def test_a_closed_gateway_passes() -> None:
    with staged() as (stage, told):
        trials.authentication(stage, ["one"], ["one", "two", "three"])
    passed(told, "auth")
    assert "3 aliases" in told[0].detail


@pytest.mark.parametrize(("wrong", "declared", "words"), [
    ({"open": True}, ["one", "two", "three"], ["without a key is answered 200, not 401", "reached the upstream"]),
    ({"listed": ("one", "other")}, ["one", "two"], ["not served: two", "but not declared: other"]),
])
def test_an_open_gateway_or_a_missing_alias_is_found(wrong: dict[str, Any], declared: list[str],
                                                     words: list[str]) -> None:
    with staged(**wrong) as (stage, told):
        trials.authentication(stage, ["one"], declared)
    failed(told, "auth", *words)


def test_answers_and_spaced_streams_pass() -> None:
    with staged() as (stage, told):
        trials.answers(stage, [target("one"), target("two", streams=False)])
    assert sorted((check.name, check.subject, check.outcome) for check in told) == [
        ("answers", "one", "passed"), ("answers", "two", "passed"), ("streams", "one", "passed")]


@pytest.mark.parametrize(("wrong", "words"), [
    ({"buffers": True}, ["streams one", "something buffers"]),
    ({"walks": {"one": ("two",)}}, ["asked two, declared one", "x-gateway-model says two"]),
    ({"upstream_key": "another"}, ["one was sent another key than its own"]),
    ({"most": 0}, ["answered 429"]),
])
def test_wrong_answers_are_found(wrong: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_GAPS", (0.02, 0.03))
    with staged(**wrong) as (stage, told):
        trials.answers(stage, [target("one")])
    failed(told, *words)


def test_what_a_flag_switches_off_is_not_rehearsed() -> None:
    with staged(switched_off=True) as (stage, told):
        trials.answers(stage, [target("one", streams=False)])
    assert [(check.outcome, check.detail) for check in told] == [
        ("skipped", "switched off by a flag of the registry")]


def test_chains_as_declared_pass() -> None:
    targets = [target("default", "one", "two", "three"), target("one")]
    with staged(walks=CHAIN) as (stage, told):
        trials.chains(stage, targets)
        # 429 and 500 at each of three places, a timeout, a stream; and three for the model alone.
        assert len(stage.client.answers) == 8 + 3
        assert len(stage.mock.faults) == 0
    passed(told, "chain", "chain")


@pytest.mark.parametrize(("walks", "on", "words"), [
    ({"default": ("one", "three", "two")}, ("error",), ["asked one -> three, declared one -> two"]),
    ({"default": ("one",)}, ("error",), ["500 from one: asked one, declared one -> two"]),
    ({"default": ("one", "two", "three")}, ("rate_limit",), ["timeout from one: asked one, declared one -> two"]),
], ids=["order", "no fallback", "trigger"])
def test_a_wrong_chain_is_found(walks: dict[str, tuple[str, ...]], on: tuple[str, ...], words: list[str]) -> None:
    with staged(walks=walks, on=on) as (stage, told):
        trials.chains(stage, [target("default", "one", "two", "three")])
    failed(told, "chain default", *words)


def test_a_chain_stops_where_its_reasons_end() -> None:
    with staged(walks=CHAIN, on=("rate_limit",)) as (stage, told):
        trials.chains(stage, [target("default", "one", "two", "three", on=("rate_limit",))])
    passed(told, "chain")


def test_faults_that_would_disturb_each_other_run_apart() -> None:
    apart = cases(target("default", "one", "two")) + cases(target("three"))
    groups = trials.batches(apart)
    assert sorted(case.text for group in groups for case in group) == sorted(case.text for case in apart)
    for group in groups:
        for case in group:
            others = {alias for other in group if other is not case for alias in other.target.walk}
            assert not set(case.failing) & others
    assert max(map(len, groups)) == 2


@pytest.mark.parametrize(("wrong", "words"), [
    ({"most": 2}, []),
    ({}, ["5 requests passed, none was refused"]),
    ({"most": 2, "retry_after": ""}, ["the 429 has no Retry-After"]),
    ({"most": 2, "retry_after": "soon"}, ["the 429 has Retry-After soon"]),
    ({"most": 0}, ["the first request was refused already"]),
])
def test_limits_must_refuse_with_retry_after(wrong: dict[str, Any], words: list[str]) -> None:
    with staged(**wrong) as (stage, told):
        trials.limits(stage, [target("one", limited=True)])
    if words:
        failed(told, "limits one", *words)
    else:
        passed(told, "limits")
        assert told[0].detail == "429 after 2 requests, Retry-After 30"


def test_a_limit_that_leads_to_the_fallback_passes() -> None:
    with staged(walks={"default": ("two",)}) as (stage, told):
        trials.limits(stage, [target("default", "one", "two", limited=True)])
    assert [(check.outcome, check.detail) for check in told] == [("passed", "two answered once one might not")]


ROWS: dict[str, list[dict[str, Any]]] = {
    "endpoints": [{"slug": "sum", "target": "one", "path": "/chat/completions"},
                  {"slug": "plain", "target": "one", "path": "/chat/completions"},
                  {"slug": "lost", "target": "nobody", "path": "/chat/completions"}],
    "prompts": [{"slug": "p", "version": 1, "active": True, "endpoint": "sum", "system_prompt": None,
                 "user_template": "Text: {{text}}"}],
}


@pytest.mark.parametrize("fills", [True, False])
def test_templates_must_arrive_filled(fills: bool) -> None:
    with staged(fills=fills, walks={"sum": ("one",), "plain": ("one",)}) as (stage, told):
        trials.templates(stage, ROWS, [target("one")])
    by_name = {check.subject: (check.name, check.outcome) for check in told}
    assert by_name == {"sum": ("template", "passed" if fills else "failed"), "plain": ("endpoint", "passed"),
                       "lost": ("endpoint", "skipped")}
    if not fills:
        failed(told, "the upstream did not get 'Text: value of text'")


def test_an_endpoint_that_does_not_answer_is_found() -> None:
    with staged(most=0) as (stage, told):
        trials.templates(stage, {"endpoints": ROWS["endpoints"][:1]}, [target("one")])
    failed(told, "endpoint sum", "answered 429")


@pytest.mark.parametrize("leaks", [True, False])
def test_a_key_that_an_upstream_repeats_is_searched_for(leaks: bool) -> None:
    with staged(leaks=leaks) as (stage, _):
        assert trials.secrets(stage, [target("one")], stage.mock.url) == []
        told = [(answer.marker, answer.text.encode()) for answer in stage.client.answers]
    assert bool(stage.canaries.found_in(told)) == leaks


@pytest.mark.parametrize("tells", [True, False])
def test_an_upstreams_address_must_not_be_told(tells: bool) -> None:
    with staged(tells_address=tells) as (stage, _):
        found = trials.secrets(stage, [target("one")], stage.mock.url.removesuffix("/v1"))
        assert [problem.endswith("was told the upstream's address") for problem in found] == [True, True] * tells
