"""The home cluster of docs/home-cluster.md, as it stands there: a chain of three beside five parallel free tiers."""

import re
from collections.abc import Iterator

import pytest

from src.mock.server import Fault, MockUpstream
from tests.readme.markdown import block, blocks
from tests.unit.declaring import declared, document

from .gateway import Gateway, until
from .inside_support import Inside
from .limits_support import within_one_minute

PAGE = "docs/home-cluster.md"
DOTENV = block("env", "The declaration", PAGE).text
OWN = ["vllm-qwen", "ollama-qwen", "openai-gpt4o"]
PARALLEL = {"groq/openai/gpt-oss-120b": "groq_oss120", "groq/openai/gpt-oss-20b": "groq_oss20",
            "gemini/gemini-2.5-flash": "gemini_flash", "gemini/gemini-2.5-flash-lite": "gemini_lite",
            "mistral/mistral-small-latest": "mistral_small"}
MODELS = {"vllm-qwen": "Qwen/Qwen3-32B", "ollama-qwen": "qwen3:8b", "openai-gpt4o": "gpt-4o"}


@pytest.fixture(scope="module")
def providers() -> Iterator[MockUpstream]:
    """Groq, Gemini and Mistral in one."""
    with MockUpstream() as mock:
        yield mock


@pytest.fixture(scope="module")
def home(upstream: MockUpstream, providers: MockUpstream) -> Iterator[Inside]:
    """The gateway of the page; ``upstream`` plays vLLM, Ollama and OpenAI, told apart by their models."""
    text = DOTENV.replace("http://vllm.home:8000/v1", upstream.url).replace("http://ollama.home:11434/v1", upstream.url)
    text += f"OPENAI_API_BASE={upstream.url}\n"
    text += "".join(f"MODEL_{key.upper()}_API_BASE={providers.url}\n" for key in PARALLEL.values())
    with Gateway({}, dotenv=text) as gateway:
        yield Inside(gateway)


@pytest.fixture(autouse=True)
def all_is_well(upstream: MockUpstream, providers: MockUpstream) -> None:
    """Start every test with all upstreams up and nothing recorded."""
    upstream.reset()
    providers.reset()


def fail(mock: MockUpstream, *names: str, status: int = 503) -> None:
    """Let models fail from now on, named as the upstream knows them."""
    for name in names:
        mock.faults[name] = Fault(status=status)


def answered(home: Inside, alias: str) -> tuple[int, str]:
    answer = home.chat(alias)
    return answer.status_code, answer.headers.get("x-gateway-model", "")


def test_the_yaml_has_the_chain_and_each_members_own_fallbacks() -> None:
    router = document(declared({}, dotenv=DOTENV))["router_settings"]
    assert router["fallbacks"] == [{"default": OWN[1:]}, {"vllm-qwen": OWN[1:]}, {"ollama-qwen": OWN[2:]}]


def test_nine_names_are_listed(home: Inside) -> None:
    assert home.gateway.aliases() == [*OWN, *PARALLEL, "default"]


@pytest.mark.parametrize(("down", "answers"), [(0, "vllm-qwen"), (1, "ollama-qwen"), (2, "openai-gpt4o")])
@pytest.mark.parametrize("asked", ["default", "vllm-qwen"])
def test_the_next_tier_answers_while_those_before_it_are_down(home: Inside, upstream: MockUpstream, asked: str,
                                                              down: int, answers: str) -> None:
    fail(upstream, *(MODELS[name] for name in OWN[:down]))
    answer = home.chat(asked)
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, answers)
    line = home.line(answer)
    assert (line["chain"], line["chain_position"]) == ("default" if asked == "default" else None, down + 1)
    assert [attempt["deployment"] for attempt in line["attempts"]] == [
        name.replace("-", "_") for name in OWN[:down + 1]]


@pytest.mark.parametrize(("asked", "down", "expected"), [
    ("ollama-qwen", ["ollama-qwen"], (200, "openai-gpt4o")), ("openai-gpt4o", ["openai-gpt4o"], (503, "openai-gpt4o")),
    ("ollama-qwen", ["ollama-qwen", "openai-gpt4o"], (503, "ollama-qwen")), ("default", OWN, (503, "default")),
])
def test_a_member_asked_by_its_name_has_its_own_fallbacks_only(
        home: Inside, upstream: MockUpstream, providers: MockUpstream, asked: str, down: list[str],
        expected: tuple[int, str]) -> None:
    fail(upstream, *(MODELS[name] for name in down))
    assert answered(home, asked) == expected
    assert not providers.requests, "no free tier is spent"


def test_the_chain_answers_while_every_parallel_model_is_down(home: Inside, upstream: MockUpstream,
                                                              providers: MockUpstream) -> None:
    fail(providers, *(alias.partition("/")[2] for alias in PARALLEL))
    assert [answered(home, alias)[0] for alias in PARALLEL] == [503] * 5
    assert not upstream.requests, "their errors are their own"
    assert answered(home, "default") == (200, "vllm-qwen")


