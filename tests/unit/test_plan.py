"""Everything declared becomes one plan: who wins, what defaults apply, and every problem at once."""

from typing import Any

import pytest

from src.config.checks import PUBLIC_KEYS, find_cycle
from src.config.plan import LaunchPlan
from src.errors import ConfigurationError

from .declaring import canary, declared, two

KEY = {"OPENAI_API_KEY": "upstream-key", "LITELLM_MASTER_KEY": "a-master-key-0123456789"}


def aliases(plan: LaunchPlan) -> list[str]:
    return [model.alias for model in plan.checked().models]


def whats(plan: LaunchPlan, launch: bool = False) -> list[str]:
    return [problem.what for problem in plan.problems + (plan.launch_problems if launch else ())]


# --- what is served ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("env", "flags", "expected"), [
    (two(), {}, ["gpt-5", "deepseek-v3.2"]),
    (two(), {"model_specs": ("upstream=grok-3",)}, ["grok-3"]),
    (two(), {"add_model_specs": ("upstream=grok-3",)}, ["gpt-5", "deepseek-v3.2", "grok-3"]),
    ({}, {"add_model_specs": ("upstream=grok-3",)}, ["grok-3"]),
    ({}, {"model_specs": ("upstream=a",), "add_model_specs": ("upstream=b",)}, ["a", "b"]),
    ({}, {"model_specs": ("upstream=a", "upstream=b")}, ["a", "b"]),
    ({"OPENAI_API_KEY": "k"}, {}, ["gpt-5"]),
    ({"OPENAI_API_KEY_FILE": "f"}, {}, ["gpt-5"]),
    ({}, {"model": "X"}, ["X"]),
    ({}, {"model": "X", "alias": "Y"}, ["Y"]),
    ({}, {"alias": "Y"}, ["Y"]),
    ({"OPENAI_API_KEY": "k"}, {"alias": "Y"}, ["Y"]),
    ({}, {"model_specs": ("upstream=a",), "alias": "Y"}, ["Y"]),
    ({"PROXY_MODEL_KEYS": "a", "MODEL_A_UPSTREAM_MODEL": "x"}, {"alias": " Y "}, ["Y"]),
    ({"OPENAI_API_KEY": "k", "OPENAI_MODEL": "old"}, {"model": "X"}, ["X"]),
])
def test_who_declares_what_is_served(env: dict[str, str], flags: dict[str, Any], expected: list[str]) -> None:
    assert aliases(declared(env, **flags)) == expected


@pytest.mark.parametrize(("flags", "alias", "upstream", "source"), [
    ({"model": "groq/llama"}, "groq/llama", "groq/llama", "--model"),
    ({"model": "openai/x", "alias": "y"}, "y", "openai/x", "--model"),
    ({"alias": "y"}, "y", "openai/gpt-5", "--alias"),
    ({}, "gpt-5", "openai/gpt-5", "default"),
])
def test_one_model_from_flags_alone(flags: dict[str, Any], alias: str, upstream: str, source: str) -> None:
    model, = declared({"OPENAI_API_KEY": "k"}, **flags).checked().models
    assert (model.alias, model.spec.upstream, model.spec.source) == (alias, upstream, source)


def test_the_environment_wins_over_dotenv_and_both_declare_together() -> None:
    plan = declared({"MODEL_GPT5_ALIAS": "from-env"}, "PROXY_MODEL_KEYS=gpt5\nMODEL_GPT5_UPSTREAM_MODEL=gpt-5\n"
                                                      "MODEL_GPT5_ALIAS=from-file\n")
    assert aliases(plan) == ["from-env"]


def test_a_model_is_found_by_its_key() -> None:
    plan = declared(two())
    assert [plan.by_key(key).alias for key in ("deepseek", "gpt5")] == ["deepseek-v3.2", "gpt-5"]


def test_an_empty_environment_is_empty() -> None:
    assert whats(declared({})) == ["no model is declared"]


