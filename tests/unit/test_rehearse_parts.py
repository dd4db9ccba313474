"""The parts of a rehearsal: the copy, the canaries, the dead end, what is expected, and the report."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import yaml

from src.config.environment import Environment, Secret
from src.config.plan import Sources
from src.config.providers import PROVIDERS
from src.launch.document import Generation, generate
from src.launch.existing import load_existing
from src.rehearse.asking import Answer, Client, body_of
from src.rehearse.canaries import Canaries, secret_name
from src.rehearse.copying import TIMEOUT_S, changes, copied, has_limits, limit_rows
from src.rehearse.judging import (Call, answer_problems, cases, ledger_problems, limit_problems, stream_problems, texts,
                                  walk_problems)
from src.rehearse.network import DeadEnd
from src.rehearse.results import Check, Report, judged, junit, summary, table
from src.rehearse.targets import targets, upstreams
from src.rehearse.upstreams import PLAYED, UNPLAYED, unplayed

from .declaring import canary, declared, two

ROOT = "http://127.0.0.1:1"


def generation_of(**more: str) -> Generation:
    env = two(None, **more)
    plan = declared(env).checked()
    return generate(plan, Environment(env))


# --- canaries ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("name", "is_secret"), [
    ("OPENAI_API_KEY", True), ("MODEL_GPT5_API_KEY", True), ("AWS_SECRET_ACCESS_KEY", True), ("HF_TOKEN", True),
    ("GOOGLE_APPLICATION_CREDENTIALS", True), ("SENTRY_DSN", True), ("PGPASSWORD", False), ("DB_PASSWORD", True),
    ("MODEL_GPT5_API_KEY_ENV", False), ("OPENAI_API_KEY_FILE", False), ("PROXY_MODEL_KEYS", False), ("PATH", False),
])
def test_variables_that_hold_secrets_are_known_by_their_names(name: str, is_secret: bool) -> None:
    assert secret_name(name) is is_secret


def test_no_real_key_reaches_the_rehearsed_gateway() -> None:
    real = canary("real")
    canaries = Canaries({"ODD_NAME": Secret("ODD_NAME", f" {real}\n", "environment")})
    environ = {"ODD_NAME": real, "COPY_OF_IT": real, "OTHER_TOKEN": "t", "ODD_NAME_FILE": "/x", "LANG": "C"}
    instead = canaries.instead(environ)
    assert real not in str(instead) and "t" not in instead.values()
    assert instead["COPY_OF_IT"] == instead["ODD_NAME"] == canaries.of("ODD_NAME")
    assert instead["LANG"] == "C" and "ODD_NAME_FILE" not in instead


def test_canaries_tell_their_variables_apart() -> None:
    canaries = Canaries({})
    first, second = canaries.of("MY__KEY"), canaries.of("MY_KEY")
    assert first.startswith("canary-my-key-") and first != second and canaries.of("MY__KEY") == first


def test_a_leak_is_found_by_searching() -> None:
    canaries = Canaries({"A_KEY": Secret("A_KEY", None, "nowhere")})
    places = [("the log", b"nothing"), ("a row", f"x{canaries.of('A_KEY')}y".encode())]
    assert canaries.found_in(places) == ["A_KEY in a row"]
    assert Canaries({"A_KEY": Secret("A_KEY", None, "")}).found_in(places) == [], "another run has other canaries"
    real = canary("real")
    known = {"A_KEY": Secret("A_KEY", real, ".env line 1"), "SHORT_KEY": Secret("SHORT_KEY", "log", ".env line 2")}
    assert Canaries(known).found_in([("the log", f"a log with {real}".encode())]) == ["the real A_KEY in the log"]


# --- the dead end -----------------------------------------------------------------------------------------------------

def test_what_leaves_this_machine_is_refused_and_remembered() -> None:
    with DeadEnd() as dead_end:
        proxy = dead_end.environment["HTTPS_PROXY"]
        with httpx.Client(proxy=proxy, trust_env=False) as client:
            assert client.get("http://api.example.com/v1?key=secret").status_code == 502
            with pytest.raises(httpx.ProxyError):
                client.get("https://api.example.com/v1")
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.HTTPError):
            client.request("GET\r\n", proxy)
        assert dead_end.asked[:2] == ["http://api.example.com/v1", "api.example.com:443"]
    assert "127.0.0.1" in dead_end_local(dead_end)


def dead_end_local(dead_end: DeadEnd) -> str:
    """Return the addresses that go past it; the socket is closed by now, so the name alone is left."""
    from src.rehearse import network
    return network._LOCAL


# --- the copy ---------------------------------------------------------------------------------------------------------

def copy_of(real: Generation, limited: bool = False, own_file: bool = False) -> Any:
    return copied(real, ROOT, Canaries({}), "sqlite:////tmp/x.db", limited, own_file)


def test_every_upstream_is_the_mock_and_nothing_else_changes() -> None:
    real = generation_of(MODEL_DEEPSEEK_API_BASE="https://api.example.com/v1", MODEL_GPT5_TIMEOUT="600",
                         PROXY_CHAIN_KEYS="default", CHAIN_DEFAULT_MODELS="deepseek,gpt5", MODEL_GPT5_MAX_PARALLEL="3")
    before = json.dumps(real.config)
    copy = copy_of(real)
    entries = copy.generation.config["model_list"]
    assert [entry["litellm_params"]["api_base"] for entry in entries] == [
        f"{ROOT}/d1/v1", f"{ROOT}/d2/v1", f"{ROOT}/d2/v1"], "a chain begins at its first member"
    assert {entry["litellm_params"]["timeout"] for entry in entries} == {TIMEOUT_S}
    assert {model["timeout"] for model in copy.generation.plan["models"]} == {TIMEOUT_S}
    assert {model["max_parallel"] for model in copy.generation.plan["models"]} == {None}
    assert "max_parallel_requests" not in str(entries) and "api.example.com" not in str(copy.generation)
    assert [entry["litellm_params"]["api_key"] for entry in entries] == [
        entry["litellm_params"]["api_key"] for entry in real.config["model_list"]]
    assert json.dumps(real.config) == before, "the real one stays as it is"
    assert copy.generation.env["GATEWAY_DATABASE_URL"] == "sqlite:////tmp/x.db"


@pytest.mark.parametrize(("limited", "expected"), [(True, (2, 1, 1, None)), (False, (None, None, None, None))])
def test_limits_are_scaled_down_or_lifted(limited: bool, expected: tuple[int | None, ...]) -> None:
    real = generation_of(MODEL_GPT5_RPM="60", MODEL_GPT5_TPM="1000", MODEL_GPT5_RPD="1")
    model = copy_of(real, limited).generation.plan["models"][0]
    assert (model["rpm"], model["tpm"], model["rpd"], model["tpd"]) == expected
    assert has_limits(real.plan) and not has_limits(generation_of().plan)


ROW = {"name": "a", "scope": "model", "target": "gpt-5", "rpm": 60, "tpm": None, "rpd": None, "tpd": None,
       "budget_micros": 5}


@pytest.mark.parametrize(("row", "limited", "kept"), [
    (ROW, True, [2]), (ROW, False, []), ({**ROW, "rpm": 2}, True, [2]), ({**ROW, "rpm": None, "tpm": 9}, True, [None]),
    ({**ROW, "scope": "provider", "rpm": 1}, True, [1]),
    ({**ROW, "scope": "user"}, True, []), ({**ROW, "rpm": None}, True, []),
])
def test_rows_of_limits_are_scaled_too(row: dict[str, Any], limited: bool, kept: list[int | None]) -> None:
    rows = limit_rows([row], limited)
    assert [found["rpm"] for found in rows] == kept
    assert [found["budget_micros"] for found in rows] == [None] * len(kept)


def test_the_notes_say_what_the_copy_changed() -> None:
    real = generation_of(MODEL_GPT5_RPM="60", MODEL_GPT5_MAX_PARALLEL="2")
    rows = [ROW, {**ROW, "scope": "user", "budget_micros": None}]
    text = "\n".join(changes({**real.plan, "registry": {"limits": rows}}))
    for words in ("TIMEOUT is 1.5 s", "at most 2 requests", "MAX_PARALLEL", "limits of user", "budgets"):
        assert words in text
    assert len(changes(generation_of().plan)) == 1


FILE: dict[str, Any] = {
    "model_list": [
        {"model_name": "a", "litellm_params": {"model": "openai/a", "base_url": "https://x.example", "timeout": 600}},
        {"model_name": "b", "litellm_params": {"model": "openai/b", "timeout": "600"}},
        {"model_name": "d", "litellm_params": {"model": "openai/d"}}],
    "litellm_settings": {"success_callback": ["langfuse"], "num_retries": 2, "fallbacks": [{"a": ["c"]}]},
    "router_settings": {"redis_host": "r", "fallbacks": [{"a": ["b"]}], "default_fallbacks": ["b"]},
    "guardrails": [{"guardrail_name": "g"}],
}


def from_file(tmp_path: Path) -> Generation:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return load_existing(path, Sources(Environment({"LITELLM_MASTER_KEY": canary()})))[1]


def test_a_litellm_file_reaches_no_other_server_either(tmp_path: Path) -> None:
    copy = copy_of(from_file(tmp_path), own_file=True)
    text = json.dumps(copy.generation.config)
    assert [word for word in ("langfuse", "redis_host", "guardrail", "x.example", '"num_retries": 2') if word in text] \
        == []
    assert '"timeout": 1.5' in text and copy.generation.config["router_settings"]["disable_cooldowns"] is True
    assert "litellm_settings.success_callback" in copy.notes[1] and "guardrails" in copy.notes[1]
    bare = Generation("", {"model_list": []}, {"models": [], "ledger": {}}, {})
    assert len(copy_of(bare, own_file=True).notes) == 1


# --- targets ----------------------------------------------------------------------------------------------------------

def test_walks_come_from_chains_and_fallbacks() -> None:
    real = generation_of(PROXY_CHAIN_KEYS="default", CHAIN_DEFAULT_MODELS="deepseek,gpt5", CHAIN_DEFAULT_ON="error",
                         MODEL_GPT5_FALLBACKS="deepseek", MODEL_GPT5_RPM="5")
    found = {target.alias: target for target in targets(real.plan, real.config)}
    assert {alias: target.walk for alias, target in found.items()} == {
        "gpt-5": ("gpt-5", "deepseek-v3.2"), "deepseek-v3.2": ("deepseek-v3.2",),
        "default": ("deepseek-v3.2", "gpt-5")}
    assert found["default"].on == ("error",) and found["gpt-5"].on == ("error", "rate_limit")
    assert [alias for alias, target in found.items() if target.limited] == ["gpt-5"]


def test_walks_of_a_litellm_file_are_its_fallbacks(tmp_path: Path) -> None:
    real = from_file(tmp_path)
    expected = {"a": ("a", "b"), "b": ("b",), "d": ("d", "b")}
    assert {target.alias: target.walk for target in targets(real.plan, real.config)} == expected
    alone = {**real.plan, "models": [{**model, "fallbacks": []} for model in real.plan["models"]]}
    assert {target.alias: target.walk for target in targets(alone, real.config)} == expected


@pytest.mark.parametrize(("more", "missing"), [
    ({"MODEL_GPT5_UPSTREAM_MODEL": "cohere/command-a-03-2025"}, "cannot play cohere"),
    ({"MODEL_GPT5_UPSTREAM_MODEL": "gemini/text-embedding-004", "MODEL_GPT5_MODE": "embedding"}, "for the mode embed"),
])
def test_what_cannot_be_played_says_why(more: dict[str, str], missing: str) -> None:
    real = generation_of(PROXY_CHAIN_KEYS="safe", CHAIN_SAFE_MODELS="deepseek,gpt5", **more)
    found = {target.alias: target.missing for target in targets(real.plan, real.config)}
    assert missing in found[more["MODEL_GPT5_UPSTREAM_MODEL"]]
    assert found["safe"].startswith(more["MODEL_GPT5_UPSTREAM_MODEL"] + ": ") and found["deepseek-v3.2"] == ""


def test_fallbacks_to_nobody_and_wildcards_are_not_rehearsed() -> None:
    plan = {"models": [{**generation_of().plan["models"][0], "alias": name} for name in ("a", "b/*")], "chains": []}
    found = targets(plan, {"router_settings": {"fallbacks": [{"a": ["lost"]}, "odd", {"b": "odd"}]}})
    assert [target.missing for target in found] == ["lost: lost is no declared model", "wildcards are not rehearsed"]


def test_every_provider_is_either_played_or_not() -> None:
    assert PLAYED | UNPLAYED == set(PROVIDERS) and not PLAYED & UNPLAYED
    assert unplayed({"provider": "openai", "mode": "image"}) == ""


def test_deployments_are_told_apart_by_their_place() -> None:
    real = generation_of(MODEL_DEEPSEEK_ALIAS="gpt-5", GATEWAY_LOAD_BALANCE="gpt-5")
    found = upstreams(real.plan, copy_of(real).places)
    assert found.places == {"gpt-5": ("/d1/", "/d2/")}
    assert found.alias_at("/d2/v1/models") == "gpt-5" and found.alias_at("/x") == "/x"


# --- asking and judging -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings", "/images/generations",
                                  "/audio/speech", "/audio/transcriptions", "/responses", "/messages"])
def test_every_route_gets_a_body_that_holds_the_marker(path: str) -> None:
    assert "marker-1" in json.dumps(body_of(path, "gpt-5", "marker-1"))


def test_a_gateway_that_is_gone_is_an_answer_too() -> None:
    client = Client(ROOT, "k")
    told = [client.get("/v1/models"), client.ask("a", "/audio/transcriptions"),
            client.stream("a", "/chat/completions", len)]
    client.renew()
    client.close()
    assert [(answer.status, "ConnectError" in answer.broken) for answer in told] == [(0, True)] * 3
    assert client.answers == told
    assert Answer(500, text="<html>").error_code == Answer(500, text='{"error": "x"}').error_code == ""
    assert "ConnectError" in stream_problems(told[2])[0]


def test_a_stream_that_breaks_off_is_found() -> None:
    assert stream_problems(Answer(200, sent=(1, 2), broken="ReadError: gone")) == [
        "2 of 5 chunks arrived: ReadError: gone"]
    assert stream_problems(Answer(200, sent=(1, 2, 3, 4, 5))) == []


def test_an_empty_answer_is_found() -> None:
    from .rehearse_support import target
    assert "answered nothing" in answer_problems(target("one"), Answer(200), [])


ROWS: list[dict[str, Any]] = [
    {"request_id": "a", "ended_at": "t", "attempt_count": 1, "alias": "m", "status": 200},
    {"request_id": "b", "ended_at": "t", "attempt_count": None, "alias": "m", "status": 429}]


@pytest.mark.parametrize(("calls", "rows", "problems"), [
    ({"a": 1, "b": 0}, ROWS, []),
    ({"a": 1, "b": 0, "c": 1}, ROWS, ["1 of 3 requests have no row"]),
    ({"a": 1}, ROWS, ["1 rows of requests that nobody made"]),
    ({"a": 1, "b": 0}, [*ROWS, ROWS[0]], ["requests have more than one row"]),
    ({"a": 1, "b": 0}, [ROWS[0], {**ROWS[1], "ended_at": None}], ["1 rows have no end"]),
    ({"a": 2, "b": 0}, ROWS, ["the row of m (status 200) tells of 1 upstream calls, the mock saw 2"]),
])
def test_the_ledger_must_agree_with_the_mock(calls: dict[str, int], rows: list[dict[str, Any]],
                                             problems: list[str]) -> None:
    assert ledger_problems(calls, rows) == problems


@pytest.mark.parametrize(("statuses", "asked", "problem"), [
    ([200, 500], 2, "answered 500"), ([200] * 5 + [429], 5, "5 requests passed where 4 may"),
    ([200, 429], 2, "1 requests passed, but the upstream was asked 2 times"),
])
def test_a_limit_that_holds_otherwise_is_found(statuses: list[int], asked: int, problem: str) -> None:
    answers = [Answer(status, {"retry-after": "9"}) for status in statuses]
    assert limit_problems(answers, 4, asked) == [problem]


def test_the_right_walk_with_the_wrong_status_is_found() -> None:
    from .rehearse_support import target
    case = cases(target("one"))[0]
    assert walk_problems(case, [Call("one", "k", "k")], Answer(200)) == ["429 from one: the client got 200, not 429"]


def test_texts_are_found_at_any_depth() -> None:
    assert texts({"a": ["x", {"b": "y"}, 1, None], "c": ("z",)}) == ["x", "y", "z"]


# --- the report -------------------------------------------------------------------------------------------------------

REPORT = Report((judged("boots", "", [], "ready", 4.0), judged("chain", "default", ["", "asked\x00 b"], "fine"),
                 Check("upstream", "claude", "skipped", "not played")), ("a note",), "abc", 4.5)


def test_the_report_names_what_failed() -> None:
    assert summary(REPORT) == "1 passed, 1 failed, 1 not rehearsed in 4.5 s; failed: chain default"
    assert [line.split() for line in table(REPORT.checks)] == [
        ["check", "alias", "what", "was", "seen"],
        ["ok", "boots", "ready"], ["FAILED", "chain", "default", "asked\x00", "b"],
        ["-", "upstream", "claude", "not", "played"]]
    document = REPORT.document()
    assert (document["ok"], document["config"], len(document["checks"])) == (False, "abc", 3)
    assert summary(Report(REPORT.checks[:1])) == "1 passed, 0 failed, 0 not rehearsed in 0.0 s"


@pytest.mark.parametrize(("problems", "outcome", "detail"), [
    ([], "passed", "seen"), ([""], "passed", "seen"), (["one"], "failed", "one"),
    (["one", "", "two"], "failed", "one; two"),
])
def test_a_check_that_found_something_says_all_of_it(problems: list[str], outcome: str, detail: str) -> None:
    check = judged("chain", "default", problems, "seen")
    assert (check.outcome, check.detail) == (outcome, detail)


def test_junit_has_one_case_per_check() -> None:
    suite = ElementTree.fromstring(junit(REPORT).encode())
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "3", "failures": "1", "skipped": "1"}
    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
    assert cases == [("rehearse.boots", "boots", []), ("rehearse.chain", "default", ["failure"]),
                     ("rehearse.upstream", "claude", ["skipped"])]
    assert suite[1][0].get("message") == "asked? b"


def test_the_document_names_every_provider_that_is_not_rehearsed() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rehearse.md").read_text(encoding="utf-8")
    listed = text.partition("<!-- unplayed -->")[2].partition("<!-- /unplayed -->")[0]
    assert {word.strip().strip("`") for word in listed.split(",")} == UNPLAYED
