"""What the mock upstream says: text, token counts and tool calls, computed from the request alone."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .faults import Fault

Json = dict[str, Any]

# Tokens of reasoning per effort; other words count as medium.
_REASONING = {"": 0, "none": 0, "minimal": 0, "low": 16, "medium": 64, "high": 256, "xhigh": 512}
_SAMPLES: dict[str, object] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}


@dataclass(frozen=True)
class Tool:
    """A function that the client offers, with the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What any of the text APIs asks, in one shape. ``tool`` is the one that must be called."""

    model: str
    said: str
    prompt: str
    effort: str = ""
    limit: int | None = None
    tool: Tool | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """The answer in one shape; ``completion_tokens`` include the reasoning, as OpenAI counts."""

    text: str
    finish: str
    pieces: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    tool: Tool | None = None
    usage: bool = True

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


def tokens(text: str) -> int:
    """Return how many tokens ``text`` has: one for every four characters begun."""
    return -(-len(text) // 4)


def shorten(text: str, width: int = 80) -> str:
    """Return ``text`` on one line, at most ``width`` characters long."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[:width - 1] + "…"


def text_of(content: object) -> str:
    """Return the text in a message's content: a string, or a list of parts that may hold some."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
    return " ".join(text for text in texts if isinstance(text, str))


def sample(schema: Mapping[str, Any]) -> object:
    """Return a value that fits a JSON schema's ``type``, ``enum`` and ``properties``."""
    if schema.get("enum"):
        return schema["enum"][0]
    if "properties" in schema:
        return {name: sample(part) for name, part in schema["properties"].items()}
    # Gemini writes the types in capitals.
    kind = str(schema.get("type", "object" if not schema else "string")).lower()
    return {} if kind == "object" else _SAMPLES.get(kind, "mock")


def answer(question: Question, fault: Fault) -> Answer:
    """Return what the mock answers; ``fault`` may give the text, the token counts and the number of chunks."""
    text = _arguments(question.tool) if question.tool else _sentence(question, fault)
    text = text if question.tool else _at_least(text, fault.chunks or 0)
    reasoning = _REASONING.get(question.effort, _REASONING["medium"])
    finish = "tool_calls" if question.tool else "stop"
    if question.limit is not None and tokens(text) + reasoning > question.limit:
        reasoning = min(reasoning, question.limit // 2)
        if not question.tool and tokens(text) + reasoning > question.limit:
            text, finish = text[:4 * (question.limit - reasoning)], "length"
    prompt = _either(fault.prompt_tokens, max(1, tokens(question.prompt)))
    reasoning = _either(fault.reasoning_tokens, reasoning)
    return Answer(
        text=text, finish=finish, pieces=tuple(_pieces(text, fault.chunks)), tool=question.tool, usage=fault.usage,
        prompt_tokens=prompt, completion_tokens=_either(fault.completion_tokens, tokens(text) + reasoning),
        reasoning_tokens=reasoning, cached_tokens=_either(fault.cached_tokens, _cached(prompt)))


def _sentence(question: Question, fault: Fault) -> str:
    if fault.reply is not None:
        return fault.reply
    if question.schema is not None:
        return json.dumps(sample(question.schema) or {"mock": question.model, "said": shorten(question.said)})
    effort = f" Reasoning effort: {question.effort}." if question.effort else ""
    return f'This is the mock upstream answering as {question.model}.{effort} You said: "{shorten(question.said)}"'


def _arguments(tool: Tool) -> str:
    return json.dumps(sample(tool.schema))


def _at_least(text: str, length: int) -> str:
    """Return ``text``, repeated where it is too short for that many chunks."""
    return text if len(text) >= length else ((text or ".") * length)[:length]


def _pieces(text: str, count: int | None) -> list[str]:
    """Return ``text`` in ``count`` parts of almost equal length, or word by word."""
    if count is None:
        return re.findall(r"\S+\s*|\s+", text)
    return [text[len(text) * i // count:len(text) * (i + 1) // count] for i in range(count)]


def _cached(prompt: int) -> int:
    # OpenAI caches prompts from 1,024 tokens on, in steps of 128.
    return prompt // 128 * 128 if prompt >= 1024 else 0


def _either(given: int | None, computed: int) -> int:
    return computed if given is None else given
