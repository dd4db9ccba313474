"""Which gateway is asked, with which key, and what is declared to be there."""

from dataclasses import dataclass

from ..config.checks import MASTER_KEY
from ..config.environment import Environment, Secret
from ..config.plan import LaunchPlan
from ..config.readers import BadValue, to_url
from ..config.settings import Settings
from ..errors import PROGRAM, Problem
from .gateway import Listed

BASE_URL, API_KEY = "LITELLM_BASE_URL", "LITELLM_API_KEY"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Target:
    """A gateway's API (``url`` ends in /v1, ``where`` it was said), the key for it, and a certificate to trust."""

    url: str
    where: str
    key: Secret
    certificate: str | None = None


def find_target(settings: Settings, env: Environment, url: str | None = None) -> tuple[Target, list[Problem]]:
    """Return the gateway to ask: ``url``, else LITELLM_BASE_URL, else where the plan listens; and what is wrong."""
    problems = []
    stated, where = settings.text(BASE_URL), f"{BASE_URL}, {settings.origin(BASE_URL)}"
    if url is not None:
        try:
            stated, where = to_url(url), "--url"
        except BadValue as error:
            problems.append(Problem(f"--url {error}", "--url", "--url http://127.0.0.1:4000"))
    key = env.secret(API_KEY)
    if key.problem is None and not key.value:
        key = env.secret(MASTER_KEY)
    if key.problem is not None:
        problems.append(key.problem)
    elif not key.value:
        problems.append(Problem(f"no key for the gateway: neither {API_KEY} nor {MASTER_KEY} is set", "",
                                f"make a client key, {PROGRAM} keys add NAME, and set {API_KEY} to it"))
    elif not (key.value.isascii() and key.value.isprintable()):
        problems.append(Problem(f"{key.name} holds characters that no header can carry", key.where, "copy it again"))
    certificate = settings.text("GATEWAY_SSL_CERTFILE")
    if stated is None:
        stated, where = own_url(settings), f"LITELLM_HOST, {settings.origin('LITELLM_HOST')}; " \
                                           f"PORT, {settings.origin('PORT')}"
    return Target(api_of(stated), where, key, certificate), problems


def own_url(settings: Settings) -> str:
    """Return where a gateway of these settings is reached on this machine."""
    host = str(settings.text("LITELLM_HOST"))
    host = _EVERYWHERE.get(host, host)
    scheme = "https" if settings.text("GATEWAY_SSL_CERTFILE") else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.whole('PORT')}"


def api_of(url: str) -> str:
    """Return the URL with /v1 at its end, which operators write or leave out."""
    return url if url.endswith("/v1") else f"{url}/v1"


def configured(plan: LaunchPlan) -> tuple[Listed, ...]:
    """Return the aliases that a plan declares, chains last; a chain's window is that of its smallest member."""
    models = {model.alias: Listed(model.alias, owned_by=model.spec.provider, context_window=model.context_window)
              for model in plan.models}
    by_key = {model.spec.key: model for model in plan.models}
    for chain in plan.chains:
        members = [by_key[key] for key in chain.models if key in by_key]
        windows = [member.context_window for member in members]
        known = [window for window in windows if window is not None]
        owner = members[0].spec.provider if members else Listed("").owned_by
        models.setdefault(chain.alias, Listed(chain.alias, owned_by=owner, context_window=min(known)
                                              if known and len(known) == len(windows) else None))
    return tuple(models.values())
