"""The conversation of `init`: what is asked, in which order, and what each answer must be like."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ..config import checks
from ..config.environment import Environment
from ..config.fields import BY_ATTRIBUTE
from ..config.readers import BadValue, to_list, to_url
from .answers import Answers, Upstream, new_master_key
from .discover import Found, list_models
from .dotenv_text import Unwritable, quoted
from .offers import OFFERS, Offer, Style, key_variable, known_models, nearest, offer_of

SHOWN = 30
Lister = Callable[[str, str | None, Style], Found]


class Asker(Protocol):
    """Somebody who answers: a person at a terminal, or a test."""

    def say(self, text: str) -> None:
        """Show a line."""

    def ask(self, question: str, default: str | None = None) -> str:
        """Return a line; Enter is ``default``."""

    def secret(self, question: str) -> str:
        """Return a line that is not shown while it is typed; it may be empty."""

    def confirm(self, question: str, default: bool) -> bool:
        """Return yes or no."""


def interview(asker: Asker, env: Environment, lister: Lister = list_models) -> Answers:
    """Ask for everything and return it; ``env`` is the environment and the file as they are now."""
    upstreams = [_upstream(asker, env, offer, lister) for offer in _offers(asker)]
    models = [model for upstream in upstreams for model in upstream.models]
    return Answers(tuple(upstreams), _chain(asker, models), master_key(env, asker.say))


def master_key(env: Environment, say: Callable[[str], None]) -> str | None:
    """Return a new master key, None where a good one is set already."""
    if not checks.master_key(env.secret(checks.MASTER_KEY)):
        say(f"{checks.MASTER_KEY} is set already ({env.origin(checks.MASTER_KEY)}); it stays.")
        return None
    say(f"{checks.MASTER_KEY}: a new one was made; it is the key that clients send.")
    return new_master_key()


def _offers(asker: Asker) -> list[Offer]:
    asker.say("Providers:")
    for number, offer in enumerate(OFFERS, 1):
        asker.say(f"  {number:>2}  {offer.word:<11} {offer.title}")
    asker.say("   or the name of any other provider that LiteLLM serves")
    while True:
        words = to_list(asker.ask("Which? (numbers or names, separated by commas)", "1"))
        chosen = [OFFERS[int(word) - 1] if _number(word, len(OFFERS)) else offer_of(word) for word in words]
        unknown = [word for word, offer in zip(words, chosen) if offer is None]
        if words and not unknown:
            return list(dict.fromkeys(offer for offer in chosen if offer is not None))
        asker.say(f"There is no provider {', '.join(unknown) or 'in that answer'}{nearest(''.join(unknown[:1]))}")


def _number(word: str, most: int) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 6 and 1 <= int(word) <= most


def _upstream(asker: Asker, env: Environment, offer: Offer, lister: Lister) -> Upstream:
    asker.say(f"\n{offer.title}")
    base = _base(asker, offer) if offer.declared else None
    # A base for all models, set elsewhere, must not take OpenAI's own models along.
    moved = offer.word == "openai" and (env.get("OPENAI_API_BASE") or env.get("OPENAI_BASE_URL"))
    key_env = key_variable(base or "") if offer.key_env == "" else offer.key_env
    if offer.key_env == "" and not asker.confirm("Does it need a key?", True):
        key_env = None
    key = _key(asker, env, key_env) if key_env else None
    found = Found(why="")
    while asking := base or offer.base:
        found = lister(asking, key or (env.secret(key_env).value if key_env else None), offer.style)
        if not (found.refused and key and key_env):
            break
        asker.say(f"{asking}: {found.why}")
        key = _typed_key(asker, key_env)
        if not key:
            break
    if found.why:
        asker.say(f"Its models cannot be listed: {found.why}.")
    models = _models(asker, offer, found.models)
    return Upstream(offer.provider, models, base or (offer.base if moved else None), key_env, key)


def _base(asker: Asker, offer: Offer) -> str:
    while True:
        try:
            base = to_url(asker.ask("Base URL", offer.base))
            quoted(base)
            return base
        except (BadValue, Unwritable) as error:
            asker.say(f"The base {error}.")


def _key(asker: Asker, env: Environment, name: str) -> str | None:
    """Return the key to write, None where it is set elsewhere or to be filled in later."""
    secret = env.secret(name)
    if secret.file or (secret.value and name in env.dotenv.values):
        asker.say(f"{name} is set already ({secret.where}); it stays.")
        return None
    if secret.value:
        copied = asker.confirm(f"{name} is set in your environment. Copy it into the file?", True)
        return secret.value if copied else None
    return _typed_key(asker, name)


def _typed_key(asker: Asker, name: str) -> str | None:
    while True:
        key = asker.secret(f"{name} (hidden; Enter to fill it in later)").strip()
        if not key:
            return None
        try:
            quoted(key)
            if key.isascii() and " " not in key:
                return key
        except Unwritable:
            pass
        asker.say("That holds characters that no key has. Paste it again, nothing around it.")


def _models(asker: Asker, offer: Offer, listed: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen ids: numbers of the list shown, ids, or parts of ids, which narrow the list."""
    shown = list(listed) or known_models(offer)
    _show(asker, shown, "Models" if listed else "Known models")
    while True:
        words = to_list(asker.ask("Models (numbers or ids, separated by commas"
                                  + ("; a part of an id searches)" if listed else ")"), "1" if shown else None))
        chosen = [shown[int(word) - 1] if _number(word, len(shown)) else word for word in words]
        if listed and len(words) == 1 and chosen[0] not in listed:
            narrower = [name for name in listed if words[0].lower() in name.lower()]
            if narrower:
                shown = narrower
                _show(asker, shown, f"Models with {words[0]!a}")
                continue
        if chosen and _usable(asker, chosen) and _known(asker, chosen, listed):
            return tuple(dict.fromkeys(chosen))


