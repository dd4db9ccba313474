"""OpenAI's chat completions and the older text completions."""

from collections.abc import Mapping
from typing import Any

from .answers import Answer, Json, Question, Tool, text_of
from .wire import DONE, Call, Event, Refused, openai_error, sse


def usage(answer: Answer) -> Json:
    """Return token counts as chat completions report them."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.total_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens, "audio_tokens": 0},
    }


def last_said(messages: list[Any]) -> str:
    """Return the text of the last user message, else of the last message."""
    texts = [text_of(m.get("content")) for m in messages if m.get("role") == "user"]
    return texts[-1] if texts else text_of(messages[-1].get("content")) if messages else ""


def required_tool(tools: object, choice: object) -> Tool | None:
    """Return the function that ``tool_choice`` demands, None where the model may answer with text.

    Understands the shape of chat completions and the flat one of responses.
    """
    offered = [t.get("function", t) for t in tools if isinstance(t, Mapping)] if isinstance(tools, list) else []
    wanted = choice.get("function", choice).get("name") if isinstance(choice, Mapping) else None
    # Mistral says any for required.
    if choice not in ("required", "any") and wanted is None:
        return None
    found = [t for t in offered if t.get("name") == (wanted or t.get("name"))]
    if not found:
        raise Refused(400, f"Tool choice {wanted!r} not found in 'tools' parameter.", param="tool_choice")
    return Tool(found[0]["name"], found[0].get("parameters") or {})


def first_number(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of ``names`` that holds a whole number."""
    return next((body[name] for name in names if isinstance(body.get(name), int)), None)


class _Completions:
    """What the two APIs share: every chunk looks like the answer's own frame."""

    kind = ""
    prefix = ""

    def frame(self, call: Call, choices: list[Json], kind: str = "") -> Json:
        """Return a body or a chunk without its usage."""
        # LiteLLM's groq transformation needs service_tier (llms/groq/chat/transformation.py, 1.106.2).
        return {"id": call.id(self.prefix), "object": kind or self.kind, "created": call.created, "model": call.model,
                "choices": choices, "service_tier": "default", "system_fingerprint": "fp_mock"}

    def stream(self, call: Call, answer: Answer, chunks: list[tuple[Json, bool]], kind: str) -> list[Event]:
        """Return ``chunks`` (a choice, whether it is content) as events with the usage and the end."""
        events = [Event(sse(self.frame(call, [choice], kind)), delta) for choice, delta in chunks]
        options = call.body.get("stream_options") or {}
        if answer.usage and options.get("include_usage"):
            events.append(Event(sse({**self.frame(call, [], kind), "usage": usage(answer)})))
        return [*events, Event(DONE)]

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the event that tells of an error within a stream."""
        return Event(sse(openai_error(status, message, code)))


class Chat(_Completions):
    """POST chat/completions."""

    kind = "chat.completion"
    prefix = "chatcmpl-"

    def question(self, call: Call) -> Question:
        """Return what the messages ask."""
        body = call.body
        messages = [m for m in body.get("messages") or [] if isinstance(m, Mapping)]
        if not messages:
            raise Refused(400, "Missing required parameter: 'messages'.", "missing_required_parameter", "messages")
        form = body.get("response_format") or {}
        schema = (form.get("json_schema") or {}).get("schema") or {} if form.get("type", "text") != "text" else None
        return Question(
            model=call.model, said=last_said(messages), prompt=" ".join(text_of(m.get("content")) for m in messages),
            effort=str(body.get("reasoning_effort") or ""), schema=schema,
            limit=first_number(body, "max_completion_tokens", "max_tokens"),
            tool=required_tool(body.get("tools"), body.get("tool_choice")))

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return a chat completion."""
        message: Json = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
        if answer.tool:
            message |= {"content": None, "tool_calls": [self._tool_call(call, answer.tool.name, answer.text)]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        return self.frame(call, [choice]) | ({"usage": usage(answer)} if answer.usage else {})

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the chunks of a chat completion."""
        start: Json = {"role": "assistant", "content": "" if not answer.tool else None}
        if answer.tool:
            start["tool_calls"] = [{"index": 0, **self._tool_call(call, answer.tool.name, "")}]
        chunks = [(self._choice(start), False)]
        chunks += [(self._choice(self._delta(piece, answer.tool)), True) for piece in answer.pieces]
        chunks.append((self._choice({}, answer.finish), False))
        return self.stream(call, answer, chunks, "chat.completion.chunk")

    @staticmethod
    def _choice(delta: Json, finish: str | None = None) -> Json:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}

    @staticmethod
    def _delta(piece: str, tool: Tool | None) -> Json:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if tool else {"content": piece}

    @staticmethod
    def _tool_call(call: Call, name: str, arguments: str) -> Json:
        return {"id": call.id("call_"), "type": "function", "function": {"name": name, "arguments": arguments}}


class Completions(_Completions):
    """POST completions."""

    kind = "text_completion"
    prefix = "cmpl-"

    def question(self, call: Call) -> Question:
        """Return what the prompt asks."""
        prompt = text_of(call.body.get("prompt"))
        return Question(call.model, said=prompt, prompt=prompt, limit=first_number(call.body, "max_tokens"))

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return a text completion."""
        body = self.frame(call, [self._choice(answer.text, answer.finish)])
        return body | ({"usage": usage(answer)} if answer.usage else {})

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the chunks of a text completion."""
        chunks = [(self._choice(piece, None), True) for piece in answer.pieces]
        return self.stream(call, answer, [*chunks, (self._choice("", answer.finish), False)], self.kind)

    @staticmethod
    def _choice(text: str, finish: str | None) -> Json:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
