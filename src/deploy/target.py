"""What a plan looks like where it will run: nothing of this machine in it, its secrets by name, its state elsewhere."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from ..config import database
from ..config.checks import MASTER_KEY
from ..config.document import plan_document
from ..config.environment import Secret
from ..config.lines import listed
from ..config.plan import LaunchPlan
from ..config.rendering import config_document, content_hash, dump, header
from ..config.settings import Settings
from ..errors import UsageProblem

METRICS_KEY = "GATEWAY_METRICS_KEY"
# Known to everybody: the gateway refuses it as a master key, and every provider as its own.
PLACEHOLDER = "change-me-please"
# Shorter values are found in any text.
_SHORTEST = 8
State = Literal["sqlite", "postgresql", "off"]
# Paths and files that containers do not have.
_LEFT_BEHIND = ("GATEWAY_SSL_CERTFILE", "GATEWAY_SSL_KEYFILE", "GATEWAY_LEDGER_SPILL_DIR", "GATEWAY_RUNTIME_DIR")


@dataclass(frozen=True)
class Target:
    """A plan on its way.

    ``secrets`` are the names that it needs, ``known`` those of this machine, none of whose values may go along;
    ``state`` is where it keeps what it records, ``shared``: in the very database that the plan was made with.
    """

    plan: LaunchPlan
    state: State
    secrets: tuple[str, ...]
    known: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    shared: bool = False
    notes: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """Return the port that the gateway listens on."""
        return self.plan.settings.whole("PORT")

    @property
    def workers(self) -> int:
        """Return the number of worker processes."""
        return self.plan.settings.whole("WORKERS")

    @property
    def hash(self) -> str:
        """Return the configuration's hash, as the gateway will log it."""
        return content_hash(self.body, plan_document(self.plan))

    @property
    def body(self) -> str:
        """Return LiteLLM's YAML without its header."""
        return dump(config_document(self.plan))

    @property
    def config(self) -> str:
        """Return LiteLLM's YAML, its hash on top."""
        return header(self.hash) + self.body

    def clean(self, text: str) -> str:
        """Return ``text``, or raise UsageProblem where it holds the value of a secret that is known here."""
        for name, secret in self.known.items():
            value = (secret.value or "").strip()
            if len(value) >= _SHORTEST and value != PLACEHOLDER and value in text:
                raise UsageProblem(f"the value of {name} stands in what was declared in clear", secret.where,
                                   "take it out of names, bases and headers; keys belong into their variables only")
        return text


def target_of(plan: LaunchPlan, postgres: bool, extra: Iterable[str] = ()) -> Target:
    """Return ``plan`` as it can run elsewhere; ``postgres`` asks for that database, ``extra`` are further secrets."""
    state = state_of(plan, postgres)
    # `off` stands in the same variable as a URL with a password, which is always kept out of logs.
    optional = {METRICS_KEY: METRICS_KEY in plan.secrets, database.VARIABLE: state != "sqlite"}
    names = [MASTER_KEY, *(model.key_env for model in plan.models if model.key_env), *extra,
             *(name for name, there in optional.items() if there)]
    secrets = {name: plan.secrets.get(name) or Secret(name, None, "nowhere") for name in dict.fromkeys(names)}
    gone = {name: None for name in _LEFT_BEHIND}
    settings = Settings(MappingProxyType({**plan.settings.values, **gone}), plan.settings.origins)
    shared = plan.database is not None and plan.database.kind == "postgresql" and state == "postgresql"
    moved = replace(plan, settings=settings, secrets=MappingProxyType(secrets),
                    registry=plan.registry if shared else {})
    wanted = tuple(name for name in secrets if state == "postgresql" or name != database.VARIABLE)
    return Target(moved, state, wanted, plan.secrets, shared, tuple(_notes(plan, state, shared)))


def state_of(plan: LaunchPlan, postgres: bool) -> State:
    """Return where the deployed gateway keeps its state: as the plan does, or in PostgreSQL where that is asked for."""
    if postgres or (plan.database is not None and plan.database.kind == "postgresql"):
        return "postgresql"
    return "off" if plan.database is None else "sqlite"


def _notes(plan: LaunchPlan, state: State, shared: bool) -> list[str]:
    """Return what will be otherwise than here."""
    return [*_of_settings(plan, state), *_of_bases(plan), *_of_registry(plan.registry, shared)]


def _of_settings(plan: LaunchPlan, state: State) -> list[str]:
    settings, notes = plan.settings, []
    if settings.text("GATEWAY_SSL_CERTFILE"):
        notes.append("GATEWAY_SSL_CERTFILE is a file of this machine and left out: the containers speak HTTP, "
                     "TLS belongs into what stands before them")
    if settings.text("GATEWAY_LEDGER_SPILL_DIR"):
        notes.append("GATEWAY_LEDGER_SPILL_DIR is a folder of this machine and left out: "
                     "what is spilled goes beside the state")
    if state == "sqlite" and plan.database and plan.database.stated:
        notes.append("the SQLite file of this machine stays here; the deployment starts with an empty one")
    return notes


def _of_bases(plan: LaunchPlan) -> list[str]:
    aliases: dict[str, list[str]] = {}
    for model in plan.models:
        if model.base and _loopback(model.base):
            aliases.setdefault(model.base, []).append(model.alias)
    return [f"{listed(names)}: {base} is the container itself when asked from inside it; "
            "name an address that containers reach" for base, names in aliases.items()]


def _loopback(base: str) -> bool:
    host = urlsplit(base).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of_registry(registry: Mapping[str, object], shared: bool) -> list[str]:
    rows: Sequence[str] = [name for name, value in registry.items() if name != "digest" and value]
    if not rows or shared:
        return []
    return [f"the registry's {', '.join(rows)} stay in this machine's database; take them along with "
            "`registry export` here and `registry import -` there"]
