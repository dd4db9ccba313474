"""What an operator does about a ping that failed."""

import difflib
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ..config.providers import NATIVE_PROVIDERS
from .ping import Ping, Pong

MOST_SUGGESTIONS = 3
_LOOKUP_S = 10.0
# Ids that the upstream lists at a base with a key; None where it lists nothing.
Listing = Callable[[Ping, str], Sequence[str] | None]
_NO_MODEL = ("model_not_found", "does not exist", "not found", "no such model", "unknown model", "not a valid model")
# OpenSSL's words for an answer that is no TLS.
_PLAIN = ("WRONG_VERSION_NUMBER", "wrong version number", "RECORD_LAYER_FAILURE", "record layer failure")


def advice(ping: Ping, pong: Pong, listing: Listing) -> str:
    """Return what to repair, nothing where the model answered."""
    if ping.unset:
        return f"{ping.unset} is not set"
    if pong.answered:
        return ""
    base = pong.base or ping.base or f"{ping.provider}'s own base"
    if pong.cause:
        plain = pong.cause == "tls" and any(words in pong.message for words in _PLAIN)
        return _unreached(ping, "plain" if plain else pong.cause, base)
    if pong.status in (401, 403):
        return _refused(ping)
    if pong.status == 404 or pong.status == 400 and any(words in pong.message.lower() for words in _NO_MODEL):
        return _unknown(ping, base, listing)
    if pong.status == 429:
        return _limited(ping, pong)
    if pong.status is not None and pong.status >= 500:
        return f"the upstream failed by itself; try again later: {_short(pong.message)}"
    return _short(pong.message)


def _unreached(ping: Ping, cause: str, base: str) -> str:
    host = urlsplit(base).netloc or base
    return {
        "dns": f"the host {host} is not known: correct the base {base}, or look at this machine's DNS",
        "tls": f"the certificate of {host} is not trusted: correct the base, or name its CA in SSL_CERT_FILE",
        "plain": f"{host} does not speak TLS there: write http:// in the base {base}, or correct its port",
        "refused": f"nobody listens at {host}: start that server, or correct the base {base}",
        "timeout": f"no answer from {host} in {ping.seconds:g} s: a firewall, a loading model, "
                   f"or MODEL_{ping.deployment.upper()}_TIMEOUT is too short",
    }[cause]


def _refused(ping: Ping) -> str:
    if ping.key_env is None:
        return f"the upstream wants a key: name its variable in MODEL_{ping.deployment.upper()}_API_KEY_ENV"
    return f"the upstream refuses the key in {ping.key_env} ({ping.key_where}): replace it, or allow it {ping.model}"


def _unknown(ping: Ping, base: str, listing: Listing) -> str:
    ids = listing(ping, base)
    if ids is None:
        return f"{base} knows no model {ping.model} and lists none: is the path of the base right, often /v1?"
    if ping.model in ids:
        return f"{base} lists {ping.model}, but not for this kind of request: see MODE"
    near = difflib.get_close_matches(ping.model, ids, MOST_SUGGESTIONS, 0.4)
    if not near:
        return f"{base} has no model {ping.model}; it lists {len(ids)} others, such as {', '.join(list(ids)[:3])}"
    return f"{base} has no model {ping.model}; did you mean {' or '.join(near)}?"


def _limited(ping: Ping, pong: Pong) -> str:
    words = pong.message.lower()
    if "quota" in words or "billing" in words or "credit" in words:
        return f"the account behind {ping.key_env or ping.alias} has no quota left: see its billing page"
    wait = f" for {pong.retry_after} s" if pong.retry_after else ""
    return f"the upstream's rate limit is reached: wait{wait}, or lower MODEL_{ping.deployment.upper()}_RPM"


def _short(message: str) -> str:
    return " ".join(message.split())[:200] or "no reason given"


def listed_models(ping: Ping, base: str) -> list[str] | None:
    """Return the ids of the upstream's own GET /models, None where it has none. Asks with the model's key."""
    import httpx
    native = NATIVE_PROVIDERS.get(ping.provider)
    key = str(ping.params.get("api_key") or "")
    if ping.provider == "gemini":
        base, headers = base if "://" in base else "https://generativelanguage.googleapis.com/v1beta", \
            {"x-goog-api-key": key}
    elif ping.provider == "anthropic":
        base, headers = f"{base if '://' in base else 'https://api.anthropic.com'}/v1", \
            {"x-api-key": key, "anthropic-version": "2023-06-01"}
    elif native is None or native.compatible:
        headers = {"authorization": f"Bearer {key}"} if ping.key_env else {}
    else:
        return None
    try:
        answer = httpx.get(f"{base.rstrip('/')}/models", headers=headers, timeout=_LOOKUP_S).raise_for_status().json()
        entries = answer.get("data") or answer.get("models") or []
        return [str(entry.get("id") or entry["name"]).removeprefix("models/") for entry in entries]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError, KeyError, TypeError):
        return None
