"""The one table of per-model fields: environment suffix, `--model-spec` name, reader; and drafts become specs."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from ..errors import Problem
from .models import EFFORT_LEVELS, MODES, ModelSpec
from .providers import NATIVE_PROVIDERS, PROVIDERS, default_alias, split_provider
from .readers import BadValue, to_choice, to_int, to_list, to_seconds, to_url
from .wildcards import STAR, is_wildcard

KEY = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_SECRET_HEADERS = re.compile(r".*(auth|authorization|cookie|credentials?|key|token|secret|password)",
                             re.ASCII | re.IGNORECASE)
# What the HTTP client writes itself; a second one would break the request.
_FRAMING_HEADERS = frozenset(("host", "content-length", "content-type", "transfer-encoding", "connection", "te",
                              "upgrade", "accept-encoding"))
_SPLIT = re.compile(r"(?<!\\),")
_MICRO = Decimal("0.000001")


def clean(text: str, longest: int = 256) -> str:
    """Return ``text`` stripped, or raise BadValue for control characters, broken encoding or excessive length."""
    text = text.strip()
    if not text:
        raise BadValue("must not be empty")
    if not text.isprintable():
        raise BadValue("must not contain control characters or text that is not UTF-8")
    if len(text) > longest:
        raise BadValue(f"must not be longer than {longest} characters")
    return text


def _name(text: str) -> str:
    """Return an alias or model id, or a wildcard of them; commas mean something else to LiteLLM."""
    text = clean(text)
    if "," in text or STAR in text[:-1] or any(c.isspace() for c in text):
        raise BadValue("must not contain spaces, commas or `*`; a wildcard ends with its only one, as in `xai/*`")
    return text


def _variable(text: str) -> str:
    """Return the name of a variable. Some providers' keys look like one: long, with small letters and digits."""
    text = clean(text)
    like_a_key = len(text) >= 20 and any(c.islower() for c in text) and any(c.isdigit() for c in text)
    if like_a_key or not _NAME.fullmatch(text):
        raise BadValue("must be the name of a variable, such as GROQ_API_KEY, or none; never a key itself",
                       "GW411" if like_a_key or "-" in text else "GW102")
    return text


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(clean(text))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000 or amount != amount.quantize(_MICRO):
        raise BadValue("must be US dollars per million tokens, such as 1.25, with at most 6 decimals")
    return abs(amount)  # `-0` is 0


def _count(text: str) -> int:
    return to_int(text, 1, 10**12)


def _retries(text: str) -> int:
    return to_int(text, 0, 10)


def split_list(text: str) -> tuple[str, ...]:
    r"""Return comma-separated parts; a comma inside a part is written `\,`."""
    return tuple(part.replace("\\,", ",") for part in _SPLIT.split(text) if part.strip())


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for part in split_list(text):
        name, equals, value = clean(part, 1_000).partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not _HEADER.fullmatch(name) or not value:
            raise BadValue("must be Name=value pairs separated by commas")
        if _SECRET_HEADERS.fullmatch(name):
            raise BadValue(f"names the secret header {name}; headers are written in clear, use API_KEY_ENV for keys",
                           "GW409")
        if name.lower() in _FRAMING_HEADERS:
            raise BadValue(f"names the header {name}, which the HTTP client writes itself")
        if not value.isascii():
            raise BadValue(f"has characters in the header {name} that HTTP cannot carry; use ASCII")
        if name.lower() in (known.lower() for known, _ in pairs):
            raise BadValue(f"names the header {name} twice", "GW106")
        pairs.append((name, value))
    return tuple(pairs)


def _keys(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in to_list(clean(text, 5_000)))


def _parameters(text: str) -> tuple[str, ...]:
    words = to_list(clean(text, 2_000))
    if not all(_NAME.fullmatch(word) for word in words):
        raise BadValue("must be parameter names separated by commas")
    return words


@dataclass(frozen=True)
class Field:
    """One per-model field. ``attribute`` is ModelSpec's; ``suffixes`` follow `MODEL_<KEY>_`, the first is the usual."""

    attribute: str
    suffixes: tuple[str, ...]
    spec: str
    read: Callable[[str], object]
    help: str
    example: str = "..."


