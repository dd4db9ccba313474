"""The table of global variables: what is accepted, what is refused with a line to paste, and precedence."""

import pytest

from src.config.settings import BY_NAME, VARIABLES, describe, example, read_settings

from .declaring import canary, declared


def read(name: str, text: str) -> object:
    settings, problems = read_settings({name: text}, {name: "environment"})
    assert problems == (), problems[0].text()
    return settings.values[name]


@pytest.mark.parametrize(("name", "text", "value"), [
    ("PORT", "8080", 8080), ("PORT", " 8080 ", 8080), ("PORT", "", 4000), ("PORT", "  ", 4000),
    ("WORKERS", "2", 2), ("LITELLM_HOST", "0.0.0.0", "0.0.0.0"), ("LITELLM_HOST", "[::1]", "::1"),
    ("LITELLM_HOST", "::", "::"), ("OPENAI_API_BASE", "https://h/v1/", "https://h/v1"),
    ("OPENAI_API_BASE", " https://h/v1 ", "https://h/v1"), ("OPENAI_API_BASE", "HTTPS://H:8443", "HTTPS://H:8443"),
    ("OPENAI_API_BASE", "http://[::1]:11434/v1", "http://[::1]:11434/v1"), ("REASONING_EFFORT", "HIGH", "high"),
    ("REASONING_EFFORT", "none", "none"), ("GATEWAY_LOAD_BALANCE", "a, b,,", ("a", "b")),
    ("GATEWAY_LOG_FORMAT", "JSON", "json"), ("GATEWAY_GRACE", "2.5", 2.5), ("GATEWAY_MAX_BODY_MB", "1", 1),
    ("GATEWAY_CORS_ORIGINS", "https://a.example, http://localhost:3000/",
     ("https://a.example", "http://localhost:3000/")),
    ("GATEWAY_CORS_ORIGINS", "*", ("*",)), ("GATEWAY_CORS_ORIGINS", "vscode-webview://x1", ("vscode-webview://x1",)),
    ("GATEWAY_EXTRA_ROUTES", "/v1/files/*,/rerank", ("/v1/files/*", "/rerank")),
    ("GATEWAY_METRICS_PUBLIC", "Yes", True), ("GATEWAY_METRICS_PUBLIC", "off", False),
    ("GATEWAY_ENVIRONMENT", "production", "production"), ("GATEWAY_DEBUG", "1", True),
])
def test_values_are_read(name: str, text: str, value: object) -> None:
    assert read(name, text) == value


@pytest.mark.parametrize(("name", "text", "what"), [
    *(("PORT", text, "must be a whole number from 1 to 65535")
      for text in ("abc", "0", "65536", "-1", "4000.0", "4_000", "\u0664", "1e3", "9" * 5000)),
    ("WORKERS", "0", "from 1 to 128"), ("WORKERS", "129", "from 1 to 128"),
    *(("LITELLM_HOST", text, "must be a host name or an address")
      for text in ("a b", "http://h", "u@h", "h?x", "a\x01b", "a\udcffb")),
    *(("OPENAI_API_BASE", text, "must be a URL")
      for text in ("h", "ftp://h", "http://", "http://h:x", "http://h:0", "https://[::1", "http://a b", "http://h\x85b",
                   "http://h\udcff", "http://u:p@h", "http://h?q=1", "http://h#f", "//h/v1")),
    ("REASONING_EFFORT", "banana", "must be one of none, minimal, low, medium, high, xhigh"),
    ("GATEWAY_LOG_FORMAT", "xml", "must be one of auto, text, json"),
    *(("GATEWAY_GRACE", text, "must be a number of seconds above 0, at most 86400")
      for text in ("0", "-1", "nan", "inf", "86401", "soon", "1e400", "1_0")),
    ("GATEWAY_MAX_BODY_MB", "0", "from 1 to 4096"),
    *(("GATEWAY_CORS_ORIGINS", text, "must be origins such as https://app.example.com")
      for text in ("app.example.com", "https://a/path", "https://a b", "https://a,\udcff")),
    *(("GATEWAY_EXTRA_ROUTES", text, "must be paths such as") for text in ("v1/files", "/a b", "/\u00e9")),
    ("GATEWAY_METRICS_PUBLIC", "maybe", "must be one of 1, true, yes, on, 0, false, no, off"),
    ("GATEWAY_ENVIRONMENT", "a\nb", "none of them a control character"),
    ("GATEWAY_ENVIRONMENT", "x" * 65, "must be at most 64 characters"),
])
def test_values_that_cannot_be_used_are_refused_with_a_line_to_paste(name: str, text: str, what: str) -> None:
    settings, (problem,) = read_settings({name: text}, {name: ".env line 3"})
    assert what in problem.what and problem.what.startswith(name) and len(problem.what) < 250
    assert problem.where == ".env line 3" and problem.repair.startswith(f"{name}=")
    assert settings.values[name] == BY_NAME[name].default
    assert read_settings({name: problem.repair.removeprefix(f"{name}=")}, {})[1] == ()


def test_a_base_is_never_shown_in_a_message_since_it_may_hold_a_key() -> None:
    secret = canary()
    for base in (f"https://u:{secret}@h/v1", f"https://h/v1?key={secret}", f"{secret} x"):
        _, problems = read_settings({"OPENAI_API_BASE": base}, {})
        assert problems and secret not in problems[0].text()


def test_a_problem_names_the_flag_where_the_flag_was_used() -> None:
    plan = declared({"OPENAI_API_KEY": "x", "PORT": "5000"}, flags={"PORT": "abc"})
    assert plan.problems[0].text() == "--port 'abc' must be a whole number from 1 to 65535\n" \
        "  from: flag --port\n  repair: --port 4000"


@pytest.mark.parametrize(("env", "dotenv", "flags", "value", "origin"), [
    ({}, "", {}, 4000, "default"),
    ({}, "PORT=1\n", {}, 1, ".env line 1"),
    ({"PORT": "2"}, "PORT=1\n", {}, 2, "environment"),
    ({"PORT": "2"}, "PORT=1\n", {"PORT": "3"}, 3, "flag --port"),
    ({"PORT": ""}, "PORT=1\n", {}, 1, ".env line 1"),
])
def test_flags_win_over_the_environment_over_dotenv_over_the_default(
        env: dict[str, str], dotenv: str, flags: dict[str, str], value: int, origin: str) -> None:
    settings = declared({"OPENAI_API_KEY": "x", **env}, dotenv, flags=flags).settings
    assert (settings.whole("PORT"), settings.origin("PORT")) == (value, origin)


def test_every_variable_is_described_for_the_readme() -> None:
    rows = {name: (default, text) for name, default, text in describe()}
    assert list(rows) == [variable.name for variable in VARIABLES]
    assert rows["PORT"] == ("4000", "Port to listen on (`--port`)")
    assert rows["GATEWAY_GRACE"][0] == "30" and "*(secret)*" in rows["LITELLM_MASTER_KEY"][1]
    assert all(text for _, text in rows.values())


def test_these_variables_hold_secrets() -> None:
    assert {variable.name for variable in VARIABLES if variable.secret} == {
        "OPENAI_API_KEY", "LITELLM_MASTER_KEY", "LITELLM_API_KEY", "GATEWAY_METRICS_KEY", "GATEWAY_DATABASE_URL",
        "DISCOVERY_TOKENS"}


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES if not variable.secret])
def test_the_example_of_every_variable_is_accepted(name: str) -> None:
    shown = example(BY_NAME[name])
    assert read_settings({name: shown}, {})[1] == ()
