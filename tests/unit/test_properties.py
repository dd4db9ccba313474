"""Whatever is declared: a configuration that says exactly that, or a clean refusal. Never anything else."""

import json
import string
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.config.document import plan_document
from src.config.environment import Environment, parse_dotenv
from src.config.fields import BY_SPEC, FIELDS, KEY_SUFFIXES
from src.config.models import EFFORT_LEVELS, MODES, ModelSpec
from src.config.parsing import load_model_specs_from_cli
from src.config.plan import LaunchPlan, Sources, build_plan
from src.config.providers import NATIVE_PROVIDERS, OPENAI_BASE, split_provider
from src.config.rendering import render_config
from src.config.settings import VARIABLES

from .declaring import canary, declared

# The machine is shared: a slow example says nothing about the code.
many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- sets of valid specs ----------------------------------------------------------------------------------------

KEYLESS_NATIVES = ("groq", "gemini", "mistral", "xai", "deepseek", "openrouter")
visible = st.characters(categories=("L", "N", "P", "S"), exclude_characters=",*\\").filter(str.isprintable)
names = st.text(visible, min_size=1, max_size=12)
headers = st.dictionaries(st.from_regex(r"X-[A-Z][a-z]{1,5}", fullmatch=True),
                          st.text(string.ascii_letters + string.digits, min_size=1, max_size=8), max_size=3)
parameters = st.lists(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), max_size=3).map(tuple)
counts = st.none() | st.integers(1, 10**12)
dollars = st.none() | st.integers(0, 10**9).map(lambda micro: Decimal(micro) / 1_000_000)
seconds = st.none() | st.integers(1, 86_400_000).map(lambda milli: milli / 1000)


@st.composite
def specs(draw: st.DrawFn, key: str) -> ModelSpec:
    """Return any valid spec; its model never begins with a provider's name, which would mean that provider."""
    provider = draw(st.sampled_from(("openai", *KEYLESS_NATIVES)))
    model = draw(names.filter(lambda text: split_provider(text)[0] == "openai" and not text.startswith("openai/")))
    return ModelSpec(
        key=key, alias=f"{draw(names)}{key}", provider=provider, model=model,
        mode=draw(st.none() | st.sampled_from(list(MODES))),
        api_base=draw(st.none() | st.sampled_from(("http://127.0.0.1:8000/v1", "https://a.example.com"))),
        api_key_env=draw(st.sampled_from((None, "none", "MY_KEY", "OTHER_KEY_2"))),
        reasoning_effort=draw(st.none() | st.sampled_from(EFFORT_LEVELS)),
        timeout=draw(seconds), stream_timeout=draw(seconds), retries=draw(st.none() | st.integers(0, 10)),
        max_tokens=draw(counts), rpm=draw(counts), tpm=draw(counts), rpd=draw(counts), tpd=draw(counts),
        max_parallel=draw(counts), input_cost=draw(dollars), output_cost=draw(dollars), context_window=draw(counts),
        headers=tuple(draw(headers).items()), allow_params=draw(parameters), drop_params=draw(parameters))


@st.composite
def fleets(draw: st.DrawFn) -> list[ModelSpec]:
    """Return several specs; each may fall back to later ones, so that there is no circle."""
    count = draw(st.integers(1, 4))
    drawn = [draw(specs(f"k{number}")) for number in range(count)]
    later = [draw(st.lists(st.sampled_from([s.key for s in drawn[n + 1:]]), unique=True)) if n + 1 < count else []
             for n in range(count)]
    return [ModelSpec(**{**vars(spec), "fallbacks": tuple(keys)}) for spec, keys in zip(drawn, later)]


