"""`check` finds what is wrong with flags, environment, `.env` and registry rows, at its place, and nothing else."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from src.checker.findings import Place
from src.checker.codes import CODES
from src.checker.plan_check import check_plan, conditions
from src.checker.variables import OF_THE_SERVER, PICKED_UP, base_variables
from src.config.models import ModelSpec
from src.config.notes import Note
from src.config.providers import NATIVE_PROVIDERS
from src.config.registry import RegistryReading
from src.errors import Problem
from tests.unit.checking import codes, found, good, keys, rows, subject
from tests.unit.declaring import canary


@dataclass(frozen=True)
class Case:
    """What is declared, and what must be found: a code, its place as text, a part of what is said or of the repair."""

    code: str
    place: str
    says: str
    env: dict[str, str] = field(default_factory=dict)
    dotenv: str | bytes | None = None
    more: dict[str, Any] = field(default_factory=dict)


def of_env(code: str, place: str, says: str, more: dict[str, Any] | None = None, /, **env: str) -> Case:
    """Return the case of a good environment, changed by ``env``."""
    return Case(code, place, says, good(env), more=more or {})


def of_file(code: str, place: str, says: str, *lines: str) -> Case:
    """Return the case of a good environment, with these lines in `.env`."""
    return Case(code, place, says, good(), "\n".join(lines))


SPEC = {"model_specs": ("upstream=gpt-5",)}
CHAIN = {"PROXY_CHAIN_KEYS": "c"}
BAD_ROW = RegistryReading(problems=(Problem("it needs a model", "registry ai_endpoints row 3", "--model ALIAS"),))
TWICE = RegistryReading((ModelSpec("x", "gpt-5", "openai", "gpt-5", source="registry ai_models row 7"),))

CASES = [
    # Declarations.
    of_file("GW101", ".env:2:1", "did you mean MODEL_A_ALIAS?", "", "MODEL_A_ALLIAS=x"),
    of_file("GW101", ".env:1:8", "MODEL_A_TYPO is read by nothing", "export MODEL_A_TYPO=1"),
    of_env("GW101", "CHAIN_C_MODLES", "did you mean CHAIN_C_MODELS?", CHAIN_C_MODELS="a,b", CHAIN_C_MODLES="a",
           **CHAIN),
    of_env("GW101", "flag --model-spec", "did you mean alias?", {"model_specs": ("upstream=x,allias=y",)}),
    of_file("GW102", ".env:1:13", "MODEL_A_RPM 'sixty' must be a whole number", "MODEL_A_RPM=sixty"),
    of_file("GW102", ".env:3:11", "must be a whole number from 1 to 128", "# one", "", "  WORKERS=many"),
    of_env("GW102", "MODEL_A_API_BASE", "end it before that: https://api.x.ai/v1",
           MODEL_A_API_BASE="https://api.x.ai/v1/chat/completions"),
    of_env("GW102", "flag --port", "--port 'http' must be", {"flags": {"PORT": "http"}}),
    of_env("GW102", "CHAIN_C_ON", "did you mean rate_limit?", **CHAIN, CHAIN_C_MODELS="a,b", CHAIN_C_ON="rate_limits"),
    of_env("GW103", "PROXY_MODEL_KEYS", "MODEL_NEW_UPSTREAM_MODEL=gpt-5", PROXY_MODEL_KEYS="a,b,new"),
    of_env("GW103", "flag --model-spec", "names no upstream model", {"model_specs": ("alias=x",)}),
    of_env("GW103", "PROXY_CHAIN_KEYS", "CHAIN_C_MODELS=first,second", **CHAIN),
    of_env("GW104", "MODEL_A_UPSTREAM_MODEL", "needs a base URL", MODEL_A_UPSTREAM_MODEL="hosted_vllm/qwen"),
    of_file("GW105", ".env:1:1", "PROXY_CHAIN_KEYS is empty", "PROXY_CHAIN_KEYS="),
    of_env("GW105", "PROXY_MODEL_KEYS", "holds an empty name", PROXY_MODEL_KEYS="a,,b"),
    of_file("GW106", ".env:2:1", "PORT is set twice", "PORT=4001", "PORT=4002"),
    of_env("GW107", "MODEL_A_API_KEY", "keep one of the two", MODEL_A_API_KEY="x", MODEL_A_API_KEY_ENV="Y"),
    of_env("GW108", "flag --alias", "several are declared", {"alias": "x"}),
    Case("GW109", "", "no model is declared", {"LITELLM_MASTER_KEY": canary("9vQ")}),
    of_file("GW110", ".env:2:1", "this line cannot be read", "PORT=4000", "OPENAI_API_BASE: 'x"),
    Case("GW110", ".env:2:1", "not UTF-8", good(), b"PORT=4000\nX=\xff\xfe\x00\x01"),
    of_env("GW111", "PROXY_MODEL_KEYS", "'c-d'", PROXY_MODEL_KEYS="a,b,c-d"),
    of_env("GW112", "GATEWAY_SSL_CERTFILE", "set GATEWAY_SSL_KEYFILE too", GATEWAY_SSL_CERTFILE="cert.pem"),
    Case("GW113", "OPENAI_MODEL", "MODEL_PRIMARY_UPSTREAM_MODEL=gpt-5", {**keys(), "OPENAI_MODEL": "gpt-5"}),
    of_file("GW114", ".env:1:1", "add fast to PROXY_MODEL_KEYS", "MODEL_FAST_UPSTREAM_MODEL=gpt-5-mini"),
    of_env("GW115", "flag --model-spec", "replaces the models", SPEC),
    of_env("GW115", "registry ai_models row 7", "is declared elsewhere too", {"registry": TWICE}),
    of_env("GW116", "LITELLM_MODEL_ALIAS", "remove", LITELLM_MODEL_ALIAS="x"),
    # Names, fallbacks, chains.
    of_file("GW301", ".env:1:15", "GATEWAY_LOAD_BALANCE=gpt-5-mini", "MODEL_A_ALIAS=gpt-5-mini"),
    of_env("GW302", "CHAIN_C_MODELS", "has the alias gpt-5 of a model", CHAIN_C_MODELS="a,b", CHAIN_C_ALIAS="gpt-5",
           **CHAIN),
    of_env("GW303", "MODEL_A_FALLBACKS", "'bb', no declared model", MODEL_A_FALLBACKS="bb"),
    of_env("GW303", "CHAIN_C_MODELS", "known keys: a, b", **CHAIN, CHAIN_C_MODELS="a,x"),
    of_env("GW304", "MODEL_A_FALLBACKS", "a -> b -> a", MODEL_A_FALLBACKS="b", MODEL_B_FALLBACKS="a"),
    of_env("GW304", "MODEL_A_FALLBACKS", "falls back to itself", MODEL_A_FALLBACKS="a"),
    of_env("GW305", "CHAIN_C_MODELS", "names a model twice", **CHAIN, CHAIN_C_MODELS="a,b,a"),
    of_env("GW317", "MODEL_A_ALIAS", "'openai/*' stands for many models, but 'one' for one",
           MODEL_A_UPSTREAM_MODEL="openai/*", MODEL_A_ALIAS="one"),
    of_env("GW318", "MODEL_A_FALLBACKS", "a falls back to b, the wildcard openai/*", MODEL_A_FALLBACKS="b",
           MODEL_B_UPSTREAM_MODEL="openai/*"),
    of_env("GW306", "MODEL_A_FALLBACKS", "gpt-5-mini after gpt-5 has a context window of 1000 instead of 400000",
           MODEL_A_FALLBACKS="b", MODEL_B_CONTEXT_WINDOW="1000"),
    of_env("GW307", "MODEL_A_FALLBACKS", "no vision", MODEL_A_FALLBACKS="b", MODEL_B_UPSTREAM_MODEL="deepseek-v3.2"),
    of_env("GW308", "CHAIN_C_MODELS", "chain c: grok-2-image-1212 after gpt-5 has no tools", **CHAIN,
           CHAIN_C_MODELS="a,b", MODEL_B_UPSTREAM_MODEL="grok-2-image-1212", MODEL_B_MODE="chat"),
    of_env("GW309", "MODEL_A_FALLBACKS", "is for embedding, gpt-5 for chat", MODEL_A_FALLBACKS="b",
           MODEL_B_MODE="embedding"),
    of_env("GW310", "MODEL_A_FALLBACKS", "asks the same upstream model as gpt-5", MODEL_A_FALLBACKS="b",
           MODEL_B_UPSTREAM_MODEL="gpt-5", MODEL_B_ALIAS="other"),
    of_env("GW311", "CHAIN_C_MODELS", "nothing to move on to", **CHAIN, CHAIN_C_MODELS="a"),
    of_env("GW312", "CHAIN_C_MODELS", "up to 12 upstream calls", **CHAIN, CHAIN_C_MODELS="a,b", MODEL_A_RETRIES="5",
           MODEL_B_RETRIES="5"),
    # Secrets.
    of_env("GW401", "LITELLM_MASTER_KEY", "LITELLM_MASTER_KEY is empty", LITELLM_MASTER_KEY=" "),
    of_env("GW402", "LITELLM_MASTER_KEY", "publicly known", LITELLM_MASTER_KEY="sk-" + "1234"),
    of_env("GW403", "LITELLM_MASTER_KEY", "shorter than 16", LITELLM_MASTER_KEY="sk-" + "q8vZ1w"),
    of_env("GW404", "LITELLM_MASTER_KEY", "easy to guess", LITELLM_MASTER_KEY="company-gateway-2026"),
    of_env("GW405", "LITELLM_MASTER_KEY", "OPENAI_API_KEY are the same",
           **dict.fromkeys(("LITELLM_MASTER_KEY", "OPENAI_API_KEY"), canary("9vQ"))),
    of_env("GW406", "GROQ_API_KEY", "needed by groq/llama", MODEL_A_UPSTREAM_MODEL="groq/llama"),
    of_env("GW406", "MY_KEY", "MY_KEY is empty", MODEL_A_API_KEY_ENV="MY_KEY", MY_KEY=""),
    of_env("GW407", "OPENAI_API_KEY", "holds spaces", OPENAI_API_KEY="two words"),
    of_env("GW408", "OPENAI_API_KEY_FILE", "cannot be read", OPENAI_API_KEY="", OPENAI_API_KEY_FILE="missing"),
    of_file("GW409", ".env:1:17", "secret header X-Api-Key", "MODEL_A_HEADERS=X-Api-Key=abc"),
    of_env("GW410", "MODEL_A_API_BASE", "without user, password", MODEL_A_API_BASE="https://me:word@example.com/v1"),
    of_env("GW411", "MODEL_A_API_KEY_ENV", "never a key itself", MODEL_A_API_KEY_ENV=canary("sk")),
    of_env("GW412", "MODEL_A_ALIAS", "what looks like a key", MODEL_A_ALIAS=canary("sk")),
    of_env("GW412", "flag --alias", "every user of this machine", {"alias": canary("sk")}),
    of_env("GW413", "MODEL_A_API_KEY_ENV", "such as GROQ_API_KEY", MODEL_A_UPSTREAM_MODEL="groq/llama",
           MODEL_A_API_KEY_ENV="OPENAI_API_KEY"),
    of_env("GW414", "MODEL_A_API_KEY_ENV", "must not go upstream", MODEL_A_API_KEY_ENV="LITELLM_MASTER_KEY"),
    # Environment and database.
    of_file("GW501", ".env:1:1", "did you mean GATEWAY_GRACE?", "GATEWAY_GRASE=3"),
    of_file("GW501", ".env:1:1", "did you mean PORT?", "GATEWAY_PORT=4001"),
    of_file("GW501", ".env:1:1", "did you mean PROXY_MODEL_KEYS?", "MODEL_KEYS=4001"),
    of_file("GW501", ".env:1:1", "GATEWAY_FUTURE_SWITCH is read by nothing", "GATEWAY_FUTURE_SWITCH=1"),
    Case("GW501", ".env:1:1", "PROXY_MODEL_KEYS does not list gtp5; did you mean gpt5?",
         good(PROXY_MODEL_KEYS="a,b,gpt5", MODEL_GPT5_UPSTREAM_MODEL="gpt-5.5"), "MODEL_GTP5_RPM=1"),
    of_file("GW501", ".env:1:1", "PROXY_CHAIN_KEYS does not list spare", "CHAIN_SPARE_MODELS=a,b"),
    of_env("GW501", "GROQ_API_KEI", "did you mean GROQ_API_KEY?", GROQ_API_KEI="x",
           MODEL_A_UPSTREAM_MODEL="groq/llama"),
    of_env("GW502", "OPENAI_ORG_ID", "sends it to every", OPENAI_ORG_ID="org"),
    of_env("GW502", "GROQ_API_BASE", "sends the models and the key of groq there", GROQ_API_BASE="https://example.com",
           MODEL_A_UPSTREAM_MODEL="groq/llama", GROQ_API_KEY="abc"),
    of_env("GW503", "NUM_WORKERS", "use WORKERS for the gateway", NUM_WORKERS="4"),
    of_env("GW503", "LITELLM_MODE", "always PRODUCTION", LITELLM_MODE="DEV"),
    of_env("GW504", "OPENAI_API_BASE", "keep one of the two", OPENAI_API_BASE="https://a.example.com/v1",
           OPENAI_BASE_URL="https://b.example.com/v1"),
    of_env("GW506", "GATEWAY_DATABASE_URL", "must be sqlite:///", GATEWAY_DATABASE_URL="mysql://db/x"),
    of_env("GW507", "GATEWAY_DATABASE_URL", "not migrated",
           {"registry": rows(Note("the database is not migrated yet", "GW507", "GATEWAY_DATABASE_URL"))}),
    of_env("GW508", "registry ai_endpoints row 3", "needs a model", {"registry": BAD_ROW}),
    of_env("GW509", "registry ai_models", "are left out",
           {"registry": rows(Note("2 of its models are left out", "GW509", "registry ai_models", "X=<your key>"))}),
    # Limits and prices.
    of_env("GW601", "MODEL_A_UPSTREAM_MODEL", "MODEL_A_INPUT_COST=0\nMODEL_A_OUTPUT_COST=0", {"unpriced": ("gpt-5",)}),
    of_env("GW603", "MODEL_A_RPM", "each of the 4 workers counts RPM and TPM for itself", {"database": None},
           MODEL_A_RPM="60", MODEL_A_TPM="1000", WORKERS="4"),
    of_env("GW604", "GATEWAY_STORE_DOWN", "the budget house may be overdrawn",
           {"registry": rows(limits=[{"name": "house", "budget_micros": 5}, {"name": "free", "budget_micros": None}])}),
    of_env("GW605", "MODEL_A_RPD", "a restart begins RPD anew", {"database": None}, MODEL_A_RPD="60"),
    of_env("GW606", "GATEWAY_LEDGER", "no database to record into", {"database": None}, GATEWAY_LEDGER="audit"),
    # Models and parameters.
    of_env("GW701", "MODEL_A_REASONING_EFFORT", "accepts minimal, low, medium, high", MODEL_A_REASONING_EFFORT="xhigh"),
    of_env("GW702", "REASONING_EFFORT", "MODEL_A_REASONING_EFFORT=none", REASONING_EFFORT="xhigh"),
    of_env("GW703", "MODEL_A_REASONING_EFFORT", "MODEL_A_ALLOW_PARAMS=reasoning_effort",
           MODEL_A_UPSTREAM_MODEL="gpt-4.1", MODEL_A_REASONING_EFFORT="low"),
    of_env("GW704", "MODEL_A_UPSTREAM_MODEL", "2025-09-24", MODEL_A_UPSTREAM_MODEL="gemini/gemini-1.5-pro",
           GEMINI_API_KEY="abc"),
    of_env("GW705", "MODEL_A_DROP_PARAMS", "max_tokens is set to 800, and dropped", MODEL_A_MAX_TOKENS="800",
           MODEL_A_DROP_PARAMS="max_tokens"),
    of_env("GW705", "MODEL_A_DROP_PARAMS", "user is allowed, and dropped", MODEL_A_ALLOW_PARAMS="user",
           MODEL_A_DROP_PARAMS="user"),
    of_env("GW706", "MODEL_A_PROVIDER", "did you mean groq?", MODEL_A_PROVIDER="gorq"),
    of_env("GW711", "MODEL_A_API_BASE", "http://localhost:11434/v1", MODEL_A_API_BASE="http://localhost:11434/"),
    of_env("GW711", "MODEL_B_API_BASE", "at port 8000 vLLM", MODEL_B_API_BASE="http://10.0.0.7:8000"),
    of_env("GW710", "MODEL_A_UPSTREAM_MODEL", "write groq/llama, or name", MODEL_A_UPSTREAM_MODEL="gorq/llama"),
    of_env("GW709", "MODEL_A_DROP_PARAMS", "did you mean temperature?", MODEL_A_DROP_PARAMS="top_p,temprature,my_own"),
    of_env("GW709", "MODEL_A_ALLOW_PARAMS", "did you mean reasoning_effort?", MODEL_A_ALLOW_PARAMS="reasonin_effort"),
    of_env("GW708", "MODEL_A_MAX_TOKENS", "at most 128000", MODEL_A_MAX_TOKENS="200000"),
]


def place_of(place: Place) -> str:
    return place.name if place.file is None else Place(place.file, place.line, place.column).text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.place}")
def test_what_is_wrong_is_found_at_its_place_with_a_repair(case: Case) -> None:
    findings = found(case.env, case.dotenv, **case.more)
    fitting = [finding for finding in findings if finding.code == case.code
               and case.says in f"{finding.what}\n{finding.repair}"]
    assert [place_of(finding.place) for finding in fitting] == [case.place], findings
    assert all(finding.repair for finding in fitting if finding.code != "GW507")


QUIET = {
    "two models": good(),
    "a fallback that can do as much": good(MODEL_A_FALLBACKS="b"),
    "a chain": good(CHAIN, CHAIN_C_MODELS="a,b", CHAIN_C_ON="error"),
    "a shared alias that is meant": good(MODEL_B_ALIAS="gpt-5", GATEWAY_LOAD_BALANCE="gpt-5"),
    "limits with a database": good(MODEL_A_RPM="60", MODEL_A_RPD="900", WORKERS="4"),
    "every setting of a server": good(PORT="4001", LITELLM_HOST="0.0.0.0", WORKERS="2", GATEWAY_LOG_FORMAT="json",
                                      GATEWAY_CORS_ORIGINS="https://app.example.com", GATEWAY_STORE_DOWN="deny"),
    "a keyless upstream": good(MODEL_A_API_BASE="http://127.0.0.1:8000/v1", MODEL_A_API_KEY_ENV="none"),
    "a model of an aggregator": good(MODEL_A_UPSTREAM_MODEL="z-ai/glm-4.6",
                                     OPENAI_API_BASE="https://llm.example.com/v1"),
    "other programs' variables": good(MODEL_PATH="/models", CHAIN_ID="1", PROXY_URL="http://proxy",
                                      HTTPS_PROXY="http://p", GATEWAY_INTERFACE="CGI/1.1", OPENAI_TIMEOUT="5",
                                      LITELLM_SALT_KEY="x"),
    "what Kubernetes sets": good(GATEWAY_SERVICE_HOST="10.0.0.1", GATEWAY_PORT_4000_TCP_ADDR="10.0.0.1",
                                 GATEWAY_SERVICE_PORT_HTTP="4000", GATEWAY_PORT="tcp://10.0.0.1:4000"),
    "values that LiteLLM gets anyway": good(LITELLM_MODE="production", NO_DOCS="True"),
    "unset variables": good(NUM_WORKERS="", DATABASE_URL=" ", GROQ_API_BASE=""),
    "a model with a default within its bounds": good(MODEL_A_MAX_TOKENS="128000", MODEL_A_DROP_PARAMS="top_p",
                                                     MODEL_A_ALLOW_PARAMS="reasoning_effort"),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_right_is_not_remarked_upon(name: str) -> None:
    assert found(QUIET[name]) == []


# Errors although a launch would go on: an alias would not answer.
BEYOND_THE_LAUNCH = {"GW309"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.place}")
def test_it_is_ok_exactly_where_a_launch_goes_on(case: Case) -> None:
    made = subject(case.env, case.dotenv, **case.more)
    refused = {*made.plan.problems, *made.plan.launch_problems}
    errors = [finding for finding in check_plan(made) if CODES[finding.code].severity == "error"
              and finding.code not in BEYOND_THE_LAUNCH]
    assert {finding.what for finding in errors} == {problem.what for problem in refused}


def test_limits_of_one_worker_hold_until_it_restarts() -> None:
    assert found(good(MODEL_A_RPM="60"), database=None) == []


def test_costs_that_nobody_records_need_no_price() -> None:
    assert found(good(GATEWAY_LEDGER="off"), unpriced=["gpt-5"]) == []
    assert found(good(), unpriced=["gpt-5"], database=None) == []


def test_a_budget_that_closes_with_the_database_is_fine() -> None:
    limits = rows(limits=[{"name": "house", "budget_micros": 5}])
    assert found(good(GATEWAY_STORE_DOWN="deny"), registry=limits) == []


def test_every_later_model_is_compared_with_the_first() -> None:
    env = good(PROXY_MODEL_KEYS="a,b,c", MODEL_C_UPSTREAM_MODEL="deepseek-v3.2", MODEL_A_FALLBACKS="b,c")
    assert [(finding.code, "deepseek-v3.2 after gpt-5 " in finding.what) for finding in found(env)] == \
        [("GW306", True), ("GW307", True)]


def test_findings_come_in_the_order_of_the_file_and_then_the_rest() -> None:
    findings = found(good(NUM_WORKERS="3"), "PORT=x\nWORKERS=0\nMODEL_A_TYPO=1\n")
    assert [(finding.place.line, finding.code) for finding in findings] == \
        [(1, "GW102"), (2, "GW102"), (3, "GW101"), (None, "GW503")]


@pytest.mark.parametrize(("line", "column"), [
    ("PORT=x", 6), ("PORT = x", 8), ("export PORT=x", 13), ("  export  PORT=x", 16), ("PORT='x'", 6), ("\tPORT=x", 7),
])
def test_the_column_is_the_value_s(line: str, column: int) -> None:
    (finding,) = found(good(), f"# a comment\r\n{line}\r\n")
    assert (finding.place.line, finding.place.column) == (2, column)


def test_no_finding_shows_a_key_wherever_it_was_put() -> None:
    secret = canary("sk")
    env = good({name: secret for name in ("MODEL_A_ALIAS", "MODEL_A_API_BASE", "MODEL_A_API_KEY_ENV", "MODEL_A_RPM",
                                          "MODEL_A_HEADERS", "GATEWAY_ENVIRONMENT", "REASONING_EFFORT", "PORT")})
    findings = found(env, f"WORKERS={secret}\nOPENAI_API_BASE='https://u:{secret}@example.com'\nX='{secret}")
    assert {"GW102", "GW411", "GW412", "GW410", "GW110"} <= set(codes(findings))


def test_a_pasted_key_is_one_thing_to_repair() -> None:
    assert codes(found(good(MODEL_A_API_KEY_ENV=canary("sk")))) == ["GW411"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbfPORT=4001\n", b"\x00\x01\x02\xff" * 50, b"=\n==\n",
                                  b"'" * 99])
def test_any_file_can_be_checked(data: bytes) -> None:
    assert all(finding.code in ("GW110", "GW101") for finding in found(good(), data))


def test_an_empty_environment_has_two_things_to_repair() -> None:
    assert codes(found({})) == ["GW109", "GW401"]


def test_a_thousand_models_are_checked() -> None:
    names = [f"m{number}" for number in range(1_000)]
    env = {f"MODEL_{name.upper()}_UPSTREAM_MODEL": f"model-{name}" for name in names}
    env |= {f"MODEL_{name.upper()}_FALLBACKS": after for name, after in zip(names, names[1:])}
    findings = found({**keys(), **env, "PROXY_MODEL_KEYS": ",".join(names), "MODEL_M7_TYPO": "1"})
    assert codes(findings) == ["GW101"]


def test_litellm_reads_every_variable_that_is_said_to_change_what_it_does() -> None:
    source = "".join(path.read_text(encoding="utf-8", errors="replace")
                     for package in ("litellm", "openai") if (spec := find_spec(package)) and spec.origin
                     for path in Path(spec.origin).parent.rglob("*") if path.suffix == ".py"
                     or path.name == "providers.json")
    bases = {name for provider in NATIVE_PROVIDERS for name in base_variables(provider)}
    assert [name for name in {*PICKED_UP, *OF_THE_SERVER, *bases} if f'"{name}"' not in source] == []


def test_what_is_not_checked_is_said() -> None:
    plain = conditions(subject(good(), database=None).plan)
    assert plain[0] == "port 4000 is free on 127.0.0.1" and len(plain) == 3
    more = conditions(subject(good(GATEWAY_SSL_CERTFILE="a", GATEWAY_SSL_KEYFILE="b", PORT="1")).plan)
    assert more[0].startswith("port 1 ") and len(more) == 5
