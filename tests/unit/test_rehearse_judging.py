"""What a rehearsal expects of a gateway, and what it calls wrong: tables of observations and verdicts."""

from typing import Any

import pytest

from src.rehearse.asking import Answer
from src.rehearse.judging import (Call, answer_problems, auth_problems, cases, limit_problems, stream_problems,
                                  template_problems, walk_problems)
from src.rehearse.targets import Target, targets

from .rehearse_support import target

# --- what is injected, and where a request must go --------------------------------------------------------------------

CASES: list[tuple[Target, list[tuple[str, int]]]] = [
    (target("one"), [("429 x1: one", 429), ("500 x1: one", 500), ("timeout x1: one", 500)]),
    (target("a", "a", "b"), [
        ("429 x1: a -> b", 200), ("429 x2: a -> b", 429), ("500 x1: a -> b", 200), ("500 x2: a -> b", 500),
        ("timeout x1: a -> b", 200), ("500 streamed x1: a -> b", 200)]),
    (target("a", "a", "b", on=()), [
        ("429 x1: a", 429), ("429 x2: a", 429), ("500 x1: a", 500), ("500 x2: a", 500), ("timeout x1: a", 500),
        ("500 streamed x1: a", 500)]),
    (target("a", "a", "b", on=("rate_limit",)), [
        ("429 x1: a -> b", 200), ("429 x2: a -> b", 429), ("500 x1: a", 500), ("500 x2: a", 500),
        ("timeout x1: a", 500), ("500 streamed x1: a", 500)]),
    (target("a", "a", "b", streams=False), [
        ("429 x1: a -> b", 200), ("429 x2: a -> b", 429), ("500 x1: a -> b", 200), ("500 x2: a -> b", 500),
        ("timeout x1: a -> b", 200)]),
]


@pytest.mark.parametrize(("asked", "expected"), CASES, ids=["alone", "chain", "no reason", "rate limits", "no streams"])
def test_every_fault_has_the_walk_that_is_declared(asked: Target, expected: list[tuple[str, int]]) -> None:
    assert [(case.text, case.status) for case in cases(asked)] == expected


ALONE, CHAIN = target("a"), target("a", "a", "b")
WALKS: list[tuple[Target, int, tuple[str, ...], int, list[str]]] = [
    # target, number of its case, who was asked, the status, what is wrong
    (ALONE, 0, ("a",), 429, []),
    (ALONE, 0, ("a",), 500, ["429 from a: the client got 500, not 429"]),
    (ALONE, 1, ("a",), 500, []),
    (ALONE, 1, ("a",), 503, []),
    (ALONE, 1, ("a",), 499, ["500 from a: the client got 499, not 500"]),
    (ALONE, 1, ("a",), 200, ["500 from a: the client got 200, not 500"]),
    (ALONE, 2, ("a",), 408, []),
    (ALONE, 2, ("a",), 504, []),
    (ALONE, 2, ("a",), 0, ["timeout from a: the client got 0, not 500"]),
    (ALONE, 0, (), 429, ["429 from a: asked nobody, declared a"]),
    (ALONE, 0, ("a", "a"), 429, ["429 from a: asked a -> a, declared a"]),
    (CHAIN, 0, ("a", "b"), 200, []),
    (CHAIN, 0, ("a", "b"), 429, ["429 from a: the client got 429, not 200"]),
    (CHAIN, 1, ("a",), 429, ["429 from a and b: asked a, declared a -> b"]),
]


@pytest.mark.parametrize(("asked", "number", "seen", "status", "problems"), WALKS, ids=range(len(WALKS)))
def test_a_walk_is_held_to_its_declaration(asked: Target, number: int, seen: tuple[str, ...], status: int,
                                           problems: list[str]) -> None:
    assert walk_problems(cases(asked)[number], [Call(alias, "k", "k") for alias in seen], Answer(status)) == problems


# --- answers, streams, limits, keys -----------------------------------------------------------------------------------

NAMED = {"x-gateway-model": "a"}
OWN = Call("a", "k", "k")
ANSWERS: list[tuple[Answer, list[Call], list[str]]] = [
    (Answer(200, NAMED, "hello"), [OWN], []),
    (Answer(200, NAMED), [OWN], ["answered nothing"]),
    (Answer(500, {}, "it\n  broke"), [OWN], ["answered 500: it broke"]),
    (Answer(500, {}, "x" * 200), [OWN], ["answered 500: " + "x" * 160]),
    (Answer(0, {}, "", broken="ReadError: gone"), [OWN], ["answered 0: ReadError: gone"]),
    (Answer(200, NAMED, "hello"), [], ["asked nobody, declared a"]),
    (Answer(200, NAMED, "hello"), [OWN, OWN], ["asked a -> a, declared a"]),
    (Answer(200, NAMED, "hello"), [Call("a", "other", "k")], ["a was sent another key than its own"]),
    (Answer(200, {}, "hello"), [OWN], ["x-gateway-model says None, declared a"]),
]


