"""Which models are tried for an alias, in which order, and which failure moves a request on."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.chains import Failure, Kind, Step, Walk, decide, moves_on, plan_walks


@dataclass(frozen=True)
class Model:
    key: str
    alias: str
    fallbacks: tuple[str, ...] = ()
    retries: int | None = None


@dataclass(frozen=True)
class Chain:
    key: str
    alias: str
    models: tuple[str, ...]
    on: tuple[str, ...] = ("error", "rate_limit")


def tried(walk: Walk) -> list[str]:
    """Return the aliases of a walk; a retry carries its number."""
    return [step.alias + (f"#{step.retry}" if step.retry else "") for step in walk.steps]


VLLM, OLLAMA, OPENAI = Model("vllm", "qwen"), Model("ollama", "llama", retries=0), Model("openai", "gpt-5")


def test_a_chain_tries_its_members_in_order_without_retries() -> None:
    walk = plan_walks([VLLM, OLLAMA, OPENAI], [Chain("default", "any", ("vllm", "ollama", "openai"))])["any"]
    assert tried(walk) == ["qwen", "llama", "gpt-5"]
    assert (walk.chain, walk.models, [step.position for step in walk.steps]) == ("default", 3, [1, 2, 3])


def test_a_parallel_model_is_retried_once_and_falls_back_to_nothing() -> None:
    walk = plan_walks([VLLM, OPENAI], [])["gpt-5"]
    assert (tried(walk), walk.chain, walk.models) == (["gpt-5", "gpt-5#1"], None, 1)


@pytest.mark.parametrize(("retries", "alone", "in_chain"), [
    (None, ["a", "a#1"], ["a", "b"]),
    (0, ["a"], ["a", "b"]),
    (2, ["a", "a#1", "a#2"], ["a", "a#1", "a#2", "b"]),
])
def test_declared_retries_hold_in_chains_and_outside(retries: int | None, alone: list[str], in_chain: list[str]
                                                     ) -> None:
    walks = plan_walks([Model("a", "a", retries=retries), Model("b", "b", retries=0)], [Chain("c", "c", ("a", "b"))])
    assert (tried(walks["a"]), tried(walks["c"])) == (alone, in_chain)


def test_fallbacks_follow_when_a_model_is_asked_by_name_and_not_inside_a_chain() -> None:
    models = [Model("a", "a", ("b", "c"), 0), Model("b", "b", ("d",), 0), Model("c", "c"), Model("d", "d")]
    walks = plan_walks(models, [Chain("x", "x", ("a", "c"))])
    assert tried(walks["a"]) == ["a", "b", "c"], "the fallbacks of a fallback are not followed"
    assert tried(walks["x"]) == ["a", "c"]


def test_of_several_models_under_one_alias_the_first_ones_settings_count() -> None:
    walk = plan_walks([Model("a", "same", ("c",), 0), Model("b", "same", (), 5), Model("c", "c")], [])["same"]
    assert tried(walk) == ["same", "c"]


@pytest.mark.parametrize(("failure", "reasons"), [
    (Failure("connection"), {"error"}),
    (Failure("timeout", 408), {"error"}),
    (Failure("status", 401), {"error"}),
    (Failure("status", 403), {"error"}),
    (Failure("status", 404), {"error"}),
    (Failure("status", 408), {"error"}),
    (Failure("status", 500), {"error"}),
    (Failure("status", 503), {"error"}),
    (Failure("status", 599), {"error"}),
    (Failure("status", 429), {"error", "rate_limit"}),
    (Failure("limit", 429), {"rate_limit"}),
    (Failure("budget", 429), {"cost"}),
    (Failure("context_window", 400), {"error", "rate_limit", "cost", "nothing"}),
    (Failure("status", 400), set()),
    (Failure("status", 402), set()),
    (Failure("status", 413), set()),
    (Failure("status", 422), set()),
    (Failure("status"), set()),
])
def test_a_failure_moves_on_for_exactly_these_reasons(failure: Failure, reasons: set[str]) -> None:
    assert {word for word in ("error", "rate_limit", "cost", "nothing") if moves_on(failure, (word,))} == reasons


FIRST, RETRY, NEXT = Step("a", 1), Step("a", 1, 1), Step("b", 2)


@pytest.mark.parametrize(("step", "failed", "failure", "on", "verdict"), [
    (RETRY, FIRST, Failure("connection"), ("error",), "go"),
    (RETRY, FIRST, Failure("connection"), (), "go"),
    (RETRY, FIRST, Failure("timeout", 408), ("error",), "skip"),
    (RETRY, FIRST, Failure("status", 500), ("error",), "skip"),
    (RETRY, FIRST, Failure("status", 429), ("rate_limit",), "skip"),
    (Step("b", 2, 1), FIRST, Failure("connection"), ("error",), "skip"),
    (NEXT, FIRST, Failure("connection"), ("error",), "go"),
    (NEXT, RETRY, Failure("connection"), ("cost",), "stop"),
    (NEXT, FIRST, Failure("status", 400), ("error", "rate_limit", "cost"), "stop"),
    (NEXT, FIRST, Failure("context_window", 400), (), "go"),
])
def test_a_step_is_taken_skipped_or_ends_the_walk(step: Step, failed: Step, failure: Failure, on: tuple[str, ...],
                                                  verdict: str) -> None:
    assert decide(step, failed, failure, on) == verdict


@given(st.integers(400, 599), st.sets(st.sampled_from(["error", "rate_limit", "cost"])))
def test_only_named_client_errors_ever_move_on(status: int, on: set[str]) -> None:
    moved = moves_on(Failure("status", status), on)
    assert not moved or status >= 500 or status in (401, 403, 404, 408, 429)


@given(st.sampled_from(["connection", "timeout", "limit", "budget"]))
def test_nothing_moves_on_where_nothing_is_named(kind: Kind) -> None:
    assert not moves_on(Failure(kind), ())
