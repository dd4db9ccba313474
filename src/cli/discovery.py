"""`discovery`: the list of models as a service of its own, for desktop clients."""

import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ..config.checks import MASTER_KEY, MIN_MASTER_KEY, PUBLIC_KEYS
from ..config.database import Database
from ..config.environment import Environment
from ..config.lines import event_line
from ..config.plan import Sources, build_plan, merged_settings
from ..config.settings import Settings
from ..config.wildcards import is_wildcard
from ..errors import EXIT_INTERRUPTED, EXIT_OK, PROGRAM, ConfigurationError, GatewayError, NotStarted, Problem
from .available import checked_target, client_of, known_sources
from .context import Invocation
from .services import address, ending, is_loopback, listening
from .sources import read_sources

if TYPE_CHECKING:
    import socket

    from ..discovery.access import KeyRing
    from ..discovery.target import Target
    from ..policy.client_keys import ClientKey
    from ..store.engine import Store

TOKENS = "DISCOVERY_TOKENS"
_NAMES = {"--port ": "DISCOVERY_PORT=", "LITELLM_HOST": "DISCOVERY_HOST", "PORT": "DISCOVERY_PORT"}


@click.command()
@click.pass_context
def discovery(ctx: click.Context) -> None:
    """Serve the gateway's list of models, and only that, to desktop clients.

    Clients need a token of DISCOVERY_TOKENS, or a client key, whose list holds what it may call. The gateway is asked
    with LITELLM_API_KEY at LITELLM_BASE_URL; while it is down, the last good list is served.
    """
    assert isinstance(ctx.obj, Invocation)
    with ending():
        given = read_sources(ctx.obj, ctx.meta["root"])
        tokens, problems = read_tokens(given.env)
        target = checked_target(given, further=tuple(problems))
        sources = known_sources(given)
        log = Log(sources)
        keys = _keys(sources, log, needed=not tokens)
        listener = listening(str(log.settings.text("DISCOVERY_HOST")), log.settings.whole("DISCOVERY_PORT"), _NAMES)
        signum = _serve(sources, target, tokens, keys, listener, log)
    ctx.exit(EXIT_INTERRUPTED if signum == signal.SIGINT else EXIT_OK)


class Log:
    """Writes lifecycle lines to standard error in the format that was asked for."""

    def __init__(self, sources: Sources) -> None:
        self.settings: Settings = merged_settings(sources)[0]
        self._as_json = self.settings.text("GATEWAY_LOG_FORMAT") == "json"

    def __call__(self, event: str, text: str) -> None:
        with suppress(OSError):  # whoever read it has gone; the service goes on
            print(event_line(event, text, as_json=self._as_json), file=sys.stderr, flush=True)


def read_tokens(env: Environment) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the service's own tokens, separated by commas or white space, and what is wrong with them."""
    secret = env.secret(TOKENS)
    if secret.problem is not None:
        return (), [secret.problem]
    tokens = tuple(dict.fromkeys((secret.value or "").replace(",", " ").split()))
    master = env.secret(MASTER_KEY).value
    problems = []
    for number, token in enumerate(tokens, 1):
        wrong = "is too short" if len(token) < MIN_MASTER_KEY else "is publicly known" if token in PUBLIC_KEYS \
            else f"is {MASTER_KEY}, which clients of this service must not hold" if token == master else ""
        if wrong:
            problems.append(Problem(f"token {number} of {TOKENS} {wrong}", secret.where,
                                    f'{TOKENS}=$(openssl rand -hex 32)'))
    return tokens, problems


class RegistryKeys:
    """Reads the client keys of a database that may come into being, or be migrated, while this runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store: Store | None = None

    def __call__(self) -> "tuple[ClientKey, ...]":
        """Return every key, none without a database of this version; raises GatewayError."""
        self._store = self._store or self._open()
        if self._store is None:
            return ()
        from ..store.client_keys import read_keys
        try:
            with self._store.reading() as connection:
                return read_keys(connection)
        except (ValueError, TypeError, KeyError) as error:  # rows may have been written by hand
            raise GatewayError(f"the client keys cannot be understood: {type(error).__name__}") from error

    def revision(self) -> int:
        """Return how often keys were revoked at once; raises GatewayError."""
        self._store = self._store or self._open()
        if self._store is None:
            return 0
        from ..store.client_keys import read_revision
        with self._store.reading() as connection:
            return read_revision(connection)

    def _open(self) -> "Store | None":
        if self._database.path is not None and not self._database.path.exists():
            return None
        from ..store.engine import open_store
        from ..store.migrate import is_migrated
        store = open_store(self._database)
        if is_migrated(store):
            return store
        store.close()
        return None


def _keys(sources: Sources, log: Log, needed: bool) -> "KeyRing | None":
    """Return the client keys; raises ConfigurationError where there are none and they are ``needed``."""
    from ..discovery.access import KeyRing
    from .database import checked_database
    database = checked_database(sources.env)
    ring = None
    if database is not None:
        registry = RegistryKeys(database)
        ring = KeyRing(registry, log.settings.number("GATEWAY_CONFIG_TTL"), log, revision=registry.revision)
        try:
            ring.load()
        except GatewayError as error:
            first = error.problems[0]
            if needed:
                raise NotStarted(first.what, first.where, first.repair) from error
            log("keys", f"{first.what}; client keys open nothing until they can be read")
    if needed and not ring:
        raise ConfigurationError([Problem(
            f"nobody could ask: {TOKENS} is not set and there is no usable client key", "",
            f"{TOKENS}=$(openssl rand -hex 32), or {PROGRAM} keys add NAME")])
    return ring


def _serve(sources: Sources, target: "Target", tokens: tuple[str, ...], keys: "KeyRing | None",
           listener: "socket.socket", log: Log) -> int:
    from ..discovery.access import Access
    from ..discovery.service import create_app
    from ..discovery.target import configured
    from ..webserver import serve
    settings = log.settings
    ttl = settings.number("DISCOVERY_TTL")
    url = _start(settings, target, len(tokens), len(keys) if keys else 0, log)

    async def key() -> str:
        """Return the key as its file has it now, so that a rotated one is taken up."""
        return sources.env.secret(target.key.name).value or str(target.key.value)

    # A wildcard itself is no name to call; what it stands for only the gateway can list.
    declared = [model for model in configured(build_plan(sources)) if not is_wildcard(model.id)]
    app = create_app(client_of(target, key), declared, Access(tokens, keys), ttl, log)
    return serve(app, listener, settings.number("GATEWAY_KEEPALIVE"), lambda: log("ready", f"ready: {url} answers"))


def _start(settings: Settings, target: "Target", tokens: int, keys: int, log: Log) -> str:
    from .launch import version
    host = str(settings.text("DISCOVERY_HOST"))
    url = f"{address(host, settings.whole('DISCOVERY_PORT'))}/v1"
    log("start", f"litellm-gateway discovery {version()} at {url}: the models of {target.url} ({target.key.name} from "
                 f"{target.key.where}), asked every {settings.number('DISCOVERY_TTL'):g} s; tokens: {tokens}, client "
                 f"keys: {keys}")
    if not is_loopback(host):
        log("exposed", f"warning: {host} lets other machines in and tokens travel in clear; put TLS in front")
    return url
