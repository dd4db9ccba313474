"""Ollama's own API: one JSON object per line instead of server-sent events."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .answers import Answer, Json, Question, text_of
from .chat import first_number, last_said
from .wire import Call, Event, Refused, encode


class Ollama:
    """POST api/chat, or api/generate where ``chat`` is False."""

    def __init__(self, chat: bool) -> None:
        self._chat = chat

    def question(self, call: Call) -> Question:
        """Return what the messages, or the prompt, ask."""
        body = call.body
        limit = first_number(body.get("options") or {}, "num_predict")
        messages = [m for m in body.get("messages") or [] if isinstance(m, Mapping)]
        if not self._chat:
            prompt = f"{text_of(body.get('system'))} {text_of(body.get('prompt'))}".strip()
            return Question(call.model, said=text_of(body.get("prompt")), prompt=prompt, limit=limit)
        if not messages:
            raise Refused(400, "missing messages", param="messages")
        return Question(call.model, said=last_said(messages), limit=limit,
                        prompt=" ".join(text_of(m.get("content")) for m in messages))

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return the whole answer."""
        counts = {"prompt_eval_count": answer.prompt_tokens, "eval_count": answer.completion_tokens}
        return {**self._frame(call, answer.text), "done": True, "done_reason": answer.finish,
                **(counts if answer.usage else {})}

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the pieces, and a last line with the counts."""
        pieces = [Event(_line({**self._frame(call, piece), "done": False}), delta=True) for piece in answer.pieces]
        return [*pieces, Event(_line({**self.reply(call, answer), **self._said("")}))]

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the line that tells of an error within a stream."""
        return Event(_line({"error": message}))

    def _frame(self, call: Call, text: str) -> Json:
        created = datetime.fromtimestamp(call.created, timezone.utc).isoformat()
        return {"model": call.model, "created_at": created, **self._said(text)}

    def _said(self, text: str) -> Json:
        return {"message": {"role": "assistant", "content": text}} if self._chat else {"response": text}


def _line(value: Any) -> bytes:
    return encode(value) + b"\n"
