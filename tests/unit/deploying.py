"""What the tests of rendered documents share: a plan on its way, documents read back, every key a canary."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from src.config.database import Database, parse_database_url
from src.config.environment import Environment
from src.config.plan import LaunchPlan, Sources, build_plan
from src.config.settings import VARIABLES
from src.deploy import compose, kubernetes
from src.deploy.asked import Compose, Kubernetes
from src.deploy.target import Target, target_of

from .declaring import ROOT, canary, declared

FIXTURES, GOLDEN = ROOT / "tests" / "fixtures", ROOT / "tests" / "golden" / "deploy"
SQLITE = parse_database_url("sqlite:///gateway.db", Path("/srv/state"), stated=False)
HOME = {
    "PROXY_MODEL_KEYS": "gpt5,llama,flash,vllm", "PROXY_CHAIN_KEYS": "default", "CHAIN_DEFAULT_MODELS": "vllm,gpt5",
    "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5", "MODEL_LLAMA_UPSTREAM_MODEL": "groq/llama-3.3-70b-versatile",
    "MODEL_FLASH_UPSTREAM_MODEL": "gemini/gemini-1.5-flash", "MODEL_FLASH_API_KEY_FILE": "/run/keys/flash",
    "MODEL_VLLM_UPSTREAM_MODEL": "qwen3-32b", "MODEL_VLLM_API_BASE": "http://vllm.example.com/v1",
    "MODEL_VLLM_API_KEY_ENV": "none", "MODEL_VLLM_HEADERS": "X-Title=home",
}


def planned(env: Mapping[str, str], database: Database | None = SQLITE, **more: Any) -> LaunchPlan:
    """Return the checked plan of an environment beside a database."""
    return declared(env, database=database, **more).checked()


def with_every_secret(env: Mapping[str, str]) -> tuple[LaunchPlan, list[str]]:
    """Return the plan of ``env`` with a canary in every secret variable, and all the canaries."""
    names = {variable.name for variable in VARIABLES if variable.secret} - {"GATEWAY_DATABASE_URL"}
    names |= {"OPENAI_API_KEY", "GROQ_API_KEY", "GROK_API_SECRET"}
    keys = {name: canary() for name in sorted(names)}
    password, in_file = canary(), canary()
    url = f"postgresql://gateway:{password}@db.example.com/gateway"
    everything = {**env, **keys, "GATEWAY_DATABASE_URL": url}
    plan = declared(everything, files={"/run/keys/flash": in_file.encode()},
                    database=parse_database_url(url, Path()))
    return plan.checked(launch=True), [*keys.values(), password, in_file]


def compose_of(plan: LaunchPlan, **options: Any) -> str:
    """Return the compose file of a plan."""
    asked = Compose(**options)
    return compose.render(target_of(plan, asked.postgres, compose.wanted_secrets(plan, asked)), asked)


def k8s_of(plan: LaunchPlan, namespace: str = "ml", name: str = "litellm", **options: Any) -> str:
    """Return the Kubernetes documents of a plan."""
    asked = Kubernetes(namespace, name, **options)
    return kubernetes.render(target_of(plan, asked.postgres), asked)


def kinds(text: str) -> dict[str, dict[str, Any]]:
    """Return the documents by their kind."""
    return {value["kind"]: value for value in yaml.safe_load_all(text)}


def service(text: str, name: str = "gateway") -> dict[str, Any]:
    """Return one service of a compose file."""
    found: dict[str, Any] = yaml.safe_load(text)["services"][name]
    return found


def container(text: str) -> dict[str, Any]:
    """Return the container of the Deployment."""
    found: dict[str, Any] = kinds(text)["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def inside(text: str, name: str = "gateway", launch: bool = True) -> LaunchPlan:
    """Return the plan that the container of a compose service makes of its own environment, its secrets filled in."""
    variables = {name: value.replace("$$", "$") for name, value in service(text, name)["environment"].items()}
    sources = Sources(Environment(variables, read_file=lambda path: canary().encode()), database=SQLITE)
    return build_plan(sources).checked(launch=launch)


def commands(text: str) -> list[str]:
    """Return the commands that stand in the comments."""
    return [found.partition("   #")[0] for found in re.findall(r"^#   (.*)$", text, re.MULTILINE)]


__all__ = ["FIXTURES", "GOLDEN", "HOME", "ROOT", "SQLITE", "Target", "canary", "commands", "compose_of", "container",
           "declared", "inside", "k8s_of", "kinds", "planned", "service", "with_every_secret"]
