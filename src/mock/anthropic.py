"""Anthropic's native messages API."""

import json
from collections.abc import Mapping
from typing import Any

from .answers import Answer, Json, Question, Tool, text_of
from .chat import first_number, last_said
from .wire import Call, Event, Refused, anthropic_error, sse

_STOP = {"length": "max_tokens", "tool_calls": "tool_use"}


class Anthropic:
    """POST messages."""

    def question(self, call: Call) -> Question:
        """Return what the messages ask."""
        body = call.body
        messages = [m for m in body.get("messages") or [] if isinstance(m, Mapping)]
        if not messages:
            raise Refused(400, "messages: Field required", param="messages")
        texts = [text_of(body.get("system")), *(text_of(m.get("content")) for m in messages)]
        budget = (body.get("thinking") or {}).get("budget_tokens")
        return Question(model=call.model, said=last_said(messages), prompt=" ".join(texts).strip(),
                        effort="medium" if budget else "", limit=first_number(body, "max_tokens"), tool=_tool(body))

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return a whole message."""
        block: Json = {"type": "text", "text": answer.text}
        if answer.tool:
            block = {**self._tool_use(call, answer.tool), "input": json.loads(answer.text)}
        return {**self._frame(call, _STOP.get(answer.finish, "end_turn")), "content": [block],
                "usage": usage(answer) if answer.usage else {"input_tokens": 0, "output_tokens": 0}}

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the event stream of one content block."""
        counted = usage(answer)
        block: Json = {"type": "text", "text": ""}
        if answer.tool:
            block = {**self._tool_use(call, answer.tool), "input": {}}
        kind, field = ("input_json_delta", "partial_json") if answer.tool else ("text_delta", "text")
        start = {**self._frame(call, None), "content": [], "usage": {**counted, "output_tokens": 1}}
        end = {"stop_reason": _STOP.get(answer.finish, "end_turn"), "stop_sequence": None}
        parts: list[tuple[str, Json, bool]] = [
            ("message_start", {"message": start}, False),
            ("content_block_start", {"index": 0, "content_block": block}, False),
            *(("content_block_delta", {"index": 0, "delta": {"type": kind, field: piece}}, True)
              for piece in answer.pieces),
            ("content_block_stop", {"index": 0}, False),
            ("message_delta", {"delta": end, "usage": {"output_tokens": counted["output_tokens"]}}, False),
            ("message_stop", {}, False)]
        return [Event(sse({"type": name, **fields}, name), delta) for name, fields, delta in parts]

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the event that tells of an error within a stream."""
        return Event(sse(anthropic_error(status, message), "error"))

    @staticmethod
    def _frame(call: Call, stop: str | None) -> Json:
        return {"id": call.id("msg_"), "type": "message", "role": "assistant", "model": call.model,
                "stop_reason": stop, "stop_sequence": None}

    @staticmethod
    def _tool_use(call: Call, tool: Tool) -> Json:
        return {"type": "tool_use", "id": call.id("toolu_"), "name": tool.name}


def usage(answer: Answer) -> Json:
    """Return token counts as Anthropic reports them: the input leaves out what the cache had."""
    return {"input_tokens": answer.prompt_tokens - answer.cached_tokens, "output_tokens": answer.completion_tokens,
            "cache_read_input_tokens": answer.cached_tokens, "cache_creation_input_tokens": 0}


def _tool(body: Mapping[str, Any]) -> Tool | None:
    choice = body.get("tool_choice") or {}
    offered = [tool for tool in body.get("tools") or [] if isinstance(tool, Mapping)]
    if choice.get("type") not in ("any", "tool"):
        return None
    found = [tool for tool in offered if tool.get("name") == choice.get("name", tool.get("name"))]
    if not found:
        raise Refused(400, "tool_choice: no such tool", param="tool_choice")
    return Tool(found[0]["name"], found[0].get("input_schema") or {})