def test_the_parallel_models_answer_while_the_whole_chain_is_down(home: Inside, upstream: MockUpstream) -> None:
    fail(upstream, *MODELS.values())
    assert [answered(home, alias) for alias in PARALLEL] == [(200, alias) for alias in PARALLEL]


def test_a_spent_free_tier_is_a_429_of_its_own(home: Inside, providers: MockUpstream) -> None:
    within_one_minute(10)
    answers = [home.chat("gemini/gemini-2.5-flash") for _ in range(11)]
    refused = answers[-1]
    assert refused.status_code == 429 and "limit MODEL_GEMINI_FLASH" in refused.json()["error"]["message"]
    assert 0 < int(refused.headers["retry-after"]) <= 60
    served = [request for request in providers.requests if request.model == "gemini-2.5-flash"]
    assert len(served) <= 10 and all(answer.status_code in (200, 429) for answer in answers)
    assert answered(home, "gemini/gemini-2.5-flash-lite")[0] == 200 and answered(home, "default")[0] == 200


@pytest.mark.parametrize(("alias", "key"), [
    ("groq/openai/gpt-oss-120b", "your-groq-key"), ("gemini/gemini-2.5-flash-lite", "your-gemini-key"),
    ("mistral/mistral-small-latest", "your-mistral-key"), ("openai-gpt4o", "your-openai-key"),
])
def test_a_placeholder_key_is_the_providers_own_error_without_the_key(
        home: Inside, upstream: MockUpstream, providers: MockUpstream, alias: str, key: str) -> None:
    mock, model = (upstream, MODELS[alias]) if alias in MODELS else (providers, alias.partition("/")[2])
    mock.faults[model] = Fault(require_key="a-real-one", echo_key=True)
    answer = home.chat(alias)
    assert [request.key for request in mock.requests] == [key], "it was sent, and asked for once"
    error = answer.json()["error"]
    assert answer.status_code == 401 and "Incorrect API key provided" in error["message"]
    line = home.line(answer)
    assert line["error_type"] == "upstream_auth"
    told = [answer.text, str(answer.headers), str(line), home.gateway.stdout, home.gateway.stderr]
    assert [text for text in told if key in text] == []


# --- what the page's PromQL reads -----------------------------------------------------------------------------------

SELECTOR = re.compile(r'(gateway_\w+)(?:\{([^}]*)\})?')
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def series(scrape: str) -> list[tuple[str, dict[str, str]]]:
    """Return the name and the labels of every series of a scrape."""
    found = (re.match(r"(\w+)(?:\{(.*)\})? ", line) for line in scrape.splitlines() if not line.startswith("#"))
    return [(one[1], dict(re.findall(r'(\w+)="([^"]*)"', one[2] or ""))) for one in found if one]


def fits(labels: dict[str, str], matchers: str) -> bool:
    """Tell whether a series has the labels that a selector asks for, as Prometheus compares them."""
    def one(name: str, operator: str, value: str) -> bool:
        same = bool(re.fullmatch(value, labels[name])) if "~" in operator else labels[name] == value
        return same is not operator.startswith("!")
    asked = MATCHER.findall(matchers or "")
    return all(name in labels for name, _, _ in asked) and all(one(*matcher) for matcher in asked)


def queries() -> list[str]:
    return [line for one in blocks(PAGE) if one.language == "text" for line in one.text.splitlines()]


def test_every_query_of_the_page_finds_its_series(home: Inside, upstream: MockUpstream,
                                                  providers: MockUpstream) -> None:
    for alias in PARALLEL:
        home.chat(alias)
    home.chat("default", stream=True)
    fail(upstream, MODELS["vllm-qwen"])
    home.chat("default")
    fail(providers, "openai/gpt-oss-20b", status=429)
    home.chat("groq/openai/gpt-oss-20b")
    within_one_minute(10)
    assert 429 in [home.chat("gemini/gemini-2.5-flash").status_code for _ in range(11)]
    assert len(queries()) == 11

    def missing() -> list[str]:
        scrape = series(home.gateway.request("GET", "/metrics").text)
        return [f"{name}{{{matchers}}}" for query in queries() for name, matchers in SELECTOR.findall(query)
                if not any(name == known and fits(labels, matchers) for known, labels in scrape)]
    until(lambda: not missing(), f"series of {missing()}", 15)


def test_a_query_groups_by_labels_that_are_there(home: Inside) -> None:
    scrape = series(home.gateway.request("GET", "/metrics").text)
    grouped = [(query, label) for query in queries() for label in re.findall(r"by \((\w+)\)", query)]
    assert len(grouped) == 5
    for query, label in grouped:
        name = SELECTOR.findall(query)[0][0]
        assert {label in labels for known, labels in scrape if known == name} == {True}, query
