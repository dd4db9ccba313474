"""Declarations become specs: `--model-spec` text and `MODEL_<KEY>_*` variables, and what is refused with its repair."""

from decimal import Decimal
from typing import Any

import pytest

from src.config.environment import Environment, parse_dotenv
from src.config.fields import BY_SPEC, FIELDS
from src.config.models import ModelSpec
from src.config.parsing import load_model_specs_from_cli, load_model_specs_from_env, parse_model_spec
from src.errors import ConfigurationError

from .declaring import canary, two


def from_env(values: dict[str, str]) -> Any:
    return load_model_specs_from_env(Environment(values))


def texts(reading: Any) -> str:
    return "\n".join(problem.text() for problem in reading.problems)


EVERY_FIELD: dict[str, tuple[str, object]] = {
    "alias": ("my-model", "my-model"), "provider": ("OpenAI", "openai"), "mode": ("chat", "chat"),
    "base": ("https://h.example/v1/", "https://h.example/v1"), "key_env": ("MY_KEY", "MY_KEY"),
    "reasoning": ("High", "high"), "timeout": ("2.5", 2.5), "stream_timeout": ("30", 30.0), "retries": ("0", 0),
    "max_tokens": ("800", 800), "rpm": ("60", 60), "tpm": ("1000", 1000), "rpd": ("10", 10), "tpd": ("20", 20),
    "max_parallel": ("8", 8), "fallbacks": ("B,c", ("b", "c")), "input_cost": ("1.25", Decimal("1.25")),
    "output_cost": ("10", Decimal(10)), "context_window": ("4096", 4096),
    "headers": ("X-A=1,X-B=two words", (("X-A", "1"), ("X-B", "two words"))),
    "allow_params": ("seed,top_k", ("seed", "top_k")), "drop_params": ("top_p", ("top_p",)),
}


def test_the_table_above_holds_every_field() -> None:
    assert set(EVERY_FIELD) | {"upstream"} == set(BY_SPEC)


@pytest.mark.parametrize("name", EVERY_FIELD)
def test_every_field_means_the_same_in_a_spec_and_in_a_variable(name: str) -> None:
    text, value = EVERY_FIELD[name]
    field = BY_SPEC[name]
    spec = parse_model_spec(f"key=k,upstream=gpt-5,{name}=" + text.replace(",", r"\,"))
    assert getattr(spec, field.attribute) == value
    for suffix in field.suffixes:
        reading = from_env({"PROXY_MODEL_KEYS": "k", "MODEL_K_UPSTREAM_MODEL": "gpt-5", f"MODEL_K_{suffix}": text})
        assert (reading.models, reading.problems) == ([spec], [])


@pytest.mark.parametrize(("text", "key", "alias", "upstream"), [
    ("upstream=gpt-5", "gpt_5", "gpt-5", "openai/gpt-5"),
    ("upstream=openai/gpt-5", "gpt_5", "gpt-5", "openai/gpt-5"),
    ("upstream=groq/llama-3.3-70b-versatile", "groq_llama_3_3_70b_versatile", "groq/llama-3.3-70b-versatile",
     "groq/llama-3.3-70b-versatile"),
    ("upstream=gpt-5,alias=fast", "fast", "fast", "openai/gpt-5"),
    ("key=A1,upstream=gpt-5", "a1", "gpt-5", "openai/gpt-5"),
    (" key = a , upstream = gpt-5 ", "a", "gpt-5", "openai/gpt-5"),
    ("upstream=openai/gpt-oss-20b,provider=groq", "gpt_oss_20b", "groq/openai/gpt-oss-20b",
     "groq/openai/gpt-oss-20b"),
    ("upstream=groq/llama,provider=groq", "groq_llama", "groq/llama", "groq/llama"),
    ("upstream=groq/llama,provider=openai", "groq_llama", "groq/llama", "openai/groq/llama"),
    ("upstream=\u00e9,alias=\u00e9", "model", "\u00e9", "openai/\u00e9"),
])
def test_key_alias_and_provider_are_filled_in(text: str, key: str, alias: str, upstream: str) -> None:
    spec = parse_model_spec(text)
    assert (spec.key, spec.alias, spec.upstream) == (key, alias, upstream)