def test_without_any_model_questions_and_three_ways_to_declare_one_are_shown() -> None:
    problem, = declared({}).problems
    assert problem.repair.splitlines() == [
        "answer some questions: {program} init",
        "or declare one in any of three ways (variables may also stand in .env):",
        "PROXY_MODEL_KEYS=gpt5 MODEL_GPT5_UPSTREAM_MODEL=gpt-5 {program}",
        "{program} --model-spec key=gpt5,upstream=gpt-5",
        "OPENAI_API_KEY=<your key> {program}"]


def test_a_model_that_nobody_listed_is_named_where_nothing_else_is_declared() -> None:
    problem, = declared({"MODEL_GPT5_UPSTREAM_MODEL": "gpt-5"}).problems
    assert problem.what == "no model is declared" and "MODEL_GPT5_UPSTREAM_MODEL (environment)" in problem.where


@pytest.mark.parametrize(("env", "dotenv", "where"), [
    ({}, "PORT=1\nOPENAI_API_KEY=${UNSET}", "OPENAI_API_KEY is there, but empty (.env line 2)"),
    ({"OPENAI_API_KEY": ""}, "", "OPENAI_API_KEY is there, but empty (environment)"),
    ({"OPENAI_API_KEY_FILE": ""}, "", "OPENAI_API_KEY_FILE is there, but empty (environment)"),
    ({}, "OPENAI_KEY=x", ".env line 1 sets OPENAI_KEY"),
    ({}, "OPENAI_API_KEY=\nOPENAI_KEY=x",
     "OPENAI_API_KEY is there, but empty (.env line 1); .env line 2 sets OPENAI_KEY"),
    ({}, "PROXY_MODEL_KEY=gpt5", ".env line 1 sets PROXY_MODEL_KEY"), ({}, "PROT=1", ""),
])
def test_what_may_have_been_meant_to_declare_a_model_is_named(env: dict[str, str], dotenv: str, where: str) -> None:
    problem, = declared(env, dotenv).problems
    assert (problem.what, problem.where) == ("no model is declared", where)


@pytest.mark.parametrize(("env", "flags", "what", "repair"), [
    (two(), {"alias": "x"}, "--alias renames one model, but several are declared: gpt-5, deepseek-v3.2",
     "MODEL_<KEY>_ALIAS"),
    (two(), {"model": "x"}, "--model declares one model, but others are declared: gpt-5, deepseek-v3.2",
     "--add-model-spec upstream=x"),
    ({}, {"model_specs": ("upstream=a",), "model": "x"}, "--model declares one model", "--model-spec upstream=x"),
    ({}, {"alias": ""}, "--alias '' must not be empty", "--alias"),
    ({}, {"alias": "a,b"}, "--alias 'a,b' must not contain spaces, commas", "--alias"),
    ({}, {"model_specs": ("upstream=a",), "alias": "a b"}, "--alias 'a b' must not contain spaces", "--alias"),
    ({}, {"model": "a b"}, "--model 'a b' must not contain spaces", "--model"),
])
def test_flags_for_one_model_beside_others_are_refused(env: dict[str, str], flags: dict[str, Any], what: str,
                                                       repair: str) -> None:
    problem = declared(env, **flags).problems[0]
    assert what in problem.what and problem.where.startswith("--") and repair in problem.repair


def test_flags_that_replace_the_environments_models_say_so() -> None:
    plan = declared(two(PROXY_CHAIN_KEYS="a", CHAIN_A_MODELS="gpt5"), model_specs=("upstream=x",))
    assert plan.chains == ()
    assert "--model-spec replaces the models and chains that the environment declares" in plan.notes


