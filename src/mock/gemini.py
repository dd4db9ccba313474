"""Gemini's native generateContent and streamGenerateContent."""

import json
from collections.abc import Mapping
from typing import Any

from .answers import Answer, Json, Question, Tool, text_of
from .chat import first_number, required_tool
from .wire import Call, Event, gemini_error, sse

_FINISH = {"length": "MAX_TOKENS"}


class Gemini:
    """POST models/M:generateContent."""

    def question(self, call: Call) -> Question:
        """Return what the contents ask."""
        body = call.body
        contents = [c for c in body.get("contents") or [] if isinstance(c, Mapping)]
        texts = [text_of(c.get("parts")) for c in contents]
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        options = body.get("generationConfig") or {}
        json_wanted = options.get("responseMimeType") == "application/json"
        return Question(
            model=call.model, said=texts[-1] if texts else "", effort=_effort(options.get("thinkingConfig") or {}),
            prompt=" ".join([text_of(system.get("parts")), *texts]).strip(),
            limit=first_number(options, "maxOutputTokens"), tool=_tool(body),
            schema=(options.get("responseSchema") or {}) if json_wanted else None)

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return a whole answer."""
        body = self._frame(call, self._part(answer), _FINISH.get(answer.finish, "STOP"))
        return body | ({"usageMetadata": usage(answer)} if answer.usage else {})

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the answer in pieces; the usage comes with the last one. Gemini sends no ``[DONE]``."""
        last = self.reply(call, answer)
        if answer.tool or not answer.pieces:
            return [Event(sse(last), delta=True)]
        last["candidates"][0]["content"]["parts"] = [{"text": answer.pieces[-1]}]
        frames = [self._frame(call, {"text": piece}) for piece in answer.pieces[:-1]]
        return [Event(sse(frame), delta=True) for frame in (*frames, last)]

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the event that tells of an error within a stream."""
        return Event(sse(gemini_error(status, message)))

    @staticmethod
    def _frame(call: Call, part: Json, finish: str | None = None) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": [part]}, "index": 0}
        candidate |= {"finishReason": finish} if finish else {}
        return {"candidates": [candidate], "modelVersion": call.model, "responseId": call.id("resp-")}

    @staticmethod
    def _part(answer: Answer) -> Json:
        if answer.tool is None:
            return {"text": answer.text}
        return {"functionCall": {"name": answer.tool.name, "args": json.loads(answer.text)}}


def usage(answer: Answer) -> Json:
    """Return token counts as Gemini reports them: its candidates leave the thoughts out."""
    return {"promptTokenCount": answer.prompt_tokens, "thoughtsTokenCount": answer.reasoning_tokens,
            "candidatesTokenCount": answer.completion_tokens - answer.reasoning_tokens,
            "totalTokenCount": answer.total_tokens, "cachedContentTokenCount": answer.cached_tokens}


def _effort(thinking: Mapping[str, Any]) -> str:
    budget = thinking.get("thinkingBudget", 0)
    return str(thinking.get("thinkingLevel") or ("medium" if budget else "")).lower()


def _tool(body: Json) -> Tool | None:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    # Both spellings are Gemini's own; LiteLLM 1.106.2 sends the one with underscores.
    lists = (t.get("functionDeclarations") or t.get("function_declarations") or [] for t in body.get("tools") or [])
    offered = [function for listed in lists for function in listed]
    allowed = config.get("allowedFunctionNames") or []
    offered = [f for f in offered if not allowed or f.get("name") in allowed]
    return required_tool(offered, "required" if config.get("mode") == "ANY" and offered else None)
