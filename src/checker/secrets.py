"""No finding shows a key; and how hard a key is to guess."""

import math
import os.path
import re
from collections import Counter
from collections.abc import Iterable

from .secrets_shapes import SHAPE

_WORDS = re.compile(r"""(?xi) pass(?:word|wort)? | secret | master | admin | change[-_ ]?me | litellm | gateway | proxy
    | llm | test | demo | local | prod(?:uction)? | staging | company | corp | default | example | key | token | welcome
    | openai | qwerty[a-z]* | asdf[a-z]* | letmein | dev
    | (?<!\d)(?:19|20)\d\d(?!\d) | abcd?e?f?g?h?i?j? | 0?1234?5?6?7?8?9?0?""")
# Of the estimate below, not of entropy: random keys of 16 hexadecimal digits (64 bits) must pass, words must not.
STRONG = 28
# Messages shorten what they show, never to less than this.
_SHOWN = 16


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with `***` for every one of ``secrets`` and for everything that looks like a key."""
    for secret in secrets:
        text = _without(text, secret)
    return SHAPE.sub("***", text)


def _without(text: str, secret: str) -> str:
    """Return ``text`` without the secret, also where a message shows only how it begins."""
    start = text.find(secret[:_SHOWN])
    while start >= 0:
        end = start + len(os.path.commonprefix([text[start:], secret]))
        text = f"{text[:start]}***{text[end:]}"
        start = text.find(secret[:_SHOWN], start + 3)
    return text


def guessable(key: str) -> bool:
    """Tell whether a key is made of known words, a pattern, or few different characters; an estimate."""
    rest = _WORDS.sub("", key.removeprefix("sk-"))
    if rest and rest in (rest + rest)[1:-1]:
        return True
    runs = sum(abs(ord(a) - ord(b)) <= 1 for a, b in zip(rest, rest[1:]))
    return _estimate(rest) < STRONG or runs * 3 > 2 * len(rest)


def _estimate(text: str) -> float:
    """Return Shannon's measure of the characters; of random text it is less than what the text really holds."""
    total = len(text)
    return -sum(count * math.log2(count / total) for count in Counter(text).values())