@pytest.mark.parametrize(("env", "lines"), [
    ({"OPENAI_MODEL": "gpt-4"}, ["PROXY_MODEL_KEYS=primary", "MODEL_PRIMARY_UPSTREAM_MODEL=gpt-4"]),
    ({"LITELLM_MODEL": "gpt-4", "LITELLM_MODEL_ALIAS": "a"},
     ["PROXY_MODEL_KEYS=primary", "MODEL_PRIMARY_ALIAS=a", "MODEL_PRIMARY_UPSTREAM_MODEL=gpt-4"]),
    ({"LITELLM_MODEL_ALIAS": "a"}, ["PROXY_MODEL_KEYS=primary", "MODEL_PRIMARY_ALIAS=a",
                                    "MODEL_PRIMARY_UPSTREAM_MODEL=gpt-5"]),
    ({"OPENAI_MODEL": "a\x1b[31m\nb"}, ["PROXY_MODEL_KEYS=primary", "MODEL_PRIMARY_UPSTREAM_MODEL=a\\x1b[31m\\x0ab"]),
])
def test_retired_variables_show_their_replacement(env: dict[str, str], lines: list[str]) -> None:
    problem, = declared({"OPENAI_API_KEY": "k", **env}).problems
    assert "retired" in problem.what and all(name in problem.what and name in problem.where for name in env)
    first, *rest = problem.repair.splitlines()
    assert (first, sorted(rest)) == ("replace by", sorted(lines))


def test_the_replacement_of_retired_variables_works() -> None:
    problem, = declared({"OPENAI_MODEL": "gpt-4", "LITELLM_MODEL_ALIAS": "a"}).problems
    plan = declared(dotenv="\n".join(problem.repair.splitlines()[1:]))
    assert [(model.alias, model.spec.model) for model in plan.checked().models] == [("a", "gpt-4")]


def test_retired_variables_are_a_warning_where_models_are_declared() -> None:
    plan = declared(two(OPENAI_MODEL="gpt-4"))
    assert plan.problems == () and "OPENAI_MODEL (environment) is retired and read by nothing; remove it" in plan.notes


# --- bases and keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "base", "origin"), [
    ({}, "https://api.openai.com/v1", "default"),
    ({"OPENAI_API_BASE": "http://a/v1"}, "http://a/v1", "OPENAI_API_BASE, environment"),
    ({"OPENAI_BASE_URL": "http://b/v1"}, "http://b/v1", "OPENAI_BASE_URL, environment"),
    ({"OPENAI_API_BASE": "http://a/v1", "OPENAI_BASE_URL": "http://a/v1/"}, "http://a/v1",
     "OPENAI_API_BASE, environment"),
    ({"OPENAI_API_BASE": "http://a/v1", "MODEL_GPT5_API_BASE": "http://c/v1/"}, "http://c/v1",
     "MODEL_GPT5_API_BASE, environment"),
    ({"OPENAI_API_BASE": "http://a/v1", "MODEL_GPT5_PROVIDER": "groq"}, None, "default of groq"),
    ({"MODEL_GPT5_PROVIDER": "ollama"}, "http://localhost:11434", "default of ollama"),
    ({"MODEL_GPT5_PROVIDER": "groq", "MODEL_GPT5_API_BASE": "http://c/v1"}, "http://c/v1",
     "MODEL_GPT5_API_BASE, environment"),
])
def test_the_base_of_a_model(more: dict[str, str], base: str | None, origin: str) -> None:
    model = declared(two(more)).checked().models[0]
    assert (model.base, model.base_origin) == (base, origin)


@pytest.mark.parametrize(("env", "flags", "refused"), [
    ({"OPENAI_API_BASE": "http://a/v1", "OPENAI_BASE_URL": "http://b/v1"}, {}, True),
    ({"OPENAI_API_BASE": "http://a/v1", "OPENAI_BASE_URL": "http://b/v1"}, {"OPENAI_API_BASE": "http://c/v1"}, False),
    ({"OPENAI_API_BASE": "http://a/v1", "OPENAI_BASE_URL": ""}, {}, False),
])
def test_two_different_values_for_the_one_base_are_refused(env: dict[str, str], flags: dict[str, str],
                                                           refused: bool) -> None:
    assert (whats(declared(two(env), flags=flags)) == ["OPENAI_API_BASE and OPENAI_BASE_URL differ"]) is refused


