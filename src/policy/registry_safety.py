"""Whether a registry row may send a key where it says: rows may come from anybody who can write to the database."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from ..config.providers import NATIVE_PROVIDERS
from ..config.readers import BadValue, to_url

KEYLESS = "none"
OWN_PREFIXES = ("LITELLM_", "GATEWAY_")
# The providers' own API hosts, from their documentation; a base there needs no permission.
HOSTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "openai": ("api.openai.com",), "xai": ("api.x.ai",), "deepseek": ("api.deepseek.com",), "groq": ("api.groq.com",),
    "gemini": ("generativelanguage.googleapis.com",), "mistral": ("api.mistral.ai",), "openrouter": ("openrouter.ai",),
    "anthropic": ("api.anthropic.com",), "cohere": ("api.cohere.com", "api.cohere.ai"), "zai": ("api.z.ai",),
    "together_ai": ("api.together.xyz",), "fireworks_ai": ("api.fireworks.ai",), "perplexity": ("api.perplexity.ai",),
    "cerebras": ("api.cerebras.ai",), "sambanova": ("api.sambanova.ai",), "moonshot": ("api.moonshot.ai",),
    "deepinfra": ("api.deepinfra.com",), "nvidia_nim": ("integrate.api.nvidia.com",),
})
# Cloud metadata services; the link-local ones are found by their range.
_METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data",
                             "instance-data.ec2.internal"})
_METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, (
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|[0-9a-f:.]+", re.ASCII)
# Names whose DNS answers with the address that they contain.
_EMBEDDING = re.compile(r"(?:^|[.-])(\d+[.-]\d+[.-]\d+[.-]\d+|[0-9a-f]{8})\.[^.]*(?:nip|sslip|xip)\.io$")


@dataclass(frozen=True)
class Rules:
    """What the environment permits: bases that it names itself, patterns of further ones, further key variables."""

    bases: frozenset[str] = frozenset()
    allowed: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()


def base_problem(provider: str, base: str | None, rules: Rules) -> str | None:
    """Return why a row of ``provider`` may not use ``base`` (None: the provider's own), None where it may."""
    if base is None:
        native = NATIVE_PROVIDERS.get(provider)
        return f"the provider {provider} needs a base URL" if native is not None and native.needs_base else None
    try:
        parts = urlsplit(to_url(base))
    except BadValue as error:
        return f"the base {error}"
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host) or "\\" in base or "%" in parts.netloc:
        return "the base has no plain host name"
    if never(host):
        return f"the base {base} is a link-local address or a cloud's metadata service"
    if _is_own(provider, parts) or base.rstrip("/") in rules.bases or any(matches(p, parts) for p in rules.allowed):
        return None
    return (f"the base {base} is neither {provider}'s own nor named by the environment; "
            "permit it with GATEWAY_ALLOWED_BASES")


def key_problem(provider: str, key_env: str | None, base: str | None, rules: Rules) -> str | None:
    """Return why a row may not send the variable ``key_env`` to ``base``, None where it may.

    ``key_env`` None is the provider's usual variable, `none` no key at all.
    """
    if key_env == KEYLESS:
        return None
    usual = usual_keys(provider)
    name = key_env or next(iter(usual), None)
    if name is None:
        return None
    if name.startswith(OWN_PREFIXES):
        return f"the variable {name} is the gateway's own and must not go upstream"
    if name not in usual and name not in rules.keys:
        return (f"the key variable {name} is not {provider}'s usual one"
                f"{' (' + ', '.join(usual) + ')' if usual else ''}; permit it with GATEWAY_REGISTRY_KEYS")
    if name == "OPENAI_API_KEY" and base is not None and not _may_have_openai_key(provider, base, rules):
        return f"OPENAI_API_KEY must not go to {base}, which only the registry names; name another variable, or none"
    return None


def usual_keys(provider: str) -> tuple[str, ...]:
    """Return the provider's usual key variables."""
    return ("OPENAI_API_KEY",) if provider == "openai" else NATIVE_PROVIDERS[provider].key_envs \
        if provider in NATIVE_PROVIDERS else ()


def _may_have_openai_key(provider: str, base: str, rules: Rules) -> bool:
    return provider == "openai" and (_is_own("openai", urlsplit(base)) or base.rstrip("/") in rules.bases)


def _is_own(provider: str, parts: SplitResult) -> bool:
    native = NATIVE_PROVIDERS.get(provider)
    if native is not None and native.base is not None and parts.geturl().rstrip("/") == native.base:
        return True
    return parts.scheme == "https" and parts.port in (None, 443) and parts.hostname in HOSTS.get(provider, ())


def matches(pattern: str, parts: SplitResult) -> bool:
    """Tell whether a base fits ``pattern``: scheme, host and port; `*.` stands for sub-domains, the path for itself
    and what is below it."""
    try:
        wanted = urlsplit(pattern.strip())
        port = wanted.port
    except ValueError:
        return False
    host, own = (wanted.hostname or "").lower(), (parts.hostname or "").lower()
    fits = own.endswith(host[1:]) and own != host[2:] if host.startswith("*.") else own == host
    path, below = wanted.path.rstrip("/"), parts.path.rstrip("/")
    # Clients of HTTP read %2e as a dot, and walk up.
    if "%" in below or ".." in below.split("/"):
        return False
    return bool(host) and fits and wanted.scheme == parts.scheme and port == parts.port and (
        below == path or below.startswith(f"{path}/"))


def pattern_problems(patterns: Iterable[str]) -> list[str]:
    """Return what is wrong with the patterns of GATEWAY_ALLOWED_BASES."""
    found = []
    for pattern in patterns:
        rest = pattern.partition("://")[2].removeprefix("*.")
        if not pattern.startswith(("http://", "https://")) or "*" in rest or not rest.partition("/")[0]:
            found.append(f"GATEWAY_ALLOWED_BASES holds {pattern[:80]!a}, which is no base such as "
                         "https://llm.example.com/v1 or https://*.example.com/v1")
    return found


def never(host: str) -> bool:
    """Tell whether ``host`` is link-local or a metadata service, however the address is written."""
    host = host.lower().strip("[]").partition("%")[0].rstrip(".")
    if host in _METADATA_HOSTS:
        return True
    embedded = _EMBEDDING.search(host)
    address = _address(embedded[1].replace("-", ".") if embedded else host)
    return address is not None and _forbidden(address)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _loose_ipv4(host)


def _loose_ipv4(host: str) -> ipaddress.IPv4Address | None:
    """Read what the C library's inet_aton also takes: one to four parts, decimal, octal (0) or hexadecimal (0x)."""
    parts = host.split(".")
    try:
        numbers = [_c_number(part) for part in parts]
    except ValueError:
        try:
            return ipaddress.IPv4Address(int(host, 16)) if len(host) == 8 else None
        except ValueError:
            return None
    if len(parts) > 4 or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(parts)):
        return None
    value = numbers[-1]
    for index, number in enumerate(numbers[:-1]):
        value += number << (8 * (3 - index))
    return ipaddress.IPv4Address(value)


def _c_number(text: str) -> int:
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    if text.startswith("0x"):
        return int(text, 16)
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text, 10)


def _forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_link_local or address in _METADATA_ADDRESSES:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return False
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or int(address) >> 32 == 0):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner is not None and int(inner) > 1 and _forbidden(inner)