def as_text(value: object) -> str:
    """Return a field's value as an operator writes it."""
    if isinstance(value, tuple):
        return ",".join("=".join(part) if isinstance(part, tuple) else str(part) for part in value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def fields_of(spec: ModelSpec) -> dict[str, str]:
    """Return spec field -> text for everything that the spec says."""
    said = {field.spec: getattr(spec, field.attribute) for field in FIELDS if field.attribute != "upstream"}
    texts = {name: as_text(value) for name, value in said.items() if value not in (None, ())}
    return {"upstream": spec.model, **texts}


def as_variables(fleet: list[ModelSpec]) -> dict[str, str]:
    env = {"PROXY_MODEL_KEYS": ",".join(spec.key for spec in fleet)}
    for spec in fleet:
        env |= {f"MODEL_{spec.key.upper()}_{BY_SPEC[name].suffixes[0]}": text for name, text in fields_of(spec).items()}
    return env


def as_flags(fleet: list[ModelSpec]) -> tuple[str, ...]:
    return tuple(",".join([f"key={spec.key}"] + [f"{name}=" + text.replace(",", r"\,")
                                                 for name, text in fields_of(spec).items()]) for spec in fleet)


# --- the inverse: what LiteLLM and the workers are told, back into specs ------------------------------------------

MODES_BACK = {theirs: ours for ours, theirs in MODES.items()}


def read_back(text: str, plan: Mapping[str, Any]) -> list[ModelSpec]:
    """Return the specs that a YAML text and its plan.json stand for, with defaults filled in."""
    told = yaml.safe_load(text)
    walks = told["router_settings"].get("fallbacks", ())
    fallbacks = {alias: targets for entry in walks for alias, targets in entry.items()}
    keys = {entry["model_name"]: entry["model_info"]["id"] for entry in told["model_list"]}
    return [from_entry(entry, planned, tuple(keys[alias] for alias in fallbacks.get(entry["model_name"], ())))
            for entry, planned in zip(told["model_list"], plan["models"], strict=True)]


def from_entry(entry: Mapping[str, Any], planned: Mapping[str, Any], fallbacks: tuple[str, ...]) -> ModelSpec:
    params, info = entry["litellm_params"], entry["model_info"]
    provider, _, model = params["model"].partition("/")
    key = params["api_key"]

    def per_million(name: str) -> Decimal | None:
        return None if info.get(name) is None else round(Decimal(str(info[name])) * 1_000_000, 6).normalize()

    return ModelSpec(
        key=info["id"], alias=entry["model_name"], provider=provider, model=model, mode=MODES_BACK[info["mode"]],
        api_base=params.get("api_base"), api_key_env="none" if key == "keyless" else key.removeprefix("os.environ/"),
        reasoning_effort=params.get("reasoning_effort"), timeout=params.get("timeout"),
        stream_timeout=params["stream_timeout"], retries=planned["retries"], max_tokens=params.get("max_tokens"),
        rpm=planned["rpm"], tpm=planned["tpm"], rpd=planned["rpd"], tpd=planned["tpd"],
        max_parallel=params.get("max_parallel_requests"), fallbacks=fallbacks,
        input_cost=per_million("input_cost_per_token"), output_cost=per_million("output_cost_per_token"),
        context_window=info.get("max_input_tokens"), headers=tuple(params.get("extra_headers", {}).items()),
        allow_params=tuple(params.get("allowed_openai_params", ())),
        drop_params=tuple(params.get("additional_drop_params", ())))


def with_defaults(spec: ModelSpec) -> ModelSpec:
    """Return the spec as it is once everything that it leaves open is decided."""
    native = NATIVE_PROVIDERS.get(spec.provider)
    usual = native.key_envs[0] if native else "OPENAI_API_KEY"
    defaults = {"mode": "chat", "stream_timeout": 60.0, "api_key_env": usual,
                "api_base": None if native else OPENAI_BASE}
    filled = {name: value for name, value in defaults.items() if getattr(spec, name) is None}
    effort = None if spec.reasoning_effort == "none" else spec.reasoning_effort
    return ModelSpec(**{**vars(spec), **filled, "reasoning_effort": effort})


@many
@given(fleets())
def test_any_set_of_specs_survives_the_way_through_yaml(fleet: list[ModelSpec]) -> None:
    by_variables, by_flags = declared(as_variables(fleet)).checked(), declared(model_specs=as_flags(fleet)).checked()
    text = render_config(by_variables)
    assert [model.spec for model in by_variables.models] == [model.spec for model in by_flags.models] == fleet
    assert render_config(by_flags) == text
    assert read_back(text, plan_document(by_variables)) == [with_defaults(spec) for spec in fleet]


@many
@given(fleets(), fleets())
def test_two_configurations_share_a_hash_only_where_they_say_the_same(one: list[ModelSpec],
                                                                      other: list[ModelSpec]) -> None:
    hashes = [render_config(declared(as_variables(fleet))).splitlines()[0] for fleet in (one, other)]
    same = [with_defaults(spec) for spec in one] == [with_defaults(spec) for spec in other]
    assert (hashes[0] == hashes[1]) == same


# --- anything at all --------------------------------------------------------------------------------------------

# What a process can be given: any character, lone surrogates (bytes that are not UTF-8) and control characters too.
anything = st.text(st.characters(exclude_characters="\0"), max_size=40) | st.sampled_from(
    ["9" * 5000, "1e400", "-0", "a" * 70_000, ",".join("k" * 300), "[" * 2000, "\udcff", "\r\n", "${X}", "\\,", "\\"])
variable_names = st.sampled_from(
    [variable.name for variable in VARIABLES] + ["OPENAI_MODEL", "LITELLM_MODEL_ALIAS", "MODEL_A_B_ALIAS", "MODEL_"]
    + [f"MODEL_A_{suffix}" for field in FIELDS for suffix in field.suffixes] + [f"MODEL_A_{s}" for s in KEY_SUFFIXES]
    + [f"CHAIN_C_{suffix}" for suffix in ("MODELS", "ALIAS", "ON", "TYPO")] + ["OPENAI_API_KEY_FILE"])
environments = st.dictionaries(variable_names, anything, max_size=6).map(
    lambda chosen: {"PROXY_MODEL_KEYS": "a", "MODEL_A_UPSTREAM_MODEL": "gpt-5", "OPENAI_API_KEY": "k", **chosen})
spec_texts = anything | st.lists(st.tuples(st.sampled_from(["key", "api_key", *BY_SPEC]), anything), max_size=5).map(
    lambda pairs: ",".join(f"{name}={value}" for name, value in pairs))


def outcome(sources: Sources) -> str:
    """Return the YAML, or the text of the refusal; anything else that happens is a failure of the test."""
    plan = build_plan(sources)
    for problem in plan.problems + plan.launch_problems:
        assert problem.what and problem.repair
        problem.text().encode(errors="backslashreplace")
    if plan.problems:
        return "\n".join(problem.text() for problem in plan.problems)
    json.dumps(plan_document(plan)).encode()
    text = render_config(plan)
    assert yaml.safe_load(text.encode())["model_list"]
    return text


def open_anything(path: str) -> bytes:
    raise ValueError("embedded null byte") if "\0" in path else FileNotFoundError(2, "No such file or directory")


@many
@given(environments)
def test_any_environment_gives_a_configuration_or_a_refusal(environ: dict[str, str]) -> None:
    assert outcome(Sources(Environment(environ, read_file=open_anything)))


@many
@given(st.lists(spec_texts, max_size=3), st.none() | anything, st.none() | anything,
       st.dictionaries(st.sampled_from([v.name for v in VARIABLES if v.flag]), anything, max_size=3))
def test_any_flags_give_a_configuration_or_a_refusal(texts: list[str], alias: str | None, model: str | None,
                                                     flags: dict[str, str]) -> None:
    env = Environment({"OPENAI_API_KEY": "k"}, read_file=open_anything)
    assert outcome(Sources(env, tuple(texts), (), alias, model, flags))
    assert outcome(Sources(env, (), tuple(texts), alias, model, flags))


@many
@given(st.binary(max_size=200) | st.lists(st.tuples(variable_names, anything), max_size=6).map(
    lambda pairs: "\n".join(f"{name}={value}" for name, value in pairs).encode(errors="surrogatepass")))
def test_any_bytes_in_dotenv_give_a_configuration_or_a_refusal(data: bytes) -> None:
    assert outcome(Sources(Environment({"OPENAI_API_KEY": "k"}, parse_dotenv(data), open_anything)))


@many
@given(anything, environments)
def test_a_key_never_reaches_the_text(tail: str, environ: dict[str, str]) -> None:
    secret = canary()
    keys = ("OPENAI_API_KEY", "MODEL_A_API_KEY", "LITELLM_MASTER_KEY", "GROK_API_SECRET")
    given_keys = {name: secret + tail for name in keys}
    assert secret not in outcome(Sources(Environment({**environ, **given_keys}, read_file=open_anything)))


@many
@given(st.lists(spec_texts, min_size=1, max_size=3))
def test_a_reader_returns_a_model_or_a_problem_for_every_text(texts: list[str]) -> None:
    reading = load_model_specs_from_cli(texts)
    assert reading.problems or len(reading.models) == len(texts)


def test_an_empty_plan_is_never_rendered() -> None:
    plan: LaunchPlan = declared({})
    assert plan.models == () and plan.problems