@pytest.mark.parametrize(("answer", "seen", "problems"), ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_is_whole_and_from_the_first_model(answer: Answer, seen: list[Call], problems: list[str]) -> None:
    assert answer_problems(CHAIN, answer, seen) == problems


BUFFERED = "the first chunk arrived after the upstream had sent all of them: something buffers"
STREAMS: list[tuple[Answer, list[str]]] = [
    (Answer(200, sent=(1, 2, 3)), []),
    (Answer(200, sent=(2, 3, 3)), []),  # the upstream still had one to send
    (Answer(200, sent=(3, 3, 3)), [BUFFERED]),
    (Answer(200, sent=(1, 2)), ["2 of 3 chunks arrived"]),
    (Answer(200, sent=(1,), broken="ReadError: gone"), ["1 of 3 chunks arrived: ReadError: gone"]),
    (Answer(200), ["0 of 3 chunks arrived"]),
    (Answer(503, text="busy"), ["answered 503: busy"]),
    (Answer(0, broken="ConnectError: no"), ["answered ConnectError: no: ConnectError: no"]),
]


@pytest.mark.parametrize(("answer", "problems"), STREAMS, ids=range(len(STREAMS)))
def test_a_stream_arrives_whole_and_while_it_is_sent(answer: Answer, problems: list[str]) -> None:
    assert stream_problems(answer, 3) == problems


LIMITS: list[tuple[list[int], int, bool, str, list[str]]] = [
    # statuses, upstream calls, fresh?, Retry-After, what is wrong
    ([200, 429], 1, True, "1", []),
    ([200] * 4 + [429], 4, True, "60", []),
    ([200] * 5 + [429], 5, True, "60", ["5 requests passed where 4 may"]),
    ([200, 200], 2, True, "", ["2 requests passed, none was refused"]),
    ([429], 0, True, "1", ["the first request was refused already"]),
    ([429], 0, False, "1", []),  # others may have used it up
    ([200, 429], 1, True, "0", ["the 429 has Retry-After 0"]),
    ([200, 429], 1, True, "", ["the 429 has no Retry-After"]),
    ([200, 429], 0, True, "1", ["1 requests passed, but the upstream was asked 0 times"]),
    ([200, 500, 429], 1, True, "1", ["answered 500: busy"]),
]


@pytest.mark.parametrize(("statuses", "asked", "fresh", "wait", "problems"), LIMITS, ids=range(len(LIMITS)))
def test_a_limit_lets_through_what_it_says_and_then_refuses(statuses: list[int], asked: int, fresh: bool, wait: str,
                                                            problems: list[str]) -> None:
    headers = {"retry-after": wait} if wait else {}
    answers = [Answer(status, headers, "busy") for status in statuses]
    assert limit_problems(answers, 4, asked, fresh) == problems


AUTH: list[tuple[dict[str, int], list[str], list[str], list[str]]] = [
    # what was tried, listed, declared, what is wrong
    ({"no key": 401}, ["a"], ["a"], []),
    ({"no key": 200, "a wrong key": 403}, ["a"], ["a"],
     ["no key is answered 200, not 401", "a wrong key is answered 403, not 401"]),
    ({}, [], ["b", "a"], ["not served: a, b"]),
    ({}, ["a", "c", "b"], ["a"], ["served, but not declared: b, c"]),
    ({}, ["a", "openai/gpt-5"], ["a", "openai/*"], []),  # what a wildcard stands for is listed by itself
    ({}, ["openai/gpt-5"], ["a", "openai/*"], ["not served: a"]),
]


@pytest.mark.parametrize(("probes", "listed", "declared", "problems"), AUTH, ids=range(len(AUTH)))
def test_nobody_gets_in_without_the_key_and_everything_is_listed(probes: dict[str, int], listed: list[str],
                                                                 declared: list[str], problems: list[str]) -> None:
    assert auth_problems(probes, listed, declared) == problems


@pytest.mark.parametrize(("parts", "problems"), [
    (("You are kind.", "Say hello"), []), ((None, "hello"), []), ((None, ""), []),
    (("You are rude.", "Say hello"), ["the upstream did not get 'You are rude.'"]),
    ((None, "y" * 80), [f"the upstream did not get {'y' * 60!r}"]),
])
def test_a_template_arrives_filled(parts: tuple[str | None, ...], problems: list[str]) -> None:
    body = {"messages": [{"role": "system", "content": "You are kind."},
                         {"role": "user", "content": [{"type": "text", "text": "Say hello"}]}]}
    assert template_problems(parts, body) == problems


# --- what is asked ----------------------------------------------------------------------------------------------------

def model(**more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("rpm", "tpm", "rpd", "tpd", "streaming"))
    return {"alias": "a", "key": "k", "provider": "openai", "mode": "chat", "fallbacks": [], **nothing, **more}


def found(*models: dict[str, Any], config: dict[str, Any] | None = None, **plan: Any) -> list[Target]:
    return targets({"models": list(models), "chains": [], **plan}, config or {})


@pytest.mark.parametrize(("mode", "path", "streams"), [
    ("chat", "/chat/completions", True), ("completion", "/completions", True), ("embedding", "/embeddings", False),
    ("image", "/images/generations", False), ("speech", "/audio/speech", False),
    ("transcription", "/audio/transcriptions", False),
])
def test_each_mode_is_asked_on_its_own_route(mode: str, path: str, streams: bool) -> None:
    (asked,) = found(model(mode=mode))
    assert (asked.path, asked.streams) == (path, streams)


def test_streams_are_tried_where_every_member_streams() -> None:
    chains = [{"alias": "c", "models": ["k", "l"], "on": ["error"]}]
    mute = model(alias="b", key="l", streaming=False)
    assert {one.alias: one.streams for one in found(model(), mute, chains=chains)} == {
        "a": True, "b": False, "c": False}


@pytest.mark.parametrize(("scope", "name", "limited", "shared"), [
    ("model", "*", True, False), ("model", "a", True, False), ("model", "k", True, False),
    ("model", "b", False, False), ("provider", "openai", True, True), ("provider", "*", True, True),
    ("provider", "groq", False, False), ("user", "a", False, False), ("key", "*", False, False),
])
def test_limits_of_the_registry_are_tried_on_those_they_concern(scope: str, name: str, limited: bool,
                                                                shared: bool) -> None:
    (asked,) = found(model(), registry={"limits": [{"scope": scope, "target": name}]})
    assert (asked.limited, asked.shared) == (limited, shared)


@pytest.mark.parametrize("name", ["rpm", "tpm", "rpd", "tpd"])
def test_a_chain_has_the_limits_of_its_first_model_and_shares_them(name: str) -> None:
    chains = [{"alias": "c", "models": ["k", "l"], "on": ["error"]},
              {"alias": "d", "models": ["l", "k"], "on": ["error"]}]
    asked = found(model(**{name: 5}), model(alias="b", key="l"), chains=chains)
    assert [(one.alias, one.limited, one.shared) for one in asked] == [
        ("a", True, False), ("b", False, False), ("c", True, True), ("d", False, True)]


FALLBACKS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"litellm_settings": {"fallbacks": [{"a": ["b"]}]}}, ("a", "b")),
    ({"litellm_settings": {"fallbacks": [{"a": ["c"]}]}, "router_settings": {"fallbacks": [{"a": ["b"]}]}}, ("a", "b")),
    ({"litellm_settings": {"default_fallbacks": ["a", "b"]}}, ("a", "b")),  # never to itself
    ({"router_settings": {"default_fallbacks": ["b"], "fallbacks": [{"a": ["c"]}]}}, ("a", "c")),
    ({"router_settings": None}, ("a",)),
]


@pytest.mark.parametrize(("config", "walk"), FALLBACKS, ids=range(len(FALLBACKS)))
def test_fallbacks_of_a_file_are_walked(config: dict[str, Any], walk: tuple[str, ...]) -> None:
    asked = found(model(), model(alias="b", key="l"), model(alias="c", key="m"), config=config)
    assert asked[0].walk == walk


def test_fallbacks_of_the_plan_come_before_those_of_the_file() -> None:
    asked = found(model(fallbacks=["l", "gone"]), model(alias="b", key="l"), model(alias="c", key="m"),
                  config={"router_settings": {"fallbacks": [{"a": ["c"]}]}})
    assert asked[0].walk == ("a", "b")