@pytest.mark.parametrize(("text", "what", "repair"), [
    ("", "the spec names no upstream model", "add upstream=gpt-5"),
    ("alias=a", "the spec names no upstream model", "add upstream=gpt-5"),
    ("upstream=", "the field upstream is empty", "write upstream="),
    ("upstream=gpt-5,alias=", "the field alias is empty", "write alias="),
    ("upstream=gpt-5,aliass=x", "unknown field 'aliass'; did you mean alias?", "known fields: key, upstream"),
    ("upstream=gpt-5,zzz=x", "unknown field 'zzz'", "known fields"),
    ("upstream=gpt-5,upstream=gpt-4", "the field upstream is given twice", "keep one"),
    ("key=a,upstream=gpt-5,key=b", "the field key is given twice", "keep one"),
    ("key=a-b,upstream=gpt-5", "the key 'a-b' is ill-formed", "key=gpt5"),
    ("upstream=gpt-5,api_key=x", "a key must not be written on the command line", "key_env=MY_API_KEY"),
    ("upstream=gpt-5,oops", "part 2 of the spec has no `=`", r"\,"),
    ("upstream=gpt-5,reasoning=banana", "reasoning 'banana' must be one of none, minimal", "reasoning=medium"),
    ("upstream=gpt-5,base=nowhere", "base must be a URL", "base=https://api.example.com/v1"),
    ("upstream=gpt-5,base=ftp://h/v1", "base must be a URL", "base=https"),
    ("upstream=gpt-5,base=https://h:99999", "base must be a URL", "base=https"),
    ("upstream=gpt-5,base=https://h:0", "base must be a URL", "base=https"),
    ("upstream=gpt-5,base=https://u@h/v1", "without user, password, query or fragment", "base=https"),
    ("upstream=gpt-5,base=https://u:p@h/v1", "without user, password, query or fragment", "base=https"),
    ("upstream=gpt-5,base=https://h/v1?a=b", "without user, password, query or fragment", "base=https"),
    ("upstream=gpt-5,base=https://h/v1#a", "without user, password, query or fragment", "base=https"),
    ("upstream=gpt-5,base=https://h/\udcff", "base must be a URL", "base=https"),
    ("upstream=gpt-5,rpm=0", "rpm '0' must be a whole number from 1", "rpm=60"),
    ("upstream=gpt-5,rpm=1.5", "rpm '1.5' must be a whole number", "rpm=60"),
    ("upstream=gpt-5,rpm=1_000", "rpm '1_000' must be a whole number", "rpm=60"),
    ("upstream=gpt-5,rpm=\u0661", "must be a whole number", "rpm=60"),
    ("upstream=gpt-5,retries=11", "retries '11' must be a whole number from 0 to 10", "retries=1"),
    ("upstream=gpt-5,timeout=0", "must be a number of seconds", "timeout=60"),
    ("upstream=gpt-5,timeout=nan", "must be a number of seconds", "timeout=60"),
    ("upstream=gpt-5,timeout=inf", "must be a number of seconds", "timeout=60"),
    ("upstream=gpt-5,input_cost=free", "must be US dollars", "input_cost=1.25"),
    ("upstream=gpt-5,input_cost=-1", "must be US dollars", "input_cost=1.25"),
    ("upstream=gpt-5,input_cost=NaN", "must be US dollars", "input_cost=1.25"),
    ("upstream=gpt-5,input_cost=1e-7", "must be US dollars", "input_cost=1.25"),
    ("upstream=gpt-5,input_cost=1e999999999", "must be US dollars", "input_cost=1.25"),
    ("upstream=gpt-5,provider=nobody", "must be one of openai, ", "provider=openai"),
    ("upstream=gpt-5,mode=telepathy", "must be one of chat, ", "mode=chat"),
    ("upstream=a b", "upstream 'a b' must not contain spaces", "upstream=gpt-5"),
    ("upstream=gpt-5,alias=a*b", "alias 'a*b' must not contain spaces, commas or `*`", "alias=my-model"),
    (r"upstream=gpt-5,alias=a\,b", "must not contain spaces, commas or `*`", "alias=my-model"),
    ("upstream=gpt-5,alias=a\tb", "control characters", "alias=my-model"),
    ("upstream=gpt-5,alias=" + "a" * 257, "must not be longer than 256 characters", "alias=my-model"),
    ("upstream=openai/,provider=openai", "upstream 'openai/' names a provider but no model", "upstream=openai/gpt-5"),
    ("upstream=gpt-5,provider=azure", "provider azure needs a base URL for gpt-5", "http://"),
    ("upstream=gpt-5,key_env=my-key", "key_env must be the name of a variable", "key_env=MY_API_KEY"),
    ("upstream=gpt-5,headers=X-A", "headers must be Name=value pairs", "headers=X-Title=gateway"),
    ("upstream=gpt-5,headers=X A=1", "headers must be Name=value pairs", "headers=X-Title=gateway"),
    ("upstream=gpt-5,headers=X-A=\u00e9", "characters in the header X-A that HTTP cannot carry", "headers="),
    (r"upstream=gpt-5,headers=X-A=1\,x-a=2", "names the header x-a twice", "headers="),
    ("upstream=gpt-5,headers=Content-Length=1", "which the HTTP client writes itself", "headers="),
    ("upstream=gpt-5,allow_params=a b", "must be parameter names", "allow_params=reasoning_effort"),
])
def test_a_spec_that_cannot_be_used_says_what_and_how_to_repair_it(text: str, what: str, repair: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_model_spec(text)
    assert what in refused.value.text() and repair in refused.value.text()
    assert refused.value.exit_code == 2
    assert all(problem.where == "--model-spec" for problem in refused.value.problems)


@pytest.mark.parametrize("name", [
    "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "api-key", "X-Auth-Token",
    "My-Secret", "X-Password", "X-Auth", "X-Credentials", "ApiKey",
])
def test_a_header_that_is_meant_for_a_secret_is_refused(name: str) -> None:
    value = canary()
    reading = load_model_specs_from_cli([f"upstream=gpt-5,headers={name}={value}"])
    assert f"names the secret header {name}" in texts(reading) and value not in texts(reading)


@pytest.mark.parametrize("text", [
    "upstream=gpt-5,headers=X-A={},X-B=2", "upstream=gpt-5,{}", "upstream=gpt-5,key_env={}",
    "upstream=gpt-5,base=https://h/v1?key={}", "upstream=gpt-5,base=https://u:{}@h/v1", "upstream=gpt-5,api_key={}",
    "upstream=gpt-5,headers=X-Key={}",
])
def test_what_may_be_a_key_is_never_shown(text: str) -> None:
    for value in (canary(), canary().replace("-", "_")):
        reading = load_model_specs_from_cli([text.format(value)])
        assert reading.problems and value not in texts(reading)


def test_every_problem_of_every_spec_is_told_at_once() -> None:
    reading = load_model_specs_from_cli(["upstream=gpt-5,zzz=1,rpm=x,base=y", "alias=b,timeout=z"])
    assert [problem.where for problem in reading.problems] == ["--model-spec #1"] * 3 + ["--model-spec #2"] * 2
    assert reading.models == []


# --- variables --------------------------------------------------------------------------------------------------


def test_models_stand_in_the_order_of_the_list() -> None:
    values = two(PROXY_MODEL_KEYS=" DeepSeek , GPT5 ")
    assert [spec.key for spec in from_env(values).models] == ["deepseek", "gpt5"]


def test_a_variable_belongs_to_the_longest_key_whose_rest_is_a_field() -> None:
    values = {"PROXY_MODEL_KEYS": "gpt,gpt_max", "MODEL_GPT_UPSTREAM_MODEL": "a", "MODEL_GPT_MAX_UPSTREAM_MODEL": "b",
              "MODEL_GPT_MAX_TOKENS": "5", "MODEL_GPT_MAX_MAX_TOKENS": "7", "MODEL_GPT_MAX_ALIAS": "c"}
    reading = from_env(values)
    assert [(spec.key, spec.alias, spec.max_tokens) for spec in reading.models] == [
        ("gpt", "a", 5), ("gpt_max", "c", 7)]
    assert reading.problems == []


@pytest.mark.parametrize(("values", "what", "where", "repair"), [
    ({"PROXY_MODEL_KEYS": ""}, "PROXY_MODEL_KEYS is empty", "environment", "PROXY_MODEL_KEYS=gpt5,deepseek"),
    ({"PROXY_MODEL_KEYS": " "}, "PROXY_MODEL_KEYS is empty", "environment", "PROXY_MODEL_KEYS="),
    (two(PROXY_MODEL_KEYS="gpt5,,deepseek"), "holds an empty name", "environment", "PROXY_MODEL_KEYS=gpt5,deepseek"),
    (two(PROXY_MODEL_KEYS="gpt5,deepseek,"), "holds an empty name", "environment", "PROXY_MODEL_KEYS=gpt5,deepseek"),
    (two(PROXY_MODEL_KEYS="gpt5,deepseek,GPT5"), "lists gpt5 twice", "environment", "keep one"),
    (two(PROXY_MODEL_KEYS="gpt5,deepseek,gpt-6"), "the ill-formed name 'gpt-6'", "environment", "use letters"),
    (two(PROXY_MODEL_KEYS="gpt5,deepseek,\u00e9"), "the ill-formed name '\\xe9'", "environment", "use letters"),
    (two(PROXY_MODEL_KEYS="gpt5,deepseek,grok"), "lists grok, but MODEL_GROK_UPSTREAM_MODEL is not set",
     "environment", "MODEL_GROK_UPSTREAM_MODEL=gpt-5"),
    (two(MODEL_GPT5_UPSTREAM_MODEL=" "), "MODEL_GPT5_UPSTREAM_MODEL is not set", "environment",
     "MODEL_GPT5_UPSTREAM_MODEL=gpt-5"),
    (two(MODEL_GPT5_UPSTREM_MODEL="x"),
     "MODEL_GPT5_UPSTREM_MODEL is read by nothing; did you mean MODEL_GPT5_UPSTREAM_MODEL?", "environment",
     "correct the name"),
    (two(MODEL_GPT5_="x"), "MODEL_GPT5_ is read by nothing", "environment", "correct the name"),
    (two(MODEL_GPT5_API_BASE="http://a/v1", MODEL_GPT5_UPSTREAM_BASE="http://b/v1"),
     "MODEL_GPT5_API_BASE and MODEL_GPT5_UPSTREAM_BASE differ", "MODEL_GPT5_UPSTREAM_BASE, environment", "keep one"),
    (two(MODEL_GPT5_API_KEY="k", MODEL_GPT5_API_KEY_ENV="K"),
     "both MODEL_GPT5_API_KEY and MODEL_GPT5_API_KEY_ENV are set", "environment", "keep one"),
    (two(MODEL_GPT5_API_KEY_FILE="k", MODEL_GPT5_UPSTREAM_KEY_ENV="K"),
     "both MODEL_GPT5_API_KEY_FILE and MODEL_GPT5_UPSTREAM_KEY_ENV are set", "environment", "keep one"),
    (two(MODEL_GPT5_TIMEOUT="soon"), "MODEL_GPT5_TIMEOUT 'soon' must be", "MODEL_GPT5_TIMEOUT, environment",
     "MODEL_GPT5_TIMEOUT=60"),
    (two(MODEL_GPT5_UPSTREAM_BASE="x"), "MODEL_GPT5_UPSTREAM_BASE must be a URL",
     "MODEL_GPT5_UPSTREAM_BASE, environment", "MODEL_GPT5_UPSTREAM_BASE=https://"),
    (two(MODEL_GPT5_PROVIDER="azure"), "provider azure needs a base URL",
     "MODEL_GPT5_UPSTREAM_MODEL, environment", "MODEL_GPT5_API_BASE"),
])
def test_variables_that_cannot_be_used_say_what_where_and_how_to_repair(values: dict[str, str], what: str, where: str,
                                                                        repair: str) -> None:
    problem = from_env(values).problems[0]
    assert what in problem.what and problem.where == where and repair in problem.repair


def test_a_broken_model_tells_all_of_its_problems() -> None:
    values = {"PROXY_MODEL_KEYS": "a", "MODEL_A_RPM": "x", "MODEL_A_TPM": "y", "MODEL_A_ALAIS": "z"}
    assert [problem.what.split()[0] for problem in from_env(values).problems] == [
        "MODEL_A_ALAIS", "PROXY_MODEL_KEYS", "MODEL_A_RPM", "MODEL_A_TPM"]


@pytest.mark.parametrize("name", ["MODEL_PATH", "MODEL_NAME", "MODEL_OTHER_ALIAS", "MODEL_", "MODELS_GPT5_X",
                                  "MODEL_GPT55_UPSTREM_MODEL", "XMODEL_GPT5_Y"])
def test_other_programs_variables_are_left_alone(name: str) -> None:
    reading = from_env(two({name: "anything"}))
    assert (reading.problems, reading.notes, len(reading.models)) == ([], [], 2)


def test_a_model_that_is_declared_but_not_listed_is_a_note() -> None:
    reading = from_env(two(MODEL_GROK_UPSTREAM_MODEL="grok-3", MODEL_GROK_ALIAS="g", MODEL_GROK_TYPO="x"))
    assert reading.problems == []
    assert reading.notes == ["MODEL_GROK_UPSTREAM_MODEL (environment) declares grok, which PROXY_MODEL_KEYS does not "
                             "list: it is not served"]


@pytest.mark.parametrize(("more", "key_env"), [
    ({}, None), ({"MODEL_GPT5_API_KEY": "k"}, "MODEL_GPT5_API_KEY"), ({"MODEL_GPT5_API_KEY": ""}, "MODEL_GPT5_API_KEY"),
    ({"MODEL_GPT5_API_KEY_FILE": "f"}, "MODEL_GPT5_API_KEY"), ({"MODEL_GPT5_API_KEY_ENV": "K"}, "K"),
    ({"MODEL_GPT5_API_KEY": "", "MODEL_GPT5_API_KEY_ENV": "K"}, "K"),
    ({"MODEL_GPT5_API_KEY": "", "MODEL_GPT5_API_KEY_FILE": "f"}, "MODEL_GPT5_API_KEY"),
    ({"MODEL_GPT5_API_KEY_ENV": "none"}, "none"),
])
def test_a_models_own_key_is_referenced_by_name(more: dict[str, str], key_env: str | None) -> None:
    reading = from_env(two(more))
    assert (reading.problems, reading.models[0].api_key_env) == ([], key_env)


def test_every_value_remembers_where_it_stood() -> None:
    dotenv = parse_dotenv(b"PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=gpt-5\nMODEL_A_RPM=5\n")
    spec = load_model_specs_from_env(Environment({"MODEL_A_RPM": "6"}, dotenv)).models[0]
    assert (spec.source, spec.rpm) == (".env", 6)
    assert spec.origin("upstream") == "MODEL_A_UPSTREAM_MODEL, .env line 2"
    assert spec.origin("rpm") == "MODEL_A_RPM, environment"


# --- chains -----------------------------------------------------------------------------------------------------


def chains(**values: str) -> Any:
    return from_env(two(values))


def test_chains_are_read_in_order_with_their_triggers() -> None:
    reading = chains(PROXY_CHAIN_KEYS="a,a_b", CHAIN_A_MODELS="GPT5, deepseek", CHAIN_A_B_MODELS="deepseek,gpt5",
                     CHAIN_A_B_ALIAS="cheap", CHAIN_A_B_ON="Cost,error")
    assert reading.problems == []
    assert [(chain.key, chain.alias, chain.models, chain.triggers) for chain in reading.chains] == [
        ("a", "a", ("gpt5", "deepseek"), ("error", "rate_limit")),
        ("a_b", "cheap", ("deepseek", "gpt5"), ("cost", "error"))]


@pytest.mark.parametrize(("values", "what", "repair"), [
    ({"PROXY_CHAIN_KEYS": "a"}, "PROXY_CHAIN_KEYS lists a, but CHAIN_A_MODELS is not set",
     "CHAIN_A_MODELS=first,second"),
    ({"PROXY_CHAIN_KEYS": ""}, "PROXY_CHAIN_KEYS is empty", "PROXY_CHAIN_KEYS=default"),
    ({"PROXY_CHAIN_KEYS": "a", "CHAIN_A_MODELS": "gpt5", "CHAIN_A_MODLES": "x"},
     "CHAIN_A_MODLES is read by nothing; did you mean CHAIN_A_MODELS?", "correct the name"),
    ({"PROXY_CHAIN_KEYS": "a", "CHAIN_A_MODELS": "gpt5", "CHAIN_A_ON": "eror"},
     "CHAIN_A_ON holds 'eror', no trigger; did you mean error?", "CHAIN_A_ON=error,rate_limit"),
    ({"PROXY_CHAIN_KEYS": "a", "CHAIN_A_MODELS": "gpt5", "CHAIN_A_ALIAS": "a b"},
     "CHAIN_A_ALIAS 'a b' must not contain spaces", "CHAIN_A_ALIAS=a"),
])
def test_a_chain_that_cannot_be_used_is_refused(values: dict[str, str], what: str, repair: str) -> None:
    problem = chains(**values).problems[0]
    assert what in problem.what and repair in problem.repair and problem.where == "environment"


def test_every_field_has_a_help_and_an_example_that_is_accepted() -> None:
    for field in FIELDS:
        assert field.help and field.read(field.example) is not None
    assert ModelSpec("k", "a", "openai", "m").fallbacks == ()
