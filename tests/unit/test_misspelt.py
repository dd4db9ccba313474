"""A name in `.env` that is nearly one of ours is told, at the start and by `check`; others' names are not."""

from pathlib import Path

import pytest

from src.checker.variables import OF_THE_SERVER, PICKED_UP, base_variables
from src.config.environment import Environment, parse_dotenv
from src.config.misspelt import misspelt
from src.config.providers import NATIVE_PROVIDERS

from .checking import found, good
from .declaring import canary, declared, refused, run_here, two


def slips(dotenv: str, *needed: str, **environ: str) -> dict[str, str]:
    return misspelt(Environment(environ, parse_dotenv(dotenv.encode())), needed)


@pytest.mark.parametrize(("name", "meant"), [
    ("PROT", "PORT"), ("OPRT", "PORT"), ("port", "PORT"), ("WORKER", "WORKERS"), ("WORKRES", "WORKERS"),
    ("LITELLM_MASTERKEY", "LITELLM_MASTER_KEY"), ("LITELM_MASTER_KEY", "LITELLM_MASTER_KEY"),
    ("LITELLM_MASTER_KYE", "LITELLM_MASTER_KEY"), ("LITELLM_MASTER_KEYS", "LITELLM_MASTER_KEY"),
    ("LITELLM_MASTER_KEY_FLIE", "LITELLM_MASTER_KEY_FILE"), ("LITELLM_HOTS", "LITELLM_HOST"),
    ("OPENAI_KEY", "OPENAI_API_KEY"), ("OPENAI_APIKEY", "OPENAI_API_KEY"), ("OPEN_AI_API_KEY", "OPENAI_API_KEY"),
    ("OPENAPI_API_KEY", "OPENAI_API_KEY"), ("OPENAI_BSAE_URL", "OPENAI_BASE_URL"), ("GROQ_KEY", "GROQ_API_KEY"),
    ("GORQ_API_KEY", "GROQ_API_KEY"), ("ANTHROPIC_APIKEY", "ANTHROPIC_API_KEY"),
    ("ANTROPIC_API_KEY", "ANTHROPIC_API_KEY"),
    ("PROXY_MODEL_KEY", "PROXY_MODEL_KEYS"), ("PROXY_MODELS_KEYS", "PROXY_MODEL_KEYS"),
    ("GATEWAY_LOG_FROMAT", "GATEWAY_LOG_FORMAT"), ("GATEWAY_GRASE", "GATEWAY_GRACE"), ("OWN_KEY", "OWN_API_KEY"),
])
def test_a_name_that_is_one_slip_away_from_ours_is_told(name: str, meant: str) -> None:
    assert slips(f"# mine\n{name}=x", "OWN_API_KEY") == {name: meant}


@pytest.mark.parametrize("name", [
    "PORT2", "POST", "PART", "PORTS", "REPORT", "HOST", "WORKERS_2", "MAIL_API_KEY", "AI_API_KEY", "POET_API_KEY",
    "OPENAI_API_KEY_2", "OPENAI_API_KEY2", "OPENAI_APP_KEY", "OPENAI_API_TYPE", "OPENAI_MODEL", "AUTHROPIC_KEY",
    "LITELLM_KEY", "LITELLM_SALT_KEY", "LITELLM_LICENSE", "MODEL_PATH", "CHAIN_ID", "API_KEY", "KEY", "_", "X",
    "GOOGLE_API_KEY", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "GROK_API_SECRET", "DEBUG", "NUM_WORKERS",
    *PICKED_UP, *OF_THE_SERVER, *(name for provider in NATIVE_PROVIDERS for name in base_variables(provider)),
    *(name for provider in NATIVE_PROVIDERS.values() for name in provider.key_envs),
])
def test_names_of_others_are_left_alone(name: str) -> None:
    assert slips(f"{name}=x") == {}


@pytest.mark.parametrize(("dotenv", "environ"), [
    ("PROT=1\nPORT=2", {}), ("PROT=1", {"PORT": "2"}), ("PROT=1", {"PROT": "3"}),
    ("OPENAI_KEY=a\nOPENAI_API_KEY=b", {}), ("OPENAI_KEY=a", {"OPENAI_API_KEY": "b"}),
    ("OPENAI_KEY=a\nOPENAI_API_KEY_FILE=b", {}), ("OPENAI_API_KEY_FIEL=a\nOPENAI_API_KEY=b", {}),
    ("OPENAI_KEY=a\nOPENAI_API_KEY=${OPENAI_KEY}", {}), ("GROQ_KEY=a", {"GATEWAY_REGISTRY_KEYS": "OTHER_KEY,GROQ_KEY"}),
    ("GROQ_KEY=a\nMODEL_LATER_API_KEY_ENV=GROQ_KEY", {}), ("", {"PROT": "1"}),
])
def test_a_name_with_another_use_is_no_slip(dotenv: str, environ: dict[str, str]) -> None:
    assert slips(dotenv, **environ) == {}


def test_a_name_that_is_set_to_nothing_leaves_room_for_a_slip() -> None:
    assert slips("PORT=\nPROT=1") == {"PROT": "PORT"}


def test_a_launch_says_which_line_to_correct_and_shows_no_value() -> None:
    secret = canary()
    plan = declared(two(), f"# mine\nPROT={secret}")
    assert plan.checked().notes[-1] == "PROT (.env line 2) is read by nothing; did you mean PORT?"
    assert secret not in repr(plan.notes)


@pytest.mark.parametrize(("name", "missing"), [
    ("OPENAI_KEY", "OPENAI_API_KEY is not set; needed by gpt-5"),
    ("LITELLM_MASTERKEY", "LITELLM_MASTER_KEY is not set: clients would need no key")])
def test_what_is_missing_is_told_with_the_line_in_which_it_stands(
    name: str, missing: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(f"{name}={canary()}\n")
    (tmp_path / "c.yaml").write_text("model_list: [{model_name: gpt-5, litellm_params: {model: openai/gpt-5, "
                                     "api_key: os.environ/OPENAI_API_KEY}}]\n")
    env = {"GATEWAY_DATABASE_URL": "off"}
    launched = run_here("--model-spec", "upstream=gpt-5", env=env, cwd=tmp_path, capfd=capfd)
    refused(launched, missing, f".env line 1 sets {name}\n")
    existing = run_here("--config", "c.yaml", env=env, cwd=tmp_path, capfd=capfd)
    refused(existing, missing.partition(";")[0], f".env line 1 sets {name}\n")


@pytest.mark.parametrize(("line", "meant"), [
    ("PROT=4001", "PORT"), ("GROQ_KEY=x", "GROQ_API_KEY"), ("GATEWAY_GRASE=3", "GATEWAY_GRACE")])
def test_check_finds_a_slip_once(line: str, meant: str) -> None:
    (finding,) = found(good(), line)
    assert (finding.code, finding.place.line, finding.place.column, finding.repair) == ("GW501", 1, 1, f"write {meant}")
