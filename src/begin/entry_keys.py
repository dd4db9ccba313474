"""Where an imported entry's requests go, and with which key: neither may become another one on the way."""

import re

from ..config.fields import BY_ATTRIBUTE
from ..config.providers import NATIVE_PROVIDERS, OPENAI_BASE
from ..config.readers import BadValue, to_url
from .deployment import REFERENCE, Deployment, Reading
from .dotenv_text import Unwritable, quoted
from .yaml_tree import Node

# Instead of a base that is not known: requests must fail, not go to the provider's usual base.
NO_BASE = "https://replace-me.invalid/v1"
# Words that examples write where the upstream needs no key; "keyless" is our own.
_PLACEHOLDERS = frozenset("keyless none null empty dummy fake fake-key no-key not-needed not-required unused "
                          "sk-none sk-no-key-required sk-fake sk-dummy anything na n/a x xxx".split())
_OWN = ("LITELLM_", "GATEWAY_")


def read_base(reading: Reading, model: Deployment, node: Node | None) -> None:
    """Give ``model`` its base. One that cannot be carried becomes a host that does not exist, and is reported."""
    if node is None:
        return
    variable = model.variable("api_base")
    found = REFERENCE.fullmatch(node.text)
    text = reading.value_of(found[1]) if found else node.text
    if not text:
        model.values["api_base"] = NO_BASE
        reading.report.lost(node, f"{node.text.partition('/')[2]} is not set here; replace {variable}={NO_BASE}")
        return
    try:
        base = to_url(text)
        quoted(base)
    except (BadValue, Unwritable) as error:
        model.values["api_base"] = NO_BASE
        reading.report.lost(node, f"{variable} {error}; replace {variable}={NO_BASE}")
        return
    native = NATIVE_PROVIDERS.get(model.provider)
    moved = native is None and any(map(reading.value_of, ("OPENAI_API_BASE", "OPENAI_BASE_URL")))
    if base == (native.base if native else OPENAI_BASE) and not moved:
        reading.report.unneeded(node, f"the usual base of {model.provider}")
        return
    model.values["api_base"] = base
    reading.report.carried(node, reading.place(model, "api_base"))
    if found:
        reading.report.warn(node, f"{variable} holds the value that {found[1]} has now")


def read_key(reading: Reading, model: Deployment, node: Node | None) -> None:
    """Give ``model`` the name of its key's variable; a key in clear moves into a variable."""
    native = NATIVE_PROVIDERS.get(model.provider)
    if node is None:
        if "api_key_env" not in model.values:
            _want_usual(reading, model)
        return
    found = REFERENCE.fullmatch(node.text)
    if found:
        _reference(reading, model, node, found[1])
    elif node.text.lower() in _PLACEHOLDERS or not node.text:
        if native is None or native.key_envs or not native.keyless:
            model.values["api_key_env"] = "none"
        reading.report.carried(node, f"{reading.place(model, 'api_key_env')}: none")
    else:
        _literal(reading, model, node)


def _want_usual(reading: Reading, model: Deployment) -> None:
    if model.provider == "openai":
        reading.wanted["OPENAI_API_KEY"] = None
    elif not NATIVE_PROVIDERS[model.provider].keyless:
        reading.wanted.update(dict.fromkeys(NATIVE_PROVIDERS[model.provider].key_envs[:1]))


def _reference(reading: Reading, model: Deployment, node: Node, name: str) -> None:
    usual = ("OPENAI_API_KEY",) if model.provider == "openai" else NATIVE_PROVIDERS[model.provider].key_envs
    variable = model.variable("api_key_env")
    why = None
    if name == "OPENAI_API_KEY" and model.provider != "openai":
        why = f"OPENAI_API_KEY must not go to {model.provider}"
    elif name.startswith(_OWN):
        why = f"{name} is the gateway's own and must not go upstream"
    else:
        try:
            BY_ATTRIBUTE["api_key_env"].read(name)
        except BadValue as error:
            why = f"{variable} {error}"
    if why:
        # Never OPENAI_API_KEY: the entry meant another key, perhaps for another host.
        fits = usual and model.provider != "openai" and usual[0] != name
        other = usual[0] if fits else model.fresh_key
        model.values["api_key_env"] = other
        reading.wanted[other] = None
        reading.report.lost(node, f"{why}; set {other}")
        return
    reading.wanted[name] = None
    if usual == (name,) and not (model.provider in NATIVE_PROVIDERS and NATIVE_PROVIDERS[model.provider].keyless):
        reading.report.carried(node, f"{name}, the usual one")
    else:
        model.values["api_key_env"] = name
        reading.report.carried(node, reading.place(model, "api_key_env"))


def _literal(reading: Reading, model: Deployment, node: Node) -> None:
    """Move a key that stands in clear into a variable; models with the same key share it."""
    held = next((name for name, value in reading.secrets.items() if value == node.text
                 and re.fullmatch(r"MODEL_\w+_API_KEY", name)), None)
    name = held or f"MODEL_{model.key.upper()}_API_KEY"
    model.values["api_key_env"] = name
    sendable = node.text.isascii() and node.text.isprintable() and " " not in node.text
    try:
        quoted(node.text)
    except Unwritable:
        sendable = False
    if not sendable:
        reading.wanted[name] = None
        reading.report.lost(node, f"the key holds characters that no key has; set {name}")
        return
    reading.secrets[name] = node.text
    reading.report.carried(node, f"the variable {name}")
    reading.report.warn(node, f"the key stands in clear in the file; {name} is its variable; renew it where others "
                        "saw the file")