FIELDS: tuple[Field, ...] = (
    Field("upstream", ("UPSTREAM_MODEL",), "upstream", _name, "Model id as the upstream knows it (required)", "gpt-5"),
    Field("alias", ("ALIAS",), "alias", _name, "What clients send as `model`", "my-model"),
    Field("provider", ("PROVIDER",), "provider", to_choice(*PROVIDERS, code="GW706"),
          "LiteLLM provider; default `openai`, or the provider that the upstream id starts with", "openai"),
    Field("mode", ("MODE",), "mode", to_choice(*MODES), "What the model does: " + ", ".join(MODES), "chat"),
    Field("api_base", ("API_BASE", "UPSTREAM_BASE"), "base", to_url, "Base URL of the upstream",
          "https://api.example.com/v1"),
    Field("api_key_env", ("API_KEY_ENV", "UPSTREAM_KEY_ENV"), "key_env", _variable,
          "Name of the variable that holds the key; `none` for a keyless upstream", "MY_API_KEY"),
    Field("reasoning_effort", ("REASONING_EFFORT",), "reasoning", to_choice(*EFFORT_LEVELS),
          "Default effort where the client sends none; `none` omits it", "medium"),
    Field("timeout", ("TIMEOUT",), "timeout", to_seconds,
          "Seconds to the first byte of a stream or to the whole answer", "60"),
    Field("stream_timeout", ("STREAM_TIMEOUT",), "stream_timeout", to_seconds, "Seconds between two chunks", "60"),
    Field("retries", ("RETRIES",), "retries", _retries, "Retries on connection errors", "1"),
    Field("max_tokens", ("MAX_TOKENS",), "max_tokens", _count, "Default of `max_tokens`, in tokens", "800"),
    Field("rpm", ("RPM",), "rpm", _count, "Requests per minute", "60"),
    Field("tpm", ("TPM",), "tpm", _count, "Tokens per minute", "100000"),
    Field("rpd", ("RPD",), "rpd", _count, "Requests per day", "1500"),
    Field("tpd", ("TPD",), "tpd", _count, "Tokens per day", "1000000"),
    Field("max_parallel", ("MAX_PARALLEL",), "max_parallel", _count, "Requests at a time per worker; more: 429", "8"),
    Field("fallbacks", ("FALLBACKS",), "fallbacks", _keys, "Keys of the models to try next", "other"),
    Field("input_cost", ("INPUT_COST",), "input_cost", _dollars, "US dollars per million input tokens", "1.25"),
    Field("output_cost", ("OUTPUT_COST",), "output_cost", _dollars, "US dollars per million output tokens", "10"),
    Field("context_window", ("CONTEXT_WINDOW",), "context_window", _count, "Context window in tokens", "131072"),
    Field("headers", ("HEADERS",), "headers", _headers, "Headers for the upstream, never secret", "X-Title=gateway"),
    Field("allow_params", ("ALLOW_PARAMS",), "allow_params", _parameters,
          "Parameters to send although LiteLLM would drop them", "reasoning_effort"),
    Field("drop_params", ("DROP_PARAMS",), "drop_params", _parameters, "Parameters never to send", "top_p"),
)
BY_ATTRIBUTE: Mapping[str, Field] = MappingProxyType({fld.attribute: fld for fld in FIELDS})
BY_SPEC: Mapping[str, Field] = MappingProxyType({fld.spec: fld for fld in FIELDS})
BY_SUFFIX: Mapping[str, Field] = MappingProxyType({suffix: fld for fld in FIELDS for suffix in fld.suffixes})
# The key itself may be given under its own name; it is referenced, never read here.
KEY_SUFFIXES = {"API_KEY": "The key itself, in place of API_KEY_ENV", "API_KEY_FILE": "A file that holds the key"}


@dataclass(frozen=True)
class Draft:
    """A model as text: attribute -> (text, origin). ``label`` names a field as the operator wrote it."""

    key: str
    values: Mapping[str, tuple[str, str]]
    source: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, attribute: str) -> str:
        """Return the variable or spec field that holds ``attribute``."""
        return self.labels.get(attribute, attribute)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def build_spec(draft: Draft) -> tuple[ModelSpec | None, tuple[Problem, ...]]:
    """Return the spec of ``draft``, or None and every problem of its fields."""
    values: dict[str, object] = {}
    problems: list[Problem] = []
    for attribute, (text, origin) in draft.values.items():
        try:
            values[attribute] = BY_ATTRIBUTE[attribute].read(text)
        except BadValue as error:
            problems.append(Problem(f"{draft.label(attribute)}{_shown(attribute, text)} {error}", origin,
                                    f"{draft.label(attribute)}={BY_ATTRIBUTE[attribute].example}", error.code))
    if problems or "upstream" not in values:
        return None, tuple(problems)
    return _spec(draft, values)


def _shown(attribute: str, text: str) -> str:
    """Return the refused value for the message, save where it may hold a key."""
    if attribute in ("api_base", "api_key_env", "headers"):
        return ""
    return f" {text[:80]!a}"


def _spec(draft: Draft, values: dict[str, object]) -> tuple[ModelSpec | None, tuple[Problem, ...]]:
    upstream = str(values.pop("upstream"))
    stated = values.pop("provider", None)
    provider, model = split_provider(upstream)
    if stated is not None:
        provider, model = str(stated), upstream.removeprefix(f"{stated}/")
    if model in ("", f"{provider}/"):
        return None, (Problem(f"{draft.label('upstream')} {upstream!a} names a provider but no model",
                              draft.values["upstream"][1], f"{draft.label('upstream')}=openai/gpt-5", "GW103"),)
    needs = NATIVE_PROVIDERS.get(provider)
    if needs and needs.needs_base and "api_base" not in values:
        label = draft.label("api_base") if "api_base" in draft.labels else "API_BASE"
        return None, (Problem(f"provider {provider} needs a base URL for {model}", draft.values["upstream"][1],
                              f"set {label}, for example http://127.0.0.1:8000/v1", "GW104"),)
    alias = str(values.pop("alias", None) or default_alias(provider, model))
    if is_wildcard(alias) != is_wildcard(model):
        return None, (_half_wild(draft, alias, upstream),)
    origins = {attribute: origin for attribute, (_, origin) in draft.values.items()}
    return ModelSpec(key=draft.key.lower(), alias=alias, provider=provider, model=model, source=draft.source,
                     origins=origins, **values), ()  # type: ignore[arg-type]


def _half_wild(draft: Draft, alias: str, upstream: str) -> Problem:
    one, many = (alias, upstream) if is_wildcard(upstream) else (upstream, alias)
    repair = f"a star in both, {draft.label('upstream')}=openai/* and {draft.label('alias')}=local/*, or in neither"
    return Problem(f"{many!a} stands for many models, but {one!a} for one",
                   draft.values["alias"][1], repair, "GW317")
