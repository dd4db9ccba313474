"""A request's walk: the steps that LiteLLM is told, which it may take, and the attempts that are noted."""

import time

import pytest
from litellm.exceptions import BadRequestError, ContextWindowExceededError, InternalServerError, Timeout

from src.hooks.callback_errors import failure_of
from src.hooks.callback_walk import Progress, enter, progress_of, start
from src.hooks.record import RequestRecord
from src.policy.chains import Failure, Step, Walk

WALK = Walk("any", (Step("a", 1), Step("a", 1, 1), Step("b", 2), Step("c", 3)), ("error",), "default")
BROKEN = InternalServerError("OpenAIException - Connection error.", "openai", "m")
DOWN = InternalServerError("down", "openai", "m")
REFUSED = BadRequestError("no", "m", "openai")


def begun() -> tuple[RequestRecord, Progress, list[dict[str, object]]]:
    record, data = RequestRecord("r"), {"model": "any"}
    start(record, WALK, data)
    progress = progress_of(record)
    assert progress is not None and data["model"] == "a"
    enter(progress, {})
    progress.called(record, "dep-a", "openai/a", "openai")
    steps: list[dict[str, object]] = data["fallbacks"]  # type: ignore[assignment]
    return record, progress, steps


def follow(progress: Progress, error: Exception, step: dict[str, object]) -> Exception | None:
    """Take ``step`` after ``error`` as LiteLLM's router does, inside the except block; return what is raised."""
    try:
        raise error
    except Exception:
        try:
            enter(progress, step)
        except Exception as raised:
            return raised
    return None


def test_litellm_is_told_every_later_step_once() -> None:
    record, _, steps = begun()
    assert [step["model"] for step in steps] == ["a", "b", "c"]
    assert len({str(step) for step in steps}) == 3, "equal entries would be tried once only"
    assert record.chain == "default"


@pytest.mark.parametrize(("error", "taken"), [(BROKEN, ["a", "b", "c"]), (DOWN, ["b", "c"]), (REFUSED, [])])
def test_the_walk_goes_as_far_as_the_error_lets_it(error: Exception, taken: list[str]) -> None:
    _, progress, steps = begun()
    assert [step["model"] for step in steps if follow(progress, error, step) is None] == taken


def test_the_error_that_ends_the_walk_is_raised_for_all_later_steps() -> None:
    _, progress, (_, second, third) = begun()
    assert follow(progress, DOWN, second) is None
    assert follow(progress, REFUSED, third) is REFUSED
    assert follow(progress, DOWN, third) is REFUSED
    assert progress.stopped is REFUSED


def test_bridged_calls_count_as_one_attempt() -> None:
    record, progress, (_, second, _) = begun()
    progress.called(record, "dep-a", "openai/a", "openai")
    progress.failed(DOWN)
    progress.failed(DOWN)
    assert follow(progress, DOWN, second) is None
    progress.called(record, "dep-b", "openai/b", "openai")
    progress.answered()
    noted = [(attempt.deployment, attempt.status, attempt.error_type) for attempt in record.attempts]
    assert noted == [("dep-a", 500, "upstream_error"), ("dep-b", 200, None)]
    assert all(attempt.duration_ms is not None for attempt in record.attempts)


def test_a_connection_that_broke_is_told_as_such_whatever_litellm_says() -> None:
    _, progress, _ = begun()
    progress.break_off("timeout")
    assert progress.failed(DOWN) == Failure("timeout", 408)
    progress.break_off("connection")
    assert progress.failed(DOWN) == Failure("connection")
    assert progress.failed(BadRequestError("no", "m", "openai")).kind == "connection"


@pytest.mark.parametrize("error", [
    ContextWindowExceededError("x", "m", "openai"), Timeout("x", "m", "openai"),
])
def test_a_failure_that_says_what_it_is_is_not_a_broken_connection(error: Exception) -> None:
    _, progress, _ = begun()
    progress.break_off("connection")
    assert progress.failed(error) == failure_of(error)


@pytest.mark.parametrize(("index", "alias"), [(0, "a"), (1, "b")])
def test_a_step_without_an_error_before_it_is_taken(index: int, alias: str) -> None:
    _, progress, steps = begun()
    enter(progress, steps[index])
    assert (progress.step.alias, progress.failure) == (alias, None)


def test_an_answer_after_a_failure_does_not_rewrite_the_failure() -> None:
    record, progress, _ = begun()
    progress.failed(DOWN)
    progress.answered()
    progress.failed(REFUSED)
    assert (record.attempts[0].error_type, record.attempts[0].status) == ("upstream_error", 500)


def test_an_answer_without_an_attempt_is_no_attempt() -> None:
    record, data = RequestRecord("r"), {"model": "any"}
    start(record, WALK, data)
    progress = progress_of(record)
    assert progress is not None
    progress.answered()
    assert record.attempts == []


def test_an_attempt_lasted_from_its_call_to_its_end() -> None:
    before = time.perf_counter_ns()
    record, progress, _ = begun()
    progress.answered()
    lasted = record.attempts[0].duration_ms
    assert lasted is not None and 0 <= lasted <= (time.perf_counter_ns() - before) // 1_000_000


def test_a_request_without_a_walk_has_no_progress() -> None:
    assert progress_of(None) is None
    assert progress_of(RequestRecord("r")) is None
