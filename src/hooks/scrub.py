"""No secret and no upstream address leaves in an error, an answer or a log record."""

import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote, urlsplit

HIDDEN = "***"
UPSTREAM = "[upstream]"
# Keyless upstreams are configured with keys like "ollama" or "sk-1234": in a model's answer that is a word, not a leak.
SHORTEST_IN_ANSWERS = 16
MESSAGE_LENGTH = 2000

# Providers' keys begin alike ("sk-"), and one search finds that there is none.
_BEGINNING = 3
# What JSON and prose have, from seldom to often; what is not listed is rarer.
_OFTEN = b"QZXJKVWYUBGFHPNRMDOLTCSEAIzqxj7968354_-kv210bywpgfmhdlcurnsioate"

# An upstream may repeat megabytes of a request in its error: nothing here takes time that is quadratic in the text.
# How LiteLLM 1.106 wraps an upstream's message (exception_mapping_utils.py), and what it appends (router.py).
_WRAPPING = re.compile(r"^(?:(?:litellm\.)?[A-Za-z_-]+(?:Error|Exception)\s*(?::|-)\s*)+")
_INTERNALS = re.compile(
    r"(?<![.\s])[.\s]*(?:Received Model Group=|Available Model Group Fallbacks|No fallback model group|"
    r"Fallbacks are configured|Original exception:|LiteLLM Retried:|LiteLLM Max Retries:|Passed model=|"
    r"Error doing the fallback|\(?model_group=|Model Group: |deployment_id=|cooldown_list=|"
    r"Traceback \(most recent call last\)).*", re.S)
_IPV4 = r"\b(?:\d{1,3}\.){3}\d{1,3}"
_IPV6 = r"(?<![\w:])(?:(?:X:){7}X|(?:X:){1,6}(?::X){1,6}|(?:X:){1,7}:|:(?::X){1,7})(?![\w:])".replace(
    "X", "[0-9A-Fa-f]{1,4}")
_ADDRESSES = re.compile(
    r"\bhost [\w.\[\]:-]+:\d+(?: ssl:\S+)?(?: \[(?:[^\[\]]|\[[^\[\]]*\])*\])?|"
    rf"\(?'?\[?(?:{_IPV4}|{_IPV6})\]?'?(?:(?::|, (?!\w+:))\d{{1,5}}(?:, \d+, \d+)?)?\)?|\blocalhost:\d+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, inside JSON, inside a URL."""
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}


def _longest_first(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values), key=lambda value: (-len(value), value)))


class Sign(NamedTuple):
    """What all of some secrets that begin alike have in them, and the byte of it that is found least often."""

    rarest: bytes
    text: bytes


def signs(secrets: Iterable[bytes]) -> tuple[Sign, ...]:
    """Return signs without any of which a text has none of ``secrets``: how they begin, or all of one that is alone."""
    alike: dict[bytes, list[bytes]] = {}
    for secret in secrets:
        alike.setdefault(secret[:_BEGINNING], []).append(secret)
    found = (commonprefix(group) or b"" for group in alike.values())
    return tuple(Sign(_rarest(sign), sign) for sign in found)


def _rarest(sign: bytes) -> bytes:
    """Return the byte of ``sign`` that an answer is least likely to have: a single byte is looked for fastest."""
    return min((bytes((byte,)) for byte in sign), key=lambda byte: _OFTEN.find(byte))


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Knows the secrets and the upstreams' hosts of one configuration."""

    secrets: tuple[str, ...] = field(repr=False)
    hosts: tuple[str, ...]
    in_answers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    signs: tuple[Sign, ...] = field(repr=False)

    @classmethod
    def of(cls, secrets: Iterable[str], bases: Iterable[str | None]) -> "Scrubber":
        """Return the scrubber for these secret values and upstream base URLs."""
        listed = [secret for secret in secrets if secret]
        forms = _longest_first(form for secret in listed for form in _forms(secret))
        long = _longest_first(form for s in listed if len(s) >= SHORTEST_IN_ANSWERS for form in _forms(s))
        parts = [urlsplit(base) for base in bases if base]
        hosts = [name for part in parts for name in (part.netloc.rpartition("@")[2], part.hostname) if name]
        masks = tuple((form.encode(), b"*" * len(form.encode())) for form in long)
        return cls(forms, _longest_first(hosts), masks, signs(secret for secret, _ in masks))

    def text(self, text: str) -> str:
        """Return ``text`` without any secret."""
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def answer(self, chunk: bytes) -> bytes:
        """Return a piece of an answer with secrets masked by as many stars, so that its length stays as announced."""
        for rarest, sign in self.signs:
            if rarest in chunk and sign in chunk:
                return self._masked(chunk)
        return chunk

    def _masked(self, chunk: bytes) -> bytes:
        for secret, mask in self.in_answers:
            chunk = chunk.replace(secret, mask)
        return chunk

    def message(self, text: str) -> str:
        """Return an error message fit for a client: no secret, no upstream address, nothing of LiteLLM's insides."""
        text = self.text(unwrapped(text))
        for host in self.hosts:
            text = re.sub(rf"\b\w+://{re.escape(host)}[^\s'\",)]*", UPSTREAM, text, flags=re.I)
        text = _ADDRESSES.sub(UPSTREAM, text)
        for host in self.hosts:
            text = text.replace(host, UPSTREAM)
        return _CONTROL.sub(" ", text)[:MESSAGE_LENGTH].strip()


def unwrapped(text: str) -> str:
    """Return an upstream's message without what LiteLLM puts around it."""
    return _INTERNALS.sub("", _WRAPPING.sub("", text.strip()))


def record_factory(scrubber: Scrubber, make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Return a log record factory that scrubs message and traceback, whichever logger or handler they go through."""
    plain = logging.Formatter()

    def scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: logging itself reports those
            message = str((record.msg, record.args))
        if (clean := scrubber.text(message)) != message:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0] is not None:
            trace = plain.formatException(record.exc_info)
            if (clean := scrubber.text(trace)) != trace:
                record.exc_info, record.exc_text = None, clean
        return record

    return scrubbed


class ScrubbedStream:
    """A text stream in front of another one, for what is printed past logging (`traceback.print_exc`)."""

    def __init__(self, stream: TextIO, scrubber: Scrubber) -> None:
        self._stream, self._scrubber = stream, scrubber

    def write(self, text: str) -> int:
        """Write ``text`` without secrets; returns the length that was asked for."""
        self._stream.write(self._scrubber.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several pieces."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