def _show(asker: Asker, models: Sequence[str], heading: str) -> None:
    if models:
        asker.say(f"{heading}:")
    for number, name in enumerate(models[:SHOWN], 1):
        asker.say(f"  {number:>3}  {name}")
    if len(models) > SHOWN:
        asker.say(f"       and {len(models) - SHOWN} more")


def _usable(asker: Asker, chosen: Sequence[str]) -> bool:
    for name in chosen:
        try:
            BY_ATTRIBUTE["upstream"].read(name)
            quoted(name)
        except (BadValue, Unwritable) as error:
            asker.say(f"{name!a} {error}.")
            return False
    return True


def _known(asker: Asker, chosen: Sequence[str], listed: Sequence[str]) -> bool:
    """Ask once more about ids that the upstream does not list."""
    others = [name for name in chosen if listed and name not in listed]
    return not others or asker.confirm(f"The upstream does not list {', '.join(others)}. Use it all the same?", False)


def _chain(asker: Asker, models: Sequence[str]) -> str | None:
    if len(models) < 2 or not asker.confirm("\nOne more name that tries these models one after another?", False):
        return None
    while True:
        name = asker.ask("Its name", "default").strip()
        if name not in models and _usable(asker, [name]):
            return name
        asker.say("Choose a name that no model has.")


def from_flags(flags: Mapping[str, tuple[str, ...] | str | None], env: Environment) -> Upstream:
    """Return the one upstream that flags describe; raises BadValue or Unwritable with what is wrong."""
    offer = offer_of(str(flags["provider"]))
    assert offer is not None
    stated = flags["base"]
    base = to_url(str(stated)) if stated else offer.base if offer.declared else None
    if base is None and offer.declared:
        raise BadValue("--base is needed for this provider")
    key_env = str(flags["key_env"]) if flags["key_env"] else offer.key_env
    if key_env == "" or (key_env == "OPENAI_API_KEY" and stated and not flags["key_env"]):
        key_env = key_variable(base or "")
    if key_env:
        BY_ATTRIBUTE["api_key_env"].read(key_env)
    models = flags["models"]
    assert isinstance(models, tuple)
    for name in models:
        BY_ATTRIBUTE["upstream"].read(name)
    key_file = flags["key_file"]
    held = key_env and (key_env in env.dotenv.values or env.get(f"{key_env}_FILE"))
    value = None if key_file or held or not key_env else env.process.get(key_env)
    return Upstream(offer.provider, tuple(dict.fromkeys(name.removeprefix(f"{offer.provider}/") for name in models)),
                    base, key_env, value, str(key_file) if key_file else None)