@pytest.mark.parametrize(("upstream", "more", "key_env"), [
    ("gpt-5", {}, "OPENAI_API_KEY"),
    ("groq/x", {}, "GROQ_API_KEY"),
    ("groq/x", {"OPENAI_API_KEY": "k"}, "GROQ_API_KEY"),
    ("gemini/x", {}, "GEMINI_API_KEY"),
    ("gemini/x", {"GOOGLE_AI_API_KEY": "k"}, "GOOGLE_AI_API_KEY"),
    ("gemini/x", {"GOOGLE_AI_API_KEY": "k", "GEMINI_API_KEY": "k"}, "GEMINI_API_KEY"),
    ("gemini/x", {"GOOGLE_AI_API_KEY_FILE": "f"}, "GOOGLE_AI_API_KEY"),
    ("mistral/x", {}, "MISTRAL_API_KEY"),
    ("xai/x", {"GROK_API_KEY": "k"}, "GROK_API_KEY"),
    ("xai/x", {}, "XAI_API_KEY"),
    ("ollama/x", {"OPENAI_API_KEY": "k"}, None),
    ("bedrock/x", {}, None),
    ("lm_studio/x", {"LM_STUDIO_API_KEY": "k"}, "LM_STUDIO_API_KEY"),
    ("gpt-5", {"MODEL_M_API_KEY_ENV": "MINE"}, "MINE"),
    ("gpt-5", {"MODEL_M_API_KEY_ENV": "None"}, None),
    ("groq/x", {"MODEL_M_API_KEY_ENV": "none"}, None),
])
def test_the_key_variable_of_a_model(upstream: str, more: dict[str, str], key_env: str | None) -> None:
    plan = declared({"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": upstream, **more})
    assert plan.checked().models[0].key_env == key_env


@pytest.mark.parametrize(("upstream", "key_env", "what"), [
    ("groq/x", "OPENAI_API_KEY", "OPENAI_API_KEY must not go to the provider groq"),
    ("gpt-5", "LITELLM_MASTER_KEY", "LITELLM_MASTER_KEY is the gateway's own and must not go upstream"),
    ("gpt-5", "GATEWAY_METRICS_KEY", "GATEWAY_METRICS_KEY is the gateway's own and must not go upstream"),
])
def test_a_key_that_must_not_go_there_is_refused(upstream: str, key_env: str, what: str) -> None:
    problem, = declared({"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": upstream, "MODEL_M_API_KEY_ENV": key_env}
                        ).problems
    assert what in problem.what and "MODEL_M_API_KEY_ENV" in problem.where and problem.repair


@pytest.mark.parametrize(("more", "what", "where"), [
    ({}, "OPENAI_API_KEY is not set; needed by gpt-5, deepseek-v3.2", ""),
    ({"OPENAI_API_KEY": ""}, "OPENAI_API_KEY is empty; needed by gpt-5, deepseek-v3.2", "environment"),
    ({"OPENAI_API_KEY": "a b"}, "OPENAI_API_KEY holds spaces, line ends or characters that no key has", "environment"),
    ({"OPENAI_API_KEY": "a\n"}, "OPENAI_API_KEY holds spaces, line ends", "environment"),
    ({"OPENAI_API_KEY": "\u00e9"}, "OPENAI_API_KEY holds spaces, line ends", "environment"),
    ({"OPENAI_API_KEY_FILE": "gone"}, "the file of OPENAI_API_KEY cannot be read", "OPENAI_API_KEY_FILE, environment"),
    ({"OPENAI_API_KEY": "k", "GROK_API_SECRET_FILE": "gone"}, "the file of GROK_API_SECRET cannot be read",
     "GROK_API_SECRET_FILE, environment"),
])
def test_a_key_that_a_model_needs_keeps_a_launch_from_starting(more: dict[str, str], what: str, where: str) -> None:
    plan = declared(two(more, LITELLM_MASTER_KEY=KEY["LITELLM_MASTER_KEY"]))
    assert plan.checked() is plan, "printing needs no key"
    assert what in plan.launch_problems[0].what
    assert (plan.launch_problems[0].where, len(plan.launch_problems)) == (where, 1)
    with pytest.raises(ConfigurationError):
        plan.checked(launch=True)


