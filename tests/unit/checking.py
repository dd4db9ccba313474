"""What the tests of `check` share: declare something and see what is found."""

from collections.abc import Iterable, Mapping
from typing import Any

from src.checker.findings import Finding
from src.checker.plan_check import Subject, check_plan
from src.config.database import Database
from src.config.environment import DotEnv, Environment, parse_dotenv
from src.config.notes import Note
from src.config.plan import Sources, build_plan
from src.config.registry import RegistryReading
from tests.unit.declaring import canary, missing_file

DATABASE = Database("postgresql", "postgresql://db/gateway", "postgresql://db/gateway")


def keys() -> dict[str, str]:
    """Return the keys that a launch wants, made anew."""
    return {"LITELLM_MASTER_KEY": canary("9vQ"), "OPENAI_API_KEY": canary("upstream")}


def good(more: Mapping[str, str] | None = None, **values: str) -> dict[str, str]:
    """Return an environment in which nothing is wrong, changed by ``more`` and ``values``."""
    return {"PROXY_MODEL_KEYS": "a,b", "MODEL_A_UPSTREAM_MODEL": "gpt-5", "MODEL_B_UPSTREAM_MODEL": "gpt-5-mini",
            **keys(), **(more or {}), **values}


def subject(env: Mapping[str, str] | None = None, dotenv: str | bytes | None = None,
            files: Mapping[str, bytes] | None = None, database: Database | None = DATABASE,
            registry: RegistryReading | None = None, unpriced: Iterable[str] = (), **flags: Any) -> Subject:
    """Return what is declared by an environment, a `.env`, key files, flags and registry rows, ready to be checked."""
    data = dotenv.encode() if isinstance(dotenv, str) else dotenv
    parsed = DotEnv() if data is None else parse_dotenv(data, ".env", env or {})
    contents = files or {}

    def read_file(path: str) -> bytes:
        return contents[path] if path in contents else missing_file(path)

    environment = Environment(env or {}, parsed, read_file)
    sources = Sources(environment, database=database, registry=registry, **flags)
    return Subject(build_plan(sources), sources, (data or b"").decode(errors="replace"), tuple(unpriced))


def found(*args: Any, **kwargs: Any) -> list[Finding]:
    """Return the findings of ``subject(...)``."""
    return check_plan(subject(*args, **kwargs))


def codes(findings: Iterable[Finding]) -> list[str]:
    """Return the codes, in order."""
    return [finding.code for finding in findings]


def rows(*notes: Note, **document: Any) -> RegistryReading:
    """Return a registry with notes and parts of its document."""
    return RegistryReading(notes=notes, document=document)