def test_an_empty_key_of_a_models_own_is_never_replaced_by_the_general_one() -> None:
    plan = declared(two(KEY, MODEL_GPT5_API_KEY="", MODEL_GPT5_API_BASE="https://elsewhere.example/v1"))
    assert whats(plan, launch=True) == ["MODEL_GPT5_API_KEY is empty; needed by gpt-5"]


@pytest.mark.parametrize(("value", "what"), [
    (None, "LITELLM_MASTER_KEY is not set"), ("", "LITELLM_MASTER_KEY is empty"), ("  ", "LITELLM_MASTER_KEY is empty"),
    ("Xk3!short", "shorter than 16"), ("a" * 40, "publicly known or trivial"), ("sk-" + "ab" * 20, "publicly known"),
    *((key, "publicly known or trivial") for key in sorted(PUBLIC_KEYS)),
    ("a-master key-0123456789", "holds spaces"), ("a-master-key-0123456789\n", "holds spaces, line ends"),
])
def test_a_master_key_that_protects_nothing_is_refused(value: str | None, what: str) -> None:
    env = two(OPENAI_API_KEY="k") | ({} if value is None else {"LITELLM_MASTER_KEY": value})
    problem, = declared(env).launch_problems
    assert what in problem.what and (len(value or "") < 4 or str(value) not in problem.text())
    assert "$(openssl rand -hex 32)" in problem.repair or problem.repair == "paste the key again, nothing around it"
    assert (">> .env" in problem.repair) is (not (value or "").strip()), "a second line would be refused"


def test_what_is_secret_is_known_by_name() -> None:
    plan = declared(two(KEY, MODEL_GPT5_API_KEY_ENV="MINE", GROK_API_SECRET="s", GATEWAY_METRICS_KEY="m"))
    assert sorted(plan.secrets) == ["GATEWAY_METRICS_KEY", "GROK_API_SECRET", "LITELLM_MASTER_KEY", "MINE",
                                    "OPENAI_API_KEY"]
    assert all(model.key_env != "GROK_API_SECRET" for model in plan.models)


def test_a_header_with_a_known_secret_is_refused() -> None:
    value = canary()
    plan = declared(two(OPENAI_API_KEY=value, MODEL_GPT5_HEADERS=f"X-Title=before {value}"))
    problem, = plan.problems
    assert "gpt-5: the header X-Title holds a secret" in problem.what and value not in problem.text()


@pytest.mark.parametrize(("key", "header", "refused"), [
    ("k", "kind", False), ("k", "k", True), ("ollama", "for ollama", False), ("1234567", "v1234567", False),
    ("12345678", "v12345678", True), ("12345678", "1234567", False), ("", "x", False),
])
def test_a_short_word_that_serves_as_a_key_may_stand_inside_a_header(key: str, header: str, refused: bool) -> None:
    plan = declared(two(OPENAI_API_KEY=key, MODEL_GPT5_HEADERS=f"X-Title={header}"))
    assert [problem.code for problem in plan.problems] == ["GW409"] * refused


@pytest.mark.parametrize("given", ["GATEWAY_SSL_CERTFILE", "GATEWAY_SSL_KEYFILE"])
def test_half_a_tls_pair_is_refused(given: str) -> None:
    problem, = declared(two(KEY, **{given: "file.pem"})).launch_problems
    assert problem.what.startswith(f"{given} is set without GATEWAY_SSL_")


# --- effort -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("own", "general", "effort", "origin"), [
    (None, None, None, ""), ("high", None, "high", "MODEL_GPT5_REASONING_EFFORT, environment"),
    (None, "low", "low", "REASONING_EFFORT, environment"),
    ("high", "low", "high", "MODEL_GPT5_REASONING_EFFORT, environment"),
    ("none", "low", None, ""), (None, "none", None, ""),
])
def test_a_models_own_effort_wins_over_the_general_one(own: str | None, general: str | None, effort: str | None,
                                                       origin: str) -> None:
    more = {"MODEL_GPT5_REASONING_EFFORT": own or "", "REASONING_EFFORT": general or ""}
    model = declared(two(more)).checked().models[0]
    assert (model.effort, model.effort_origin) == (effort, origin)


def test_the_flag_for_the_general_effort_wins() -> None:
    plan = declared(two(REASONING_EFFORT="low"), flags={"REASONING_EFFORT": "high"})
    assert [model.effort for model in plan.checked().models] == ["high", "high"]


@pytest.mark.parametrize(("upstream", "level", "what"), [
    ("deepseek-v3.2", "minimal", "deepseek-v3.2 accepts low, medium, high, not minimal"),
    ("grok-3", "low", "grok-3 does not accept reasoning_effort, not low"),
    ("grok-3-mini", "medium", "grok-3-mini accepts low, high, not medium"),
    ("gpt-5", "xhigh", "gpt-5 accepts minimal, low, medium, high, not xhigh"),
])
def test_a_level_that_a_model_refuses_is_a_problem_when_its_own_and_a_note_when_general(upstream: str, level: str,
                                                                                        what: str) -> None:
    env = {"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": upstream}
    problem, = declared({**env, "MODEL_M_REASONING_EFFORT": level}).problems
    assert what in problem.what and problem.where.startswith("MODEL_M_REASONING_EFFORT") and problem.repair
    plan = declared({**env, "REASONING_EFFORT": level})
    assert plan.checked().models[0].effort is None
    assert any(f"so the global level {level} is left out" in note for note in plan.notes)


def test_the_general_effort_leaves_models_alone_that_do_not_chat() -> None:
    plan = declared({"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": "e", "MODEL_M_MODE": "embedding",
                     "REASONING_EFFORT": "low"})
    assert (plan.checked().models[0].effort, plan.notes) == (None, ())


def test_an_effort_that_litellm_would_drop_is_said_with_the_way_to_send_it() -> None:
    env = {"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": "gpt-4.1", "MODEL_M_REASONING_EFFORT": "low"}
    assert "set MODEL_M_ALLOW_PARAMS=reasoning_effort" in declared(env).notes[0]
    assert declared({**env, "MODEL_M_ALLOW_PARAMS": "reasoning_effort"}).notes == ()


@pytest.mark.parametrize("base", ["http://localhost:11434/v1", "http://localhost:11434/v1/",
                                  "http://localhost:8000/api", "http://localhost", "http://localhost:8080",
                                  "https://api.deepseek.com"])
def test_a_base_that_may_be_right_is_left_alone(base: str) -> None:
    assert declared({**two(), "MODEL_GPT5_API_BASE": base}).notes == ()


def test_the_native_provider_of_ollama_needs_no_v1() -> None:
    env = {"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": "ollama/qwen3"}
    assert declared({**env, "MODEL_M_API_BASE": "http://gpu:11434"}).notes == ()


# --- names, fallbacks, chains -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("env", "what", "where", "repair"), [
    (two(MODEL_DEEPSEEK_ALIAS="gpt-5"), "the alias gpt-5 is used by 2 models",
     "gpt5 (MODEL_GPT5_UPSTREAM_MODEL, environment); deepseek (MODEL_DEEPSEEK_ALIAS, environment)",
     "GATEWAY_LOAD_BALANCE=gpt-5"),
    (two(PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5", CHAIN_C_ALIAS="gpt-5"),
     "the chain c has the alias gpt-5 of a model", "environment", "CHAIN_C_ALIAS"),
    (two(PROXY_CHAIN_KEYS="c,d", CHAIN_C_MODELS="gpt5", CHAIN_D_MODELS="gpt5", CHAIN_D_ALIAS="c"),
     "the chains c and d share the alias c", "environment", "CHAIN_D_ALIAS"),
    (two(MODEL_GPT5_FALLBACKS="gpt5"), "gpt5 falls back to itself", "MODEL_GPT5_FALLBACKS", "remove gpt5"),
    (two(MODEL_GPT5_FALLBACKS="grok"), "gpt5 falls back to 'grok', no declared model", "MODEL_GPT5_FALLBACKS",
     "known keys: gpt5, deepseek"),
    (two(MODEL_GPT5_FALLBACKS="deepseek-v3.2"), "no declared model", "MODEL_GPT5_FALLBACKS", "use the key deepseek"),
    (two(MODEL_GPT5_FALLBACKS="deepseek,deepseek"), "gpt5 names a fallback twice", "MODEL_GPT5_FALLBACKS", "keep one"),
    (two(MODEL_GPT5_FALLBACKS="deepseek", MODEL_DEEPSEEK_FALLBACKS="gpt5"),
     "fallbacks run in a circle: gpt5 -> deepseek -> gpt5", "MODEL_GPT5_FALLBACKS",
     "remove gpt5 from the fallbacks of deepseek"),
    (two(PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5,grok"), "the chain c names 'grok', no declared model",
     "environment", "known keys: gpt5, deepseek"),
    (two(PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5,gpt5"), "the chain c names a model twice",
     "environment", "keep one"),
])
def test_names_that_clash_or_lead_nowhere_are_refused(env: dict[str, str], what: str, where: str, repair: str) -> None:
    problem = declared(env).problems[0]
    assert what in problem.what and where in problem.where and repair in problem.repair


def test_two_specs_with_one_key_are_refused() -> None:
    plan = declared(model_specs=("key=a,upstream=x", "key=A,upstream=y"))
    assert whats(plan) == ["the key a is used 2 times"]


def test_an_alias_may_be_shared_where_the_operator_says_so() -> None:
    plan = declared(two(MODEL_DEEPSEEK_ALIAS="gpt-5", GATEWAY_LOAD_BALANCE="gpt-5"))
    assert aliases(plan) == ["gpt-5", "gpt-5"]


def test_a_fallback_to_a_broken_model_is_not_a_second_problem() -> None:
    plan = declared(two(MODEL_GPT5_FALLBACKS="deepseek", MODEL_DEEPSEEK_RPM="x", PROXY_CHAIN_KEYS="c",
                        CHAIN_C_MODELS="gpt5,deepseek"))
    assert [what[:18] for what in whats(plan)] == ["MODEL_DEEPSEEK_RPM"]


@pytest.mark.parametrize(("graph", "cycle"), [
    ({}, []), ({"a": ["b"], "b": []}, []), ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
    ({"a": ["a"]}, []), ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
    ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ["a", "b", "c", "a"]), ({"a": ["gone"]}, []),
    ({str(n): [str(n + 1)] for n in range(5_000)}, []),
])
def test_circles_are_found(graph: dict[str, list[str]], cycle: list[str]) -> None:
    assert find_cycle(graph) == cycle


@pytest.mark.parametrize(("more", "note"), [
    ({"CHAIN_C_MODELS": "gpt5,deepseek"},
     "chain c: deepseek-v3.2 after gpt-5 has a context window of 163840 instead of 400000 tokens and no vision"),
    ({"CHAIN_C_MODELS": "gpt5,deepseek", "MODEL_GPT5_RETRIES": "2"},
     "chain c: one request causes at most 4 upstream calls"),
    ({"CHAIN_C_MODELS": "gpt5", "MODEL_GPT5_FALLBACKS": "deepseek"},
     "gpt-5: one request causes at most 2 upstream calls"),
])
def test_what_a_chain_costs_and_loses_is_said(more: dict[str, str], note: str) -> None:
    assert note in declared(two(more, PROXY_CHAIN_KEYS="c")).notes


def test_a_model_that_its_provider_retires_is_a_note() -> None:
    plan = declared({"PROXY_MODEL_KEYS": "m", "MODEL_M_UPSTREAM_MODEL": "gemini/gemini-1.5-pro"})
    assert "2025-09-24" in plan.notes[0]


def test_everything_is_told_at_once_and_nothing_twice() -> None:
    env = two(PORT="abc", WORKERS="x", MODEL_GPT5_RPM="x", MODEL_GPT5_TYPO="x", OPENAI_API_BASE="nowhere")
    with pytest.raises(ConfigurationError) as refused:
        declared(env, "A='open\nB=1\nB=2\n", add_model_specs=("zzz=1",)).checked(launch=True)
    whats_ = [problem.what for problem in refused.value.problems]
    assert len(whats_) == len(set(whats_)) == 11, whats_
    assert all(problem.repair for problem in refused.value.problems)
